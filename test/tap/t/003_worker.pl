# The world worker is terminated, cancelled, and made to fail. It comes back and goes on from the last published tick;
# a command that was in its hands is answered with an unknown outcome, a queued one is applied once.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_game_node('worker', {}, "gamelan.worker_restart_delay_max = '1s'", "gamelan.checkpoint_interval = 0");
my $stepped = create_world($node, 'stepped');
my $running = create_world($node, 'running', rate => 60, start => 1);
$node->safe_psql('game', "SELECT game.step_world($stepped, 50)");

sub goes_on
{
	my ($tick, $what) = @_;
	poll_until($node, "SELECT state = 'running' AND tick > $tick FROM game.world WHERE id = $running", $what);
	return pass($what);
}
sub tick { return $node->safe_psql('game', "SELECT tick FROM game.world WHERE id = $running"); }

# Terminated.
my $stood = hash_of($node, $stepped);
my ($old_worker, $tick) = (worker_pid($node), tick());
$node->safe_psql('postgres', "SELECT pg_terminate_backend($old_worker)");
goes_on($tick, 'after pg_terminate_backend the world goes on');
isnt(worker_pid($node), $old_worker, 'in a new worker');
is(hash_of($node, $stepped), $stood, 'a world that stood still stands where it stood');

# Cancelled: there is no statement to cancel, or the one of a tick that then runs anew.
$tick = tick();
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . worker_pid($node) . ')');
goes_on($tick, 'after pg_cancel_backend the world goes on');
is(hash_of($node, $stepped), $stood, 'and the other one stands where it stood');

# The launcher and the checkpointer, terminated.
for my $kind ('gamelan launcher', 'gamelan checkpointer')
{
	my $pid = worker_pid($node, $kind);
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
	poll_until($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = '$kind' AND pid <> $pid", "there is a new $kind", 'postgres');
	pass("the $kind comes back");
}
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'gamelan world worker'"), '1',
	'a new launcher starts no second world worker');

# A tick whose write fails.
my $since = log_position($node);
$node->safe_psql('game', "SELECT game.pause_world($running)");
wait_until_ready($node, $running, 'paused');
my $paused = hash_of($node, $running);
$node->safe_psql('game', 'ALTER TABLE game.tick_log ADD CONSTRAINT refused CHECK (false) NOT VALID');
$node->safe_psql('game', "SELECT game.enqueue($stepped, 'join', '{\"name\": \"queued\"}')");
my $worker = worker_pid($node);
like(error_of($node, 'game', "SELECT game.step_world($stepped)"), qr/23514: the tick could not be written: new row .*DETAIL:  Nothing of it was applied/s,
	'who waits for a tick that fails is told so');
ok(log_has($node, qr/WARNING:  the tick could not be written: new row for relation "tick_log\w*" violates/, $since), 'the log tells why');
wait_until_ready($node, $stepped, 'created');
is(hash_of($node, $stepped), $stood, 'the failed tick left no trace');
is($node->safe_psql('game', "SELECT count(*) FROM game.inbox WHERE world = $stepped"), '1', 'the queued command waits');

# A world that ticks by itself tries it again and again.
$node->safe_psql('game', "SELECT game.enqueue($running, 'join', '{\"name\": \"queued\"}'), game.resume_world($running)");
poll_until($node, "SELECT state = 'stalled' AND reason LIKE 'the tick could not be written%' FROM game.world WHERE id = $running", 'the world is stalled');
for (1 .. 3)
{
	my $from = log_position($node);
	wait_for_log($node, qr/WARNING:  the tick could not be written/, $from);
}
is(worker_pid($node), $worker, 'the worker lives on');
is($node->safe_psql('game', 'SELECT count(*) FROM game.event'), '0', 'nothing of a failed tick is kept');
$node->safe_psql('game', 'ALTER TABLE game.tick_log DROP CONSTRAINT refused');
goes_on((split ' ', $paused)[0], 'once the write succeeds, the world goes on');
is(state_of($node, $running), 'running', 'and is not stalled any more');
is($node->safe_psql('game', "SELECT game.step_world($stepped)"), '51', 'and the other one takes the step');
poll_until($node, 'SELECT count(*) = 2 FROM game.event', 'both queued commands are applied');
is($node->safe_psql('game', "SELECT string_agg(world || ' ' || kind, ', ' ORDER BY world) FROM game.event"), "$stepped joined, $running joined",
	'each queued command is applied once');
