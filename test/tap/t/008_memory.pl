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
pass('and so does the log');
like(error_of($node, 'game', "SELECT game.call($huge, 'join', '{\"name\": \"x\"}')"), qr/WG010/, 'and nobody can act in it');
goes_on('the small world goes on');

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
pass('a world beyond its own limit fails, though there is memory');
goes_on('the small world goes on');

# Answers and commands have a size, too.
like(error_of($node, 'game', "SELECT game.call($small, 'join', jsonb_build_object('name', repeat('x', 1000)))"),
	qr/54000: the command is too large.*HINT:  Raise gamelan.max_command_bytes/s, 'a command that is too large names the setting');
ok(!log_has($node, qr/PANIC|terminated by signal|TRAP/, 0), 'nothing crashed');

$node->stop;
done_testing();
