# Ticks go on while the disk, or a standby, takes its time; what is published and answered waits for it, as the world's durability says.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Whoever writes a page brings the log to disk before: so that nobody has to.
my $node = new_game_node('durable', { streaming => 1 }, 'gamelan.checkpoint_interval = 0', 'autovacuum = off', "gamelan.head_interval = '1h'",
	"shared_buffers = '64MB'", 'bgwriter_lru_maxpages = 0', "checkpoint_timeout = '1h'", 'restart_after_crash = on');
sub sql { return $node->safe_psql('game', $_[0]) }

# A disk that takes for ever: neither our flusher nor the server's own writer of the log gets to it.
my $writer;

sub stop_flushing
{
	$writer = worker_pid($node, 'walwriter');
	kill 'STOP', $writer;
	$node->append_conf('postgresql.conf', "gamelan.pause_at = 'flush'");
	$node->reload;
	return;
}

sub go_on_flushing
{
	$node->append_conf('postgresql.conf', "gamelan.pause_at = ''");
	$node->reload;
	kill 'CONT', $writer;
	poll_until($node, 'SELECT bool_and(durable_tick = tick) FROM game.world', 'all is on disk');
	return;
}

# A player joins: "answered N", or an error.
sub join_of
{
	my ($world, $name) = @_;
	return "SELECT coalesce(sqlstate || message, 'answered ' || tick) FROM game.calls($world, '{$name}', '{join}', ARRAY['{\"name\": \"$name\"}'::jsonb], '{0}')";
}

# The same on its way: a session that waits for its answer.
sub start_call
{
	my ($world, $name) = @_;
	my $session = $node->background_psql('game', on_error_stop => 0);
	$session->{stdin} .= join_of($world, $name) . ";\n";
	$session->{run}->pump_nb;
	return $session;
}

sub is_answered
{
	my ($session) = @_;
	$session->{run}->pump_nb;
	return $session->{stdout} =~ /answered/ ? 1 : 0;
}

sub wait_for_answer
{
	my ($session) = @_;
	my $tries = 0;
	until (is_answered($session))
	{
		die 'no answer' if ++$tries > 600;
		select(undef, undef, undef, 0.1);
	}
	return 1;
}

sub tick_of { return sql("SELECT tick FROM game.world WHERE id = $_[0]") }
sub players { return sql("SELECT count(*) FROM game.player WHERE world = $_[0]") }

like(error_of($node, 'game', q{SELECT game.create_world('x', 'hexfactory', durability => 'eventual')}),
	qr/22023: there is no durability called "eventual".*HINT:  There are: sync/s, 'an unknown durability');
like(error_of($node, 'game', q{SELECT game.create_world('x', 'hexfactory', durability => 'replicated')}),
	qr/55000: this server has no synchronous standby/, 'one that the server cannot keep');
like(error_of($node, 'game', q{SELECT game.set_durability(99, 'relaxed')}), qr/WG001/, 'of no world');

my $sync = create_world($node, 'sync', rate => 60, start => 1);
my $relaxed = create_world($node, 'relaxed', rate => 60);
sql("SELECT game.set_durability($relaxed, 'relaxed'); SELECT game.start_world($relaxed)");
is(sql('SELECT string_agg(durability, \' \' ORDER BY id) FROM game.world'), 'sync relaxed', 'game.world tells');

# The flusher stands still, as a slow disk would.
stop_flushing();
my $since = log_position($node);
my $synchronous = start_call($sync, 'one');
my $early = start_call($relaxed, 'two');
wait_for_log($node, qr/pausing at "flush"/, $since);
poll_until($node, "SELECT tick > durable_tick + 10 FROM game.world WHERE id = $relaxed", 'the relaxed world goes on, and tells what is durable');
is(sql("SELECT count(*) FROM game.world WHERE id = $sync AND tick = durable_tick"), '1', 'the other shows nothing that is not');
my $shown = tick_of($sync);
# Both are past 64 unflushed ticks by then, and wait.
my $ahead = sql("SELECT durable_tick + 64 FROM game.world WHERE id = $relaxed");
poll_until($node, "SELECT tick = $ahead FROM game.world WHERE id = $relaxed", 'up to gamelan.max_unflushed_ticks');
is(tick_of($sync), $shown, 'what is shown stands still');
ok(!is_answered($synchronous) && !is_answered($early), 'neither is answered');
is(sql("SELECT count(*) FROM game.tick_log WHERE world = $sync"), '1', 'though its tick is committed');
go_on_flushing();
ok(wait_for_answer($synchronous) && wait_for_answer($early), 'both are answered once it is on disk');
poll_until($node, "SELECT tick > $ahead FROM game.world WHERE id = $sync", 'both go on');
poll_until($node, "SELECT bool_and(tick - durable_tick < 5) FROM game.world", 'with hardly anything in between');
$_->quit for $synchronous, $early;

