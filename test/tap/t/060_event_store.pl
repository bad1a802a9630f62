# The log and the events over years: partitions are made, go when nobody needs them and not before, come back from archives, and
# a dump of them restores without a complaint. Years pass by dating rows back, which no hash covers.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $directory = $PostgreSQL::Test::Utils::tmp_check;
my $folder = "$directory/archives";
mkdir $folder or die "$folder: $!";
my $node = new_game_node('store', {}, 'gamelan.checkpoint_interval = 0', "gamelan.archive_folder = '$folder'");
sub sql { return $node->safe_psql('game', $_[0]) }

my $played = create_world($node, 'played', seed => 7);
my $idle = create_world($node, 'idle', seed => 8);
poll_until($node, 'SELECT count(*) = 12 FROM game.partition', 'there are partitions');

my $names = 0;
my %hash_at;
# Some ticks with commands.
sub play
{
	my ($world, $ticks) = @_;
	for (1 .. $ticks)
	{
		sql("SELECT game.enqueue($world, 'join', '{\"name\": \"n" . ++$names . "\"}'); SELECT game.step_world($world, 3)");
		my ($tick, $hash) = split ' ', hash_of($node, $world);
		$hash_at{$tick} = $hash if $world == $played;
	}
	return;
}

sub date_back
{
	my ($where, $days) = @_;
	sql("UPDATE game.tick_log SET created_at = created_at - interval '$days days' WHERE $where");
	sql("UPDATE game.event SET created_at = created_at - interval '$days days' WHERE $where");
	return;
}

sub partition_of
{
	my ($parent, $tick) = @_;
	return sql("SELECT p.partition FROM game.$parent AS l JOIN game._partitions() AS p ON p.relation = l.tableoid WHERE l.world = $played AND l.tick = $tick");
}

sub held_by
{
	my ($partition) = @_;
	return sql("SELECT held_by FROM game.partition WHERE partition = '$partition'");
}

play($played, 4); # ticks 1, 4, 7, 10
play($idle, 1);
like(partition_of('tick_log', 10), qr/^tick_log_\d{8}$/, 'a tick is logged into the partition of its time');
date_back("world = $played AND tick <= 4", 100);
date_back("world = $idle", 100);
date_back("world = $played AND tick BETWEEN 5 AND 10", 50);
is(partition_of('event', 4), 'event_default', 'what has no partition goes into the default one');
sql('SELECT game.maintain_partitions()');
sql('SELECT game.maintain_partitions()');
my ($oldest, $older) = map { partition_of('tick_log', $_) } 1, 10;
isnt($oldest, $older, 'until it has one');
is(sql('SELECT count(*) FROM game.tick_log_default') + sql('SELECT count(*) FROM game.event_default'), 0, 'the default ones are empty then');
my $logged = "SELECT md5(string_agg(l::text, ' ' ORDER BY world, tick)) FROM %s AS l";
my $oldest_rows = sql(sprintf $logged, "game.$oldest");
my $event_rows = sql(sprintf $logged, 'game.' . partition_of('event', 1));

# Nothing goes that is wanted or needed.
is(held_by($oldest), "world $played keeps it for ever", 'the log is kept for ever');
is(sql('SELECT count(*) FROM game.apply_retention()'), '0', 'so that nothing goes');
sql("ALTER SYSTEM SET gamelan.keep_log = '30d'");
sql("ALTER SYSTEM SET gamelan.keep_events = '30d'");
sql('SELECT pg_reload_conf()');
poll_until($node, "SELECT current_setting('gamelan.keep_events') = '30d'", 'the settings are taken in');
sql("SELECT game.set_retention($idle, keep_events => '0')");
is(held_by($oldest), "world $played needs it to recover", 'the log without checkpoints is needed');
is(held_by(partition_of('event', 1)), "world $idle keeps it for ever", 'one world keeps the events of all');
sub save
{
	for my $world (@_)
	{
		sql("SELECT game.step_world($world); SELECT game.checkpoint($world, 'full')");
	}
	poll_until($node, 'SELECT bool_and(verified_at IS NOT NULL) FROM game.checkpoint', 'they are verified');
	return;
}
save($played, $idle);
save($played, $idle);
is(held_by($oldest), "world $played has no older checkpoint to look back from", 'the log of the time for which it is kept leads from a checkpoint');
sql("UPDATE game.checkpoint SET created_at = created_at - interval '40 days'");
play($played, 2);
is(sql("SELECT string_agg(regexp_replace(r, '\\..*', ''), ', ') FROM game.apply_retention() AS r"),
	join(', ', map { ("archived $_", "dropped $_") } ($oldest, sql("SELECT partition FROM game.archive WHERE parent = 'event'"), $older)), 'then all that is old goes, archived');
