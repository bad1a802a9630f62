# The same seed and commands lead to the same states: in kernels as through PostgreSQL's executor, whether workers and servers are
# killed in between or not. Ten thousand ticks, compared all along.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant TICKS => 10_000;
use constant CHUNK => 100;

my $compiled = new_game_node('compiled');
my $executed = new_game_node('executed', {}, 'gamelan.compile = off');
my $game = slurp_file("$FindBin::RealBin/../games/duel.sql");
my $world = 1;
for my $node ($compiled, $executed)
{
	$node->safe_psql('game', $game);
	$node->safe_psql('game', "SELECT count(*) FROM game.spawn_many($world, 40, 'man'); SELECT game.step_world($world, 1)");
	$node->safe_psql('game', 'UPDATE duel.attack SET target = (entity % 40) + 1');
	$node->safe_psql('game', 'UPDATE duel.health SET armour = entity % 4');
	$node->safe_psql('game', 'UPDATE duel.life SET alive = (hashint8(cell) % 3 = 0)');
}
is($compiled->safe_psql('game', "SELECT string_agg(system, ',' ORDER BY system) FROM game.pg_stat_gamelan_systems WHERE path = 'executor'"),
	'watch', 'one cluster compiles all but what cannot be');
is($executed->safe_psql('game', "SELECT count(*) FROM game.pg_stat_gamelan_systems WHERE path <> 'executor'"), '0', 'the other nothing');

my $kills = 0;
my $differing;
for my $chunk (1 .. TICKS / CHUNK)
{
	my $victim = $chunk * 7 % 40 + 1;
	my $commands = "SELECT game.enqueue($world, 'hit', '{\"victim\": $victim, \"strength\": $chunk}');
		UPDATE duel.attack SET damage = damage % 9 + 1 WHERE entity % 5 = $chunk % 5;
		SELECT game.step_world($world, @{[CHUNK]})";
	$_->safe_psql('game', $commands) for $compiled, $executed;
	my ($one, $other) = map { hash_of($_, $world) } $compiled, $executed;
	if ($one ne $other)
	{
		$differing = "$one, $other";
		last;
	}
	# Its memory outlives the worker; not the server.
	next unless $chunk % 20 == 0;
	if ($chunk % 40 == 0)
	{
		kill_and_start_again($compiled);
	}
	else
	{
		kill 'TERM', worker_pid($compiled);
	}
	wait_until_ready($compiled, $world, 'created');
	is(hash_of($compiled, $world), $one, "after " . ($chunk % 40 == 0 ? 'the server was killed' : 'the worker ended') . ' the state is the same');
	$kills++;
}
is($differing, undef, 'both paths lead to the same states');
is($kills, 5, 'with the server or its worker ended five times');
is($compiled->safe_psql('game', 'SELECT system, sqlstate, count, entity FROM game.system_error'), "broken|22012|10|2",
	'a system that fails ten times is suspended, and leaves nothing');
is($compiled->safe_psql('game', q{SELECT count(*) FROM game.event WHERE kind = 'died'}),
	$executed->safe_psql('game', q{SELECT count(*) FROM game.event WHERE kind = 'died'}), 'both tell of the same deaths');
$compiled->stop;
$executed->stop;
done_testing();
