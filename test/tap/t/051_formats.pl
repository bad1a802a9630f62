# What is stored says in which format it is: a change of a game is a log entry, and a full checkpoint follows; what a later
# version wrote is refused by its name.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_game_node('formats', {}, "gamelan.checkpoint_interval = '1h'", 'gamelan.checkpoint_strategy = incremental');
sub sql { return $node->safe_psql('game', $_[0]) }

sql(q{
	SELECT game.create_game('arena');
	CREATE FOREIGN TABLE arena.body (hp int NOT NULL DEFAULT 100) INHERITS (game.component) SERVER gamelan;
	SELECT game.create_world('w', 'arena', seed => 7)});
wait_until_ready($node, 1, 'created');
sql(q{SELECT game.spawn_many(1, 3); SELECT game.step_world(1, 3); SELECT game.checkpoint(1); SELECT game.step_world(1)});
sql('SELECT game.checkpoint(1)');
is(sql('SELECT string_agg(kind, $$ $$ ORDER BY tick) FROM game.checkpoint'), 'full incremental', 'one checkpoint builds on the other');
my $logged = sql('SELECT max(tick) FROM game.tick_log');
sql('ALTER FOREIGN TABLE arena.body ADD COLUMN armour int NOT NULL DEFAULT 5');
sql('SELECT game.step_world(1)');
cmp_ok(sql('SELECT max(tick) FROM game.tick_log'), '>', $logged, 'a changed definition is a row of the log');
poll_until($node, q{SELECT count(*) = 3 FROM game.checkpoint}, 'a checkpoint follows by itself');
is(sql('SELECT kind FROM game.checkpoint ORDER BY tick DESC LIMIT 1'), 'full', 'and is a full one');
is(sql(q{SELECT string_agg(DISTINCT substr(commands, 1, 4), ' ') FROM game.tick_log}), '\x474c4303', 'rows of the log say their format and its version');
is(sql(q{SELECT string_agg(DISTINCT format_version || ' ' || substr(layout, 1, 4), ' ') FROM game.checkpoint}), '3 \x474c4401', 'and so do checkpoints, and the definitions in them');

# As a later version would have written it: passed over, and named.
my $state = hash_of($node, 1);
sql('UPDATE game.checkpoint SET format_version = 4');
$node->restart;
wait_until_ready($node, 1, 'created');
is(hash_of($node, 1), $state, 'a world whose checkpoints cannot be read plays its log from the beginning');
like(sql('SELECT damage FROM game.recovery'), qr/tick \d+: a checkpoint has format version 4 \(zstd\), this library knows version 3 \(zstd\)/, 'and says which version they have');
like(sql('SELECT string_agg(message, $$ $$) FROM game.verify(1) WHERE NOT ok'), qr/a checkpoint has format version 4/, 'game.verify says so, too');
sql('DELETE FROM game.tick_log WHERE tick = (SELECT min(tick) FROM game.tick_log)');
$node->restart;
poll_until($node, q{SELECT state = 'failed' FROM game.world WHERE id = 1}, 'the world is looked at');
is(sql('SELECT count(*) FROM game.checkpoint'), '3', 'where the log cannot do without them the world stays stopped, and nothing is deleted');
sql('UPDATE game.checkpoint SET format_version = 3');
$node->restart;
wait_until_ready($node, 1, 'created');
is(hash_of($node, 1), $state, 'until a library comes that can read them');
$node->stop;
done_testing();
