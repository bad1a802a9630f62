# What may happen to the database whose worlds are played, while they tick: it is dropped, forced away, renamed, copied,
# moved; the extension is dropped. Each command works at once, and the worlds tick again when there are any.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_game_node('databases', {});

sub ticking_world
{
	my ($name) = @_;
	my $world = create_world($node, $name, rate => 60, start => 1);
	poll_until($node, "SELECT tick > 5 FROM game.world WHERE id = $world", "$name ticks");
	return $world;
}

sub goes_on
{
	my ($world, $tick, $what) = @_;
	poll_until($node, "SELECT state = 'running' AND tick > $tick FROM game.world WHERE id = $world", $what);
	return pass($what);
}

my $world = ticking_world('first');

# A command that is refused leaves the worlds at it.
my $session = $node->background_psql('game');
$session->query_safe('SELECT 1');
isnt(error_of($node, 'postgres', 'DROP DATABASE game'), '', 'DROP DATABASE is refused while a session is connected');
goes_on($world, $node->safe_psql('game', "SELECT tick FROM game.world WHERE id = $world"), 'and the world goes on');
$session->quit;
$node->safe_psql('postgres', 'CREATE ROLE nobody LOGIN');
my $worker = worker_pid($node);
like(error_of($node, 'postgres', 'SET ROLE nobody; DROP DATABASE game'),
	qr/must be owner/, 'DROP DATABASE is refused to those who may not');
is(worker_pid($node), $worker, 'and does not even stop the worker');

# Copies.
is(error_of($node, 'postgres', 'CREATE DATABASE copy TEMPLATE game'), '', 'CREATE DATABASE … TEMPLATE works while the world ticks');
goes_on($world, $node->safe_psql('copy', "SELECT tick FROM game.world_head WHERE world = $world"), 'the world goes on after it');
like(error_of($node, 'copy', "SELECT game.step_world($world)"), qr/WG013: no world is played in this database/, 'the copy is not played, and says so');
is($node->safe_psql('copy', "SELECT name FROM game.world"), 'first', 'but is all there');

# Renamed away, and back.
is(error_of($node, 'postgres', 'ALTER DATABASE game RENAME TO elsewhere'), '', 'ALTER DATABASE … RENAME works while the world ticks');
my $tick = $node->safe_psql('elsewhere', "SELECT tick FROM game.world_head WHERE world = $world");
like(error_of($node, 'elsewhere', "SELECT game.step_world($world)"), qr/WG013/, 'nothing is played under the other name');
is(error_of($node, 'postgres', 'ALTER DATABASE elsewhere RENAME TO game'), '', 'and back');
goes_on($world, $tick, 'the world goes on from where it was');

# Moved.
$node->append_conf('postgresql.conf', 'allow_in_place_tablespaces = on');
$node->reload;
$node->safe_psql('postgres', "CREATE TABLESPACE other LOCATION ''");
is(error_of($node, 'postgres', 'ALTER DATABASE game SET TABLESPACE other'), '', 'ALTER DATABASE … SET TABLESPACE works while the world ticks');
goes_on($world, $tick, 'and the world goes on');

# The copy takes the place of the original: the worlds are those of the copy.
is(error_of($node, 'postgres', 'DROP DATABASE game'), '', 'DROP DATABASE works while the world ticks');
my $since = log_position($node);
is(error_of($node, 'postgres', 'ALTER DATABASE copy RENAME TO game'), '', 'another database takes the name');
$tick = $node->safe_psql('game', "SELECT tick FROM game.world_head WHERE world = $world");
goes_on($world, $tick, 'and its worlds are played');

is(error_of($node, 'postgres', 'DROP DATABASE game WITH (FORCE)'), '', 'DROP DATABASE … WITH (FORCE) works while the world ticks');
poll_until($node, "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type IN ('gamelan world worker', 'gamelan checkpointer')",
	'the workers have gone', 'postgres');
is(worker_pid($node, 'gamelan launcher') ne '', 1, 'the launcher waits for a new database');
add_game_database($node);
$world = ticking_world('second');
pass('a new database of that name is found, and its world ticks');
ok(!log_has($node, qr/FATAL:  database "game" does not exist/, $since), 'no worker was sent to a database that is not there');

# The extension goes and comes.
$since = log_position($node);
is(error_of($node, 'game', 'DROP EXTENSION gamelan'), '', 'DROP EXTENSION works while the world ticks');
is(error_of($node, 'game', 'CREATE EXTENSION gamelan'), '', 'and CREATE EXTENSION after it');
is($node->safe_psql('game', 'SELECT count(*) FROM game.world'), '0', 'it starts empty');
$world = ticking_world('third');
pass('and its worlds tick');
$node->safe_psql('game', 'BEGIN; DROP EXTENSION gamelan; ROLLBACK');
goes_on($world, $node->safe_psql('game', "SELECT tick FROM game.world WHERE id = $world"), 'a DROP EXTENSION that is rolled back changes nothing');
ok(!log_has($node, qr/PANIC|terminated by signal|TRAP/, 0), 'nothing crashed');

$node->stop;
done_testing();
