# Encrypted checkpoints: with a key from a file or a command; a key that is missing or another one is a clear error, the
# world stays stopped, and nothing is deleted; a new key replaces an old one while worlds play.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_game_node('encrypted', {}, 'gamelan.checkpoint_interval = 0', 'gamelan.checkpoint_generations = 2');
my $directory = $node->basedir;
my %file = map { $_ => "$directory/$_.key" } qw(first second both short);
append_to_file($file{first}, '0123456789abcdef' x 4 . "\n");
append_to_file($file{second}, 'fedcba9876543210' x 4 . "\n");
append_to_file($file{both}, '0123456789abcdef' x 4 . "\n\n" . 'FEDCBA9876543210' x 4 . "\n");
append_to_file($file{short}, "0123\n");

sub set_keys
{
	my (%settings) = @_;
	$node->safe_psql('game', "ALTER SYSTEM SET gamelan.checkpoint_$_ = '" . ($settings{$_} // '') . "'") for qw(key_file key_command old_key_file old_key_command);
	$node->reload;
	my ($name) = grep { $settings{$_} } sort keys %settings;
	$name //= 'key_file';
	poll_until($node, "SELECT current_setting('gamelan.checkpoint_$name') = '" . ($settings{$name} // '') . "'", 'the settings are there');
	return;
}

sub checkpoint
{
	my ($world, $kind) = @_;
	$node->safe_psql('game', "SELECT game.step_world($world, 3)");
	return $node->safe_psql('game', "SELECT game.checkpoint($world, '$kind')");
}

sub key_of
{
	my ($world, $tick) = @_;
	return $node->safe_psql('game', "SELECT coalesce(key_id, 'none') FROM game.checkpoint WHERE world = $world AND tick = $tick");
}

sub complaints_of
{
	my ($world) = @_;
	return $node->safe_psql('game', "SELECT string_agg(what || ' ' || tick || ': ' || message, E'\\n' ORDER BY tick) FROM game.verify($world) WHERE NOT ok");
}

my $world = create_world($node, 'secret', config => '{"frequency": 16}');
my $plain = checkpoint($world, 'full');
is(key_of($world, $plain), 'none', 'without a key nothing is encrypted');

set_keys(key_file => $file{first});
my $first = checkpoint($world, 'incremental');
like(key_of($world, $first), qr/^[0-9a-f]{16}$/, 'with one the manifest names it');
is($node->safe_psql('game', "SELECT kind FROM game.checkpoint WHERE world = $world AND tick = $first"), 'full', 'and does not build on what is not encrypted');
my $increment = checkpoint($world, 'incremental');
is($node->safe_psql('game', "SELECT kind || ' ' || base_tick FROM game.checkpoint WHERE world = $world AND tick = $increment"), "incremental $first", 'the next one does');
is(complaints_of($world), '', 'all are sound');
isnt(key_of($world, $first), substr('0123456789abcdef' x 4, 0, 16), 'the id is not a part of the key');
# The same cells, the same slots: not the same bytes.
is($node->safe_psql('game', "SELECT count(*) = count(DISTINCT substr(data, 1, 12)) AND bool_and(length(data) >= 28) FROM game.checkpoint_chunk WHERE world = $world AND tick IN ($first, $increment)"),
	't', 'each chunk has a nonce of its own');

# It comes back.
my $stood = hash_of($node, $world);
$node->restart;
wait_until_ready($node, $world, 'created');
is(hash_of($node, $world), $stood, 'a world comes back from encrypted checkpoints');
is($node->safe_psql('game', "SELECT chain FROM game.recovery WHERE world = $world"), "full $first, incremental $increment", 'from those');

# Damage behind the checksum: only the cipher can tell.
$node->safe_psql('game', "CREATE TABLE kept AS SELECT * FROM game.checkpoint_chunk WHERE world = $world AND tick = $increment");
my $swap = "UPDATE game.checkpoint_chunk AS a SET data = b.data, checksum = b.checksum, first_slot = b.first_slot, slots = b.slots, raw_bytes = b.raw_bytes, column_name = b.column_name
	FROM kept AS b WHERE a.world = $world AND a.tick = $increment AND b.ordinal = (a.ordinal + 1) % (SELECT count(*)::int FROM kept)";
cmp_ok($node->safe_psql('game', 'SELECT count(*) FROM kept'), '>', 1, 'there are chunks to swap');
$node->safe_psql('game', $swap);
like(complaints_of($world), qr/checkpoint $increment: a checkpoint is damaged: .* was not encrypted for its place/, 'chunks in each other\'s place are found');
$node->safe_psql('game', "UPDATE game.checkpoint_chunk AS a SET data = b.data, checksum = b.checksum, first_slot = b.first_slot, slots = b.slots, raw_bytes = b.raw_bytes, column_name = b.column_name
	FROM kept AS b WHERE a.world = $world AND a.tick = $increment AND b.ordinal = a.ordinal");
is(complaints_of($world), '', 'back in their places they are sound');

# Without the key, with another one, with none that is one.
for my $case (['no key', {}, qr/encrypted with the key [0-9a-f]{16}, which is not among those/],
	['another key', { key_file => $file{second} }, qr/encrypted with the key [0-9a-f]{16}, which is not among those/],
	['a file that is not there', { key_file => "$directory/nothing" }, qr/the file that gamelan.checkpoint_key_file names cannot be read/],
	['a file without a key', { key_file => $file{short} }, qr/what gamelan.checkpoint_key_file gives is no key/],
	['two keys where one belongs', { key_file => $file{both} }, qr/gives 2 keys, not one/],
	['a command that fails', { key_command => 'false' }, qr/the command of gamelan.checkpoint_key_command failed/])
{
	my ($what, $settings, $reason) = @$case;
	set_keys(%$settings);
	my $rows = 'SELECT count(*), sum(length(data)) FROM game.checkpoint_chunk';
	my $kept = $node->safe_psql('game', $rows);
	like(complaints_of($world), $reason, "$what: game.verify says so");
	$node->restart;
	poll_until($node, "SELECT state = 'failed' FROM game.world WHERE id = $world", "$what stops the world");
	like($node->safe_psql('game', "SELECT reason FROM game.world WHERE id = $world"), $reason, "$what: the world says why");
	is($node->safe_psql('game', "SELECT state FROM game.recovery WHERE world = $world"), 'failed', "$what: game.recovery knows");
	is($node->safe_psql('game', $rows), $kept, "$what: nothing is deleted");
}

# The key is back, from a command: the worker tries again by itself.
set_keys(key_command => "cat $file{first}");
wait_until_ready($node, $world, 'created');
is(hash_of($node, $world), $stood, 'with the key the world is back where it stood');

# A new key: the old one reads what it wrote.
set_keys(key_file => $file{second}, old_key_file => $file{both});
my $second = checkpoint($world, 'incremental');
is($node->safe_psql('game', "SELECT kind FROM game.checkpoint WHERE world = $world AND tick = $second"), 'full', 'what is written with a new key is full');
isnt(key_of($world, $second), key_of($world, $first), 'it has another id');
is(complaints_of($world), '', 'all are sound');
set_keys(key_file => $file{second}, old_key_command => "cat $file{first}");
is(complaints_of($world), '', 'also with the old key from a command');
checkpoint($world, 'full');
poll_until($node, "SELECT min(tick) >= $second FROM game.checkpoint WHERE world = $world", 'what the old key wrote goes with time');
set_keys(key_file => $file{second});
is(complaints_of($world), '', 'then the old key is not needed');
$stood = hash_of($node, $world);
$node->restart;
wait_until_ready($node, $world, 'created');
is(hash_of($node, $world), $stood, 'and the world comes back without it');

# Who may know where keys are.
$node->safe_psql('game', 'CREATE ROLE admin LOGIN IN ROLE gamelan_admin');
my ($status, $out, $errors) = $node->psql('game', 'SHOW gamelan.checkpoint_key_file', extra_params => [ '-U', 'admin' ]);
like($errors, qr/permission denied|must be superuser/, 'a role without superuser does not see the settings');
ok(!log_has($node, qr/0123456789abcdef0123|fedcba98765432100|PANIC|terminated by signal/, 0), 'no key is in the server log, and nothing crashed');

$node->stop;
done_testing();
