# Damaged checkpoints are told of and passed over for older ones; a damaged log stops its world, says why, and deletes
# nothing. Other worlds do not notice.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_game_node('damage', {}, 'gamelan.checkpoint_interval = 0', 'gamelan.checkpoint_generations = 3');
my $world = create_world($node, 'damaged', config => '{"frequency": 16}');
my $other = create_world($node, 'other', rate => 60, start => 1);
$node->safe_psql('game', "SELECT game.enqueue($world, 'join', '{\"name\": \"Ada\"}')");
$node->safe_psql('game', "SELECT game.step_world($world, 10)");
$node->safe_psql('game', "SELECT game.checkpoint($world)");

# Takes a checkpoint at a new tick, damages it, restarts without memory, and looks what recovery made of it.
sub survives
{
	my ($damage, $reason, $what) = @_;
	my $tick = $node->safe_psql('game', "SELECT game.step_world($world, 5)");
	$node->safe_psql('game', "SELECT game.checkpoint($world, 'full')");
	$node->safe_psql('game', "SELECT game.enqueue($world, 'join', '{\"name\": \"at $tick\"}')");
	$node->safe_psql('game', "SELECT game.step_world($world, 2)");
	my $stood = hash_of($node, $world);
	$node->safe_psql('game', $damage =~ s/c\.\$newest/c.world = $world AND c.tick = $tick/gr =~ s/\$newest/world = $world AND tick = $tick/gr);
	my $since = log_position($node);
	$node->restart;
	wait_until_ready($node, $world, 'created');
	like(slurp_file($node->logfile, $since), qr/WARNING:  the checkpoint of world $world at tick $tick cannot be used: .*$reason.*\n.*HINT:  An older checkpoint/,
		"$what: the log tells of it");
	is(hash_of($node, $world), $stood, "$what: the world stands where it stood");
	is($node->safe_psql('game', "SELECT count(*) FROM game.checkpoint WHERE world = $world AND tick = $tick"), '1', "$what: nothing is deleted");
	# So that the next one is passed over for one that is sound.
	$node->safe_psql('game', "DELETE FROM game.checkpoint_chunk WHERE world = $world AND tick = $tick; DELETE FROM game.checkpoint WHERE world = $world AND tick = $tick");
	return;
}

survives("UPDATE game.checkpoint_chunk SET data = set_byte(data, length(data) / 2, get_byte(data, length(data) / 2) # 1) WHERE \$newest AND column_name = 'cell.amount'",
	'damaged', 'a flipped bit in a chunk');
survives('UPDATE game.checkpoint_chunk SET data = substr(data, 1, length(data) / 2) WHERE $newest AND ordinal = 0', 'damaged', 'a chunk cut short');
survives("UPDATE game.checkpoint_chunk SET data = '' WHERE \$newest AND ordinal = 0", 'damaged', 'an empty chunk');
survives('DELETE FROM game.checkpoint_chunk WHERE $newest AND ordinal = 1', 'part 1 is missing', 'a missing chunk');
survives('UPDATE game.checkpoint_chunk SET ordinal = 100 - ordinal WHERE $newest; UPDATE game.checkpoint_chunk SET ordinal = CASE ordinal WHEN 100 THEN 1 WHEN 99 THEN 0 ELSE 100 - ordinal END WHERE $newest',
	'damaged', 'two chunks exchanged');