# A crash before the flush: the relaxed world loses what it showed and never acknowledged.
stop_flushing();
$since = log_position($node);
my $lost = start_call($relaxed, 'lost');
wait_for_log($node, qr/pausing at "flush"/, $since);
poll_until($node, "SELECT tick > durable_tick FROM game.world WHERE id = $relaxed", 'a tick is shown that is not on disk');
ok(!is_answered($lost), 'nobody was told that it is');
kill 'KILL', $writer; # the server takes that for a crash, and recovers from its log
poll_until($node, "SELECT pid <> $writer FROM pg_stat_activity WHERE backend_type = 'walwriter'", 'the server has recovered', 'postgres');
wait_until_ready($node, $_, 'running') for $sync, $relaxed;
go_on_flushing();
is(sql("SELECT count(*) FROM game.event WHERE kind = 'joined' AND payload ->> 'name' = 'lost'"), '0', 'it is gone after a crash');
is(sql("SELECT count(*) FROM game.event WHERE kind = 'joined'"), '2', 'what was answered is there');

# The worker ends while a tick waits for the disk: the log has it, and it is shown only when it is on disk.
stop_flushing();
$since = log_position($node);
my $cut = start_call($sync, 'cut');
wait_for_log($node, qr/pausing at "flush"/, $since);
my $worker = worker_pid($node);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($worker)");
poll_until($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'gamelan world worker' AND pid <> $worker", 'there is a new worker', 'postgres');
wait_until_ready($node, $sync, 'running');
is(sql("SELECT count(*) FROM game.event WHERE payload ->> 'name' = 'cut'"), '1', 'a tick that was committed is kept');
go_on_flushing();

# Without a flusher the worker does its work.
my $flusher = worker_pid($node, 'gamelan flusher');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($flusher)");
like(sql(join_of($sync, 'three')), qr/^answered/, 'commands are answered while the flusher is away');
poll_until($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'gamelan flusher' AND pid <> $flusher", 'the flusher comes back', 'postgres');

# A standby that has to have it, too.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('second');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->append_conf('postgresql.conf', "synchronous_standby_names = '*'\nsynchronous_commit = 'local'");
$node->reload;
poll_until($node, "SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'", 'the standby is synchronous', 'postgres');
my $copied = create_world($node, 'copied', rate => 60);
sql("SELECT game.set_durability($copied, 'replicated'); SELECT game.start_world($copied)");
like(sql(join_of($copied, 'four')), qr/^answered/, 'a replicated world answers when the standby has it');
$standby->stop('immediate');
my $waiting = start_call($copied, 'five');
like(sql(join_of($sync, 'six')), qr/^answered/, 'without the standby others answer, as synchronous_commit says');
poll_until($node, "SELECT count(*) = 1 FROM game.tick_log AS l WHERE l.world = $copied AND l.tick > (SELECT tick FROM game.world WHERE id = $copied)",
	'the replicated one has committed, and shows nothing of it');
ok(!is_answered($waiting), 'nor answers');
$standby->start;
ok(wait_for_answer($waiting), 'until the standby is back');
$waiting->quit;

# The standby takes over: all that was answered is there.
my ($seventh) = sql(join_of($copied, 'seven')) =~ /answered (\d+)/;
$node->stop('immediate');
$standby->append_conf('postgresql.conf', "synchronous_standby_names = ''");
$standby->promote;
wait_until_ready($standby, $copied, 'running');
is($standby->safe_psql('game', "SELECT string_agg(payload ->> 'name', ' ' ORDER BY tick) FROM game.event WHERE world = $copied AND kind = 'joined'"),
	'four five seven', 'a promoted standby has all that was answered');
ok($standby->safe_psql('game', "SELECT tick FROM game.world WHERE id = $copied") >= $seventh, 'and is not behind it');
$standby->stop;
done_testing();
