# What happens when memory is short: the world in question stops and names the setting, the others go on.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_game_node('memory', {}, "gamelan.memory = '16MB'", 'gamelan.max_worlds = 3', 'gamelan.checkpoint_interval = 0',
	'gamelan.max_command_bytes = 512');
my $small = create_world($node, 'small', rate => 60, start => 1);

sub goes_on
{
	my ($what) = @_;
	my $tick = $node->safe_psql('game', "SELECT tick FROM game.world WHERE id = $small");
	poll_until($node, "SELECT state = 'running' AND tick > $tick FROM game.world WHERE id = $small", $what);
	return pass($what);
}
sub create_huge
{
	my ($name, $frequency, $layers) = @_;
	return $node->safe_psql('game', "SELECT game.create_world('$name', 'hexfactory', seed => 1, config => '{\"frequency\": $frequency, \"layers\": $layers}')");
}

# Too big from the beginning.
my $since = log_position($node);
my $huge = create_huge('huge', 1024, 2);
poll_until($node, "SELECT state = 'failed' FROM game.world WHERE id = $huge", 'the huge world has failed');
like($node->safe_psql('game', "SELECT reason FROM game.world WHERE id = $huge"), qr/memory/, 'a world that does not fit says so');
wait_for_log($node, qr/WARNING: .*world $huge .*memory/, $since);
like(slurp_file($node->logfile, $since), qr/gamelan\.(world_memory_limit|memory)/, 'and the log names the setting');
like(error_of($node, 'game', "SELECT game.call($huge, 'join', '{\"name\": \"x\"}')"), qr/WG010/, 'and nobody can act in it');
is($node->safe_psql('game', "SELECT memory FROM game.world WHERE id = $huge"), '0', 'what it had taken is back');
goes_on('the small world goes on');
# Any change of a definition makes the worker look at all worlds again.
$node->safe_psql('game', "SELECT game.set_tick_rate($small, 50)");
goes_on('and again');
isnt(state_of($node, $huge), 'created', 'a world that failed to be generated is not taken for an empty one');
like(error_of($node, 'game', "SELECT game.state_hash($huge)"), qr/WG010|WG001|53200/, 'and has no state to read');

# No place in the table of worlds.
my $third = create_world($node, 'third');
$since = log_position($node);
my $fourth = create_huge('fourth', 1, 1);
wait_for_log($node, qr/WARNING:  world $fourth cannot be loaded: .*\n.*HINT: .*gamelan\.max_worlds/, $since);
pass('a world for which there is no place is told of, with the setting');
goes_on('the others go on');
$node->safe_psql('game', "SELECT game.drop_world($huge)");
poll_until($node, "SELECT memory > 0 FROM game.world WHERE id = $fourth", 'the waiting world gets the place of the one that was dropped');
pass('the waiting world gets the place of the one that was dropped');
$node->safe_psql('game', "SELECT game.drop_world($fourth)");
poll_until($node, "SELECT count(*) = 2 FROM game._world_runtime()", 'it has gone');

# Worlds one after another: what one gives back is there for the next.
for my $turn (1 .. 5)
{
	my $world = create_world($node, "turn $turn", config => '{"frequency": 256}');
	$node->safe_psql('game', "SELECT game.step_world($world, 3)");
	$node->safe_psql('game', "SELECT game.drop_world($world)");
	poll_until($node, 'SELECT count(*) = 2 FROM game._world_runtime()', 'it has gone');
}
pass('memory of dropped worlds can be used again');

# A limit for each world.
$node->append_conf('postgresql.conf', "gamelan.world_memory_limit = '1MB'");
$node->reload;
$since = log_position($node);
poll_until($node, "SELECT setting = '1' FROM pg_settings WHERE name = 'gamelan.world_memory_limit'", 'the limit is set');
my $limited = create_huge('limited', 256, 1);
poll_until($node, "SELECT state = 'failed' AND reason ~ 'memory' FROM game.world WHERE id = $limited", 'a world beyond its own limit fails');
like(slurp_file($node->logfile, $since), qr/gamelan\.world_memory_limit/, 'a world beyond its own limit fails, and the log names the setting');
goes_on('the small world goes on');

# One that fits as it is, and has no room for its next version: it stops in mid-tick, and what is queued for it stays queued.
$node->safe_psql('game', "SELECT game.drop_world($limited)");
poll_until($node, 'SELECT count(*) = 2 FROM game._world_runtime()', 'the limited world has gone');
my $tight = create_huge('tight', 128, 2);
poll_until($node, "SELECT memory > 0 FROM game.world WHERE id = $tight", 'it is loaded');
$node->safe_psql('game', "SELECT game.enqueue($tight, 'join', '{\"name\": \"patient\"}'); SELECT game.start_world($tight)");
poll_until($node, "SELECT state = 'paused' AND reason ~ 'gamelan.world_memory_limit' FROM game.world WHERE id = $tight",
	'a world that runs out of memory in a tick pauses and names the setting');
is($node->safe_psql('game', "SELECT tick FROM game.world WHERE id = $tight"), '0', 'the tick left no trace');
is($node->safe_psql('game', "SELECT count(*) FROM game.inbox WHERE world = $tight"), '1', 'the queued command is still queued');
goes_on('the small world goes on');
$node->append_conf('postgresql.conf', 'gamelan.world_memory_limit = 0');
$node->reload;
poll_until($node, "SELECT setting = '0' FROM pg_settings WHERE name = 'gamelan.world_memory_limit'", 'the limit is lifted');
kill 'TERM', worker_pid($node, 'gamelan world worker');
poll_until($node, "SELECT count(*) = 1 FROM game.players($tight) WHERE name = 'patient'", 'with room, the queued command is applied');
is($node->safe_psql('game', "SELECT count(*) FROM game.inbox WHERE world = $tight"), '0', 'once');

# Answers and commands have a size, too.
like(error_of($node, 'game', "SELECT game.call($small, 'join', jsonb_build_object('name', repeat('x', 1000)))"),
	qr/54000: the command is too large.*HINT:  Raise gamelan.max_command_bytes/s, 'a command that is too large names the setting');
ok(!log_has($node, qr/PANIC|terminated by signal|TRAP/, 0), 'nothing crashed');

$node->stop;
done_testing();