is($node->safe_psql('game', 'SELECT count(*) FROM game.inbox'), '0', 'and none waits any more');
my $twin = create_world($node, 'twin');
$node->safe_psql('game', "SELECT game.step_world($twin, 50)");
$node->safe_psql('game', "SELECT game.enqueue($twin, 'join', '{\"name\": \"queued\"}')");
$node->safe_psql('game', "SELECT game.step_world($twin)");
is(hash_of($node, $stepped), hash_of($node, $twin), 'the state is that of a world to which nothing happened');

# A table that is not even there.
$since = log_position($node);
$node->safe_psql('game', 'ALTER TABLE game.tick_log RENAME TO tick_log_away');
$node->psql('game', "SELECT game.enqueue($running, 'join', '{\"name\": \"without a log\"}')");
wait_for_log($node, qr/WARNING:  the tick could not be written: relation "game.tick_log" does not exist/, $since);
$node->safe_psql('game', 'ALTER TABLE game.tick_log_away RENAME TO tick_log');
poll_until($node, "SELECT count(*) = 1 FROM game.event WHERE payload ->> 'name' = 'without a log'", 'the command is applied');
pass('a table that went away and came back is found again');

# What the worker cannot do without: it ends, and is started again as long as it fails.
$node->safe_psql('game', "ALTER TABLE game.dropped_world RENAME TO dropped_world_away; SELECT game.set_tick_rate($running, 21)");
for (1 .. 3)
{
	my $from = log_position($node);
	wait_for_log($node, qr/ERROR:  relation "game.dropped_world" does not exist/, $from);
}
$node->safe_psql('game', 'ALTER TABLE game.dropped_world_away RENAME TO dropped_world');
wait_until_ready($node, $running, 'running');
pass('the worker is started again as long as it fails');

# A caller who is killed leaves nothing that anybody waits for.
my $caller = $node->background_psql('game', on_error_stop => 0);
my $caller_pid = $caller->query_safe('SELECT pg_backend_pid()');
$caller->{stdin} .= "SELECT game.step_world($stepped, 1000000);\n";
$caller->{run}->pump_nb;
poll_until($node, "SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = $caller_pid", 'the caller waits', 'postgres');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($caller_pid)");
poll_until($node, "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $caller_pid", 'the caller has gone', 'postgres');
like($node->safe_psql('game', "SELECT game.step_world($stepped)"), qr/^\d+$/, 'a million steps whose caller has gone are given up');
like(error_of($node, 'game', "SET statement_timeout = 300; SELECT game.step_world($stepped, 1000000)"), qr/57014/, 'a waiting call can be cancelled');

# Settings are read again.
is($node->safe_psql('game', 'SELECT count(*) FROM game.checkpoint'), '0', 'checkpoints are off');
$node->append_conf('postgresql.conf', "gamelan.checkpoint_interval = '1s'");
$node->reload;
poll_until($node, "SELECT count(*) > 0 FROM game.checkpoint WHERE world = $running", 'checkpoints are on');
pass('after a reload there are checkpoints');

# A fast shutdown ends everything in order: the newest tick of every world is durable. The limit is a guard against hanging.
$node->safe_psql('game', "SELECT game.pause_world($running)");
wait_until_ready($node, $running, 'paused');
my @before = (hash_of($node, $stepped), hash_of($node, $running));
$node->safe_psql('game', "SELECT game.resume_world($running)");
wait_until_ready($node, $running, 'running');
$tick = tick();
command_ok([ 'pg_ctl', '-D', $node->data_dir, '-m', 'fast', '-t', '60', '-w', 'stop' ], 'a fast shutdown ends the server');
$node->_update_pid(0);
$node->start;
goes_on($tick, 'after it the running world goes on from no earlier tick');
is((hash_of($node, $stepped))[0], $before[0], 'and the other one stands where it stood');
ok(!log_has($node, qr/PANIC|terminated by signal|TRAP|server process .* was terminated/, 0), 'nothing crashed');

$node->stop;
done_testing();