is(sql("SELECT count(*) FROM game.tick_log WHERE world = $idle"), '1', 'but for the row that a head names');
is(sql("SELECT world || ' ' || tick FROM game.log_begin"), "$played 10", 'it is noted where the log begins');
is(sql('SELECT count(*) FROM game.maintain_partitions()'), '0', 'what was left stays in the default partition');
for my $world ($played, $idle)
{
	is(sql("SELECT coalesce(string_agg(message, ' '), 'sound') FROM game.verify($world) WHERE NOT ok"), 'sound', "world $world is sound");
}

# Recovery does not miss it.
my $hash = hash_of($node, $played);
kill_and_start_again($node);
wait_until_ready($node, $_, 'created') for $played, $idle;
is(hash_of($node, $played), $hash, 'the world recovers without what is gone');
like(error_of($node, 'game', "SET gamelan.as_of_tick = 4; SELECT * FROM game.state_hash($played)"), qr/WG014: the log of world $played up to tick 10 was removed/, 'and cannot show what lies before');

# Back from the archive, detached and attached.
my %file = map { split /\|/ } split /\n/, sql("SELECT partition, file FROM game.archive");
my ($event_file) = map { $file{$_} } grep { /^event/ } keys %file;
my $detached = sql("SELECT game.restore_archive('$file{$oldest}')");
is(sql(sprintf $logged, "game.$detached"), $oldest_rows, 'an archive comes back row by row');
sql("SELECT game.drop_restored('$detached')");
like(error_of($node, 'game', "SELECT game.restore_archive('$file{$oldest}', true)"), qr/55000: the log of world $played does not go on where this archive ends/,
	'no gap comes about');
is(sql("SELECT game.restore_archive('$file{$_}', true)"), $_, 'one is attached again') for $older, $oldest;
is(sql('SELECT count(*) FROM game.log_begin'), '0', 'the log is whole');
is(sql("SELECT coalesce(string_agg(message, ' '), 'sound') FROM game.verify($played, from_beginning => true) WHERE NOT ok"), 'sound', 'and leads from the beginning');
is(sql("SET gamelan.as_of_tick = $_; SELECT hash FROM game.state_hash($played)"), $hash_at{$_}, "tick $_ can be looked at again") for 3, 9;
is(sql(sprintf $logged, "game.$oldest"), $oldest_rows, 'the rows are those of before');
is(sql('SELECT count(*) FROM game.apply_retention()'), '0', 'retention leaves alone what was restored');
my $events = sql("SELECT game.restore_archive('$event_file', true)");
isnt($events, '', 'so do events');