survives('UPDATE game.checkpoint_chunk SET first_slot = first_slot + 1024 WHERE $newest AND ordinal = 0', 'damaged', 'a chunk that claims another place');
survives('UPDATE game.checkpoint_chunk SET slots = 2000000000 WHERE $newest AND ordinal = 0', 'damaged', 'a chunk that claims a huge size');
survives("UPDATE game.checkpoint_chunk SET column_name = 'cell.nonsense' WHERE \$newest AND ordinal = 0", '', 'a chunk of an unknown column');
survives('UPDATE game.checkpoint SET state_hash = state_hash # 1 WHERE $newest', 'the checksum of its manifest differs', 'a wrong hash in the manifest');
survives('UPDATE game.checkpoint_chunk AS c SET column_name = o.column_name, first_slot = o.first_slot, slots = o.slots, raw_bytes = o.raw_bytes, checksum = o.checksum, data = o.data
	FROM game.checkpoint_chunk AS o WHERE c.$newest AND c.ordinal = 0 AND o.world = c.world AND o.ordinal = 0 AND o.tick < c.tick', 'not those its manifest names', 'a chunk of another checkpoint');
survives('UPDATE game.checkpoint SET format_version = 99 WHERE $newest', 'format version 99', 'a format of the future');
survives("UPDATE game.checkpoint SET codec = 'lzma' WHERE \$newest", 'lzma', 'an unknown codec');
survives("UPDATE game.checkpoint SET spaces = '{\"cell\": 7, \"nothing\": 1}' WHERE \$newest", 'the checksum of its manifest differs', 'spaces that are not the game\'s');
survives('UPDATE game.checkpoint SET log_tick = log_tick + 1 WHERE $newest', 'the checksum of its manifest differs', 'a manifest that claims another place in the log');

# Without any sound checkpoint: from the beginning.
my $stood = hash_of($node, $world);
$node->safe_psql('game', "UPDATE game.checkpoint SET state_hash = 0 WHERE world = $world");
$node->restart;
wait_until_ready($node, $world, 'created');
is(hash_of($node, $world), $stood, 'with no sound checkpoint the world is played again from its beginning');

# A damaged log.
sub fails
{
	my ($damage, $repair, $reason, $what) = @_;
	$node->safe_psql('game', $damage);
	my $rows = 'SELECT (SELECT count(*) FROM game.tick_log), (SELECT count(*) FROM game.event), (SELECT count(*) FROM game.checkpoint)';
	my $kept = $node->safe_psql('game', $rows);
	my $tick = $node->safe_psql('game', "SELECT tick FROM game.world_head WHERE world = $other");
	my $since = log_position($node);
	$node->restart;
	poll_until($node, "SELECT state IN ('failed', 'waiting') AND reason IS NOT NULL FROM game.world WHERE id = $world", "$what stops the world");
	like($node->safe_psql('game', "SELECT state || ': ' || reason FROM game.world WHERE id = $world"), $reason, "$what: the world says what is wrong");
	like(error_of($node, 'game', "SELECT game.$_"), qr/WG0\d\d/, "$what: game.$_ refuses, and does not hang")
	  for ("step_world($world)", "call($world, 'join', '{\"name\": \"x\"}')", "sync($world)", "state_hash($world)", "cells($world)");
	is($node->safe_psql('game', $rows), $kept, "$what: nothing is deleted");
	poll_until($node, "SELECT state = 'running' AND tick > $tick FROM game.world WHERE id = $other", 'the other world goes on');
	$node->safe_psql('game', $repair);
	$node->restart;
	wait_until_ready($node, $world, 'created');
	is(hash_of($node, $world), $stood, "$what: repaired, the world stands where it stood");
	return;
}

my $first = $node->safe_psql('game', "SELECT min(tick) FROM game.tick_log WHERE world = $world");
my $newest = $node->safe_psql('game', "SELECT max(tick) FROM game.tick_log WHERE world = $world");
my $flip = 'UPDATE game.tick_log SET commands = set_byte(commands, length(commands) - 1, get_byte(commands, length(commands) - 1) # 1) WHERE world = '
  . "$world AND tick = $first";
fails($flip, $flip, qr/^failed: .*the hash chain differs at tick $first/, 'a flipped bit in a command');
$node->safe_psql('game', "CREATE TABLE kept AS SELECT * FROM game.tick_log WHERE world = $world AND tick = $first");
fails("DELETE FROM game.tick_log WHERE world = $world AND tick = $first", 'INSERT INTO game.tick_log SELECT * FROM kept',
	qr/^failed: .*the hash chain differs/, 'a missing row');
fails("UPDATE game.tick_log SET tick = tick + 1 WHERE world = $world AND tick = $first", "UPDATE game.tick_log SET tick = $first WHERE world = $world AND tick = $first + 1",
	qr/^failed: .*the hash chain differs/, 'a row of another tick');
$node->safe_psql('game', "CREATE TABLE kept_newest AS SELECT * FROM game.tick_log WHERE world = $world AND tick = $newest");
fails("DELETE FROM game.tick_log WHERE world = $world AND tick = $newest", 'INSERT INTO game.tick_log SELECT * FROM kept_newest',
	qr/^waiting: the log row of tick $newest has not arrived/, 'the newest row missing');
fails("UPDATE game.world_definition SET seed = seed + 1 WHERE id = $world", "UPDATE game.world_definition SET seed = seed - 1 WHERE id = $world",
	qr/^failed: .*differs at tick/, 'a changed seed');
fails("UPDATE game.world_definition SET game = 'chess' WHERE id = $world", "UPDATE game.world_definition SET game = 'hexfactory' WHERE id = $world",
	qr/^failed: game "chess" does not exist/, 'a game that this server does not have');
ok(!log_has($node, qr/PANIC|terminated by signal|TRAP/, 0), 'nothing crashed');

$node->stop;
done_testing();
