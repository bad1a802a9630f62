# A transaction that changes a component and writes rows that need the change: the world never sees one without the other.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant ROUNDS => 100;

my $node = new_game_node('together', {}, 'gamelan.checkpoint_interval = 0');
sub sql { return $node->safe_psql('game', $_[0]) }

sql(q{SELECT game.create_game('arena')});
sql(q{CREATE FOREIGN TABLE arena.bag (gold int NOT NULL DEFAULT 0) INHERITS (game.component) SERVER gamelan});
my $world = sql(q{SELECT game.create_world('first', 'arena', seed => 1, tick_rate => 240)});
sql("SELECT game.start_world($world); ");
sql("SELECT count(*) FROM game.spawn_many($world, @{[ROUNDS]})");
sql("SELECT game.sync($world)");

# Another session keeps the inbox busy, so that ticks read it all the time.
my $loop = $node->background_psql('game', on_error_stop => 0);
$loop->{stdin} .= <<"SQL";
DO \$\$ BEGIN
  WHILE NOT EXISTS (SELECT FROM pg_class WHERE relname = 'stopped') LOOP
    PERFORM game.put($world, 1, 'arena.bag', '{"gold": 5}'); COMMIT;
  END LOOP;
END \$\$;
SQL
$loop->{run}->pump_nb;

sql(<<"SQL");
DO \$\$ BEGIN
  FOR i IN 2 .. @{[ROUNDS]} LOOP
    EXECUTE format('ALTER FOREIGN TABLE arena.bag ADD COLUMN c%s int', i);
    EXECUTE format('INSERT INTO arena.bag (world, entity, gold, c%s) VALUES ($world, %s, %s, %s)', i, i, i, i);
    COMMIT;
    PERFORM game.sync($world);
    EXECUTE format('ALTER FOREIGN TABLE arena.bag DROP COLUMN c%s', i);
    COMMIT;
  END LOOP;
END \$\$;
SQL
is(sql('SELECT count(*) FROM game.conflict'), '0', 'no row was refused because its column was not known yet');
is(sql('SELECT count(*) FROM arena.bag WHERE entity > 1 AND gold = entity'), ROUNDS - 1, 'and all are there');
sql('CREATE TABLE stopped ()');
$loop->quit;

# So says a replay of the log, which has all of it.
my $stood = pause_at_rest($node, $world);
kill_and_start_again($node);
wait_until_ready($node, $world, 'paused');
is(hash_of($node, $world), $stood, 'a replay comes to the same state');

$node->stop;
done_testing();
