# pg_dump of a live world is a save: restored into another cluster, with other settings, it goes on to the same states.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $directory = $PostgreSQL::Test::Utils::tmp_check;
my $node = new_game_node('live', {}, "gamelan.checkpoint_interval = '1s'");
my $running = create_world($node, 'running', seed => 7, rate => 60, config => '{"frequency": 16, "layers": 2}', start => 1);
my $still = create_world($node, 'still', seed => 8);
my $queued = create_world($node, 'queued', seed => 9);
$node->safe_psql('game', "SELECT game.step_world($still, 30)");
$node->safe_psql('game', "SELECT game.call($running, 'join', '{\"name\": \"Ada\"}')");
my $cell = $node->safe_psql('game', "SELECT cell FROM game.cells($running) WHERE slot = 100");
$node->safe_psql('game', "SELECT game.call($running, 'claim', '{\"cell\": $cell}')");
$node->safe_psql('game', "SELECT game.call($running, 'plant', '{\"cell\": $cell, \"resource\": 1}')");
$node->safe_psql('game', "SELECT game.enqueue($queued, 'join', '{\"name\": \"Bob\"}')");
poll_until($node, "SELECT count(*) > 1 FROM game.checkpoint WHERE world = $running", 'there are checkpoints');

command_ok([ 'pg_dump', '-Fc', '-f', "$directory/live.dump", '-d', $node->connstr('game') ], 'pg_dump of a running world succeeds');
command_ok([ 'pg_dump', '-Fp', '-f', "$directory/live.sql", '-d', $node->connstr('game') ], 'also in plain format');
# Nothing but time passes after the dump.
my $here = pause_at_rest($node, $running);
my $still_here = hash_of($node, $still);
$node->safe_psql('game', "SELECT game.step_world($queued)");
my $queued_here = hash_of($node, $queued);

# Brings the restored world to the tick of the original, or the original to the restored one's, whichever is behind.
sub compare
{
	my ($copy, $what) = @_;
	my $there = pause_at_rest($copy, $running);
	my ($tick_here) = split ' ', hash_of($node, $running);
	my ($tick_there) = split ' ', $there;
	my ($behind, $by) = $tick_here < $tick_there ? ($node, $tick_there - $tick_here) : ($copy, $tick_here - $tick_there);
	$behind->safe_psql('game', "SELECT game.step_world($running, $by)");
	is(hash_of($copy, $running), hash_of($node, $running), "$what: the running world comes to the same state at the same tick");
	is(hash_of($copy, $still), $still_here, "$what: the one that stood still stands there");
	is($copy->safe_psql('game', "SELECT game.step_world($queued)"), '1', "$what: the queued command was saved");
	is(hash_of($copy, $queued), $queued_here, "$what: and is applied");
	is($copy->safe_psql('game', "SELECT count(*) FROM game.event"), $node->safe_psql('game', 'SELECT count(*) FROM game.event'),
		"$what: all events are there");
	is($copy->safe_psql('game', "SELECT owner FROM game.cells($running, '{$cell}')"), '1', "$what: and so is the claim");
	# Numbers go on where they were.
	my $new = create_world($copy, "new $what", seed => 1);
	cmp_ok($new, '>', $queued, "$what: a new world gets a new id");
	return;
}

my $custom = new_game_node('custom', { bare => 1 }, "gamelan.memory = '200MB'", 'gamelan.max_worlds = 8');
$custom->safe_psql('postgres', 'CREATE DATABASE game');
command_ok([ 'pg_restore', '--exit-on-error', '-d', $custom->connstr('game'), "$directory/live.dump" ], 'pg_restore succeeds');
wait_until_ready($custom, $running, 'running');
compare($custom, 'custom format');
$custom->stop;

my $plain = new_game_node('plain', { bare => 1 }, "gamelan.memory = '32MB'", "gamelan.checkpoint_interval = 0");
$plain->safe_psql('postgres', 'CREATE DATABASE game');
command_ok([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $plain->connstr('game'), '-f', "$directory/live.sql", '-o', '/dev/null' ],
	'the plain dump loads');
wait_until_ready($plain, $running, 'running');
compare($plain, 'plain format');

# In one transaction, and with the privileges of the original.
is($plain->safe_psql('game', "SELECT has_function_privilege('gamelan_player', 'game.call(bigint, text, jsonb)', 'EXECUTE')"), 't',
	'privileges are restored');
$plain->stop;
my $single = new_game_node('single', { bare => 1 });
$single->safe_psql('postgres', 'CREATE DATABASE game');
command_ok([ 'pg_restore', '--single-transaction', '-d', $single->connstr('game'), "$directory/live.dump" ], 'pg_restore --single-transaction succeeds');
wait_until_ready($single, $running, 'running');
compare($single, 'single transaction');
$single->stop;

$node->stop;
done_testing();