# What is damaged is refused, by name, and leaves nothing.
my $tables = sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'game'::regnamespace");
my $whole = slurp_file("$folder/$file{$oldest}");
sub refused
{
	my ($bytes, $reason, $what) = @_;
	open my $out, '>:raw', "$folder/damaged.glar" or die $!;
	print $out $bytes;
	close $out;
	like(error_of($node, 'game', "SELECT game.restore_archive('damaged.glar')"), qr/WG019: $reason/, $what);
	return;
}
my $flip = sub { my ($at) = @_; my $copy = $whole; substr($copy, $at, 1) ^= "\x10"; return $copy };
refused($flip->(0), 'the file is no archive', 'what is no archive');
refused($flip->(8), 'the archive is of version 17, which is not known', 'another version');
refused($flip->(40), 'the archive is damaged: the header does not have its checksum', 'a flipped bit in the header');
refused($flip->(length($whole) - 40), 'the archive is damaged: frame 1 does not have its checksum', 'in a frame');
refused($flip->(length($whole) - 1), 'the archive is damaged: frame 2 does not have its checksum', 'in the end');
refused(substr($whole, 0, length($whole) - 30), 'the archive is damaged: frame 1|the archive is damaged: frame 2', 'a lost end');
refused("$whole!", 'the archive is damaged: the end is not the end of the file', 'something behind it');
is(sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'game'::regnamespace"), $tables, 'nothing of them remains');

# The checkpointer does it by itself, at its start and every minute.
play($played, 1);
my ($lately) = split ' ', hash_of($node, $played);
date_back("world = $played AND tick BETWEEN $lately - 2 AND $lately", 70);
my $then = "created_at BETWEEN now() - interval '75 days' AND now() - interval '65 days'";
is(sql("SELECT count(*) FROM game.event WHERE $then"), '1', 'events of long ago');
sql("SELECT pg_terminate_backend(" . worker_pid($node, 'gamelan checkpointer') . ')');
poll_until($node, "SELECT count(*) = 0 FROM game.event WHERE $then", 'they are gone');
is(sql("SELECT sum(rows) FROM game.archive WHERE parent = 'event' AND restored_as IS NULL AND now() - interval '70 days' BETWEEN from_at AND to_at"), '1', 'are archived and dropped');
is(sql("SELECT count(*) FROM game.tick_log WHERE $then"), '1', 'but not the log that is needed');

# Checkpoints to look back from stay as long as the log.
my $anchored = create_world($node, 'anchored', seed => 9);
for my $days (60, 45, 35, 20, 10, 10)
{
	sql("SELECT game.step_world($anchored, 10); SELECT game.checkpoint($anchored, 'full')");
	sql("UPDATE game.checkpoint SET created_at = now() - interval '$days days' WHERE world = $anchored AND created_at > now() - interval '1 day'");
}
poll_until($node, "SELECT bool_and(verified_at IS NOT NULL) FROM game.checkpoint WHERE world = $anchored", 'they are verified');
sql("SELECT game.step_world($anchored, 10); SELECT game.checkpoint($anchored, 'full')") for 1 .. 4;
my $kept = "SELECT string_agg(tick::text, ' ' ORDER BY tick) FROM game.checkpoint WHERE world = $anchored";
poll_until($node, "SELECT ($kept) = '30 40 50 70 80 90 100'", 'old checkpoints are gone');
is(sql($kept), '30 40 50 70 80 90 100', 'one a partition stays, from before the time for which the log is kept to this week, beside three generations');

# The log of a tick is unique over all partitions.
my $head = sql("SELECT h.log_tick FROM game.world_head AS h WHERE h.world = $played");
sql("SELECT game.enqueue($played, 'join', '{\"name\": \"late\"}')");
sql("UPDATE game.world_head SET log_tick = log_tick + 5, checksum = game._head_checksum(world, tick, log_tick + 5, row_hash) WHERE world = $played");
like(error_of($node, 'game', "SELECT game.step_world($played)"), qr/23505: the tick could not be written: somebody else has moved the head/, 'a tick that the head has passed is not logged');
sql("UPDATE game.world_head SET log_tick = $head, checksum = game._head_checksum(world, tick, $head, row_hash) WHERE world = $played");

# A dump restores into a new cluster as it is.
my $key = sql("SELECT game.enqueue($played, 'join', '{\"name\": \"once\"}', idempotency_key => 'k')");
sql("SELECT game.step_world($played)");
$hash = hash_of($node, $played);
command_ok([ 'pg_dump', '-Fc', '-f', "$directory/store.dump", '-d', $node->connstr('game') ], 'the store is dumped');
my $copy = new_game_node('copy', { bare => 1 }, 'gamelan.checkpoint_interval = 0');
$copy->safe_psql('postgres', 'CREATE DATABASE game');
my ($out, $errors) = run_command([ 'pg_restore', '-d', $copy->connstr('game'), "$directory/store.dump" ]);
is($errors, '', 'and restored without a word');
wait_until_ready($copy, $_, 'created') for $played, $idle;
is(hash_of($copy, $played), $hash, 'to the same state');
my $rows = "SELECT (SELECT md5(string_agg(l::text, ' ' ORDER BY world, tick)) FROM game.tick_log AS l), (SELECT count(*) FROM game.event), (SELECT count(*) FROM pg_index AS i JOIN game._partitions() AS p ON p.relation = i.indrelid WHERE i.indisprimary)";
is($copy->safe_psql('game', $rows), sql($rows), 'with all rows and keys');
is($copy->safe_psql('game', "SELECT game.enqueue($played, 'join', '{\"name\": \"once\"}', idempotency_key => 'k')"), $key, 'an idempotency key is remembered');
is($copy->safe_psql('game', "SELECT game.enqueue($played, 'join', '{\"name\": \"next\"}') > $key; SELECT game.step_world($played, 5)"),
	sql("SELECT game.enqueue($played, 'join', '{\"name\": \"next\"}') > $key; SELECT game.step_world($played, 5)"), 'the copy plays on');
is(hash_of($copy, $played), hash_of($node, $played), 'as the original does');
is($copy->safe_psql('game', "SELECT tick FROM game.event WHERE payload ->> 'name' = 'next'"), sql("SELECT tick FROM game.event WHERE payload ->> 'name' = 'next'"), 'and tells of it');
$copy->stop;
ok(!log_has($node, qr/PANIC|terminated by signal|TRAP/, 0), 'nothing crashed');
$node->stop;
done_testing();
