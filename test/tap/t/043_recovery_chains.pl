# Recovery chooses among chains: the newest sound one, else an older one and a longer replay, else the beginning. What is
# not sound is kept, named, and never a reason to remove what is.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_game_node('chains', {}, 'gamelan.checkpoint_interval = 0', 'gamelan.checkpoint_generations = 2');
my $world = create_world($node, 'chained', config => '{"frequency": 8}');

sub act_and_save
{
	my ($kind) = @_;
	my $tick = $node->safe_psql('game', "SELECT game.step_world($world, 4)");
	$node->safe_psql('game', "SELECT game.enqueue($world, 'join', '{\"name\": \"at$tick\"}')");
	$node->safe_psql('game', "SELECT game.step_world($world, 1)");
	return $node->safe_psql('game', "SELECT game.checkpoint($world, '$kind')");
}

sub chain_after_restart
{
	my ($what, $expected) = @_;
	my $stood = hash_of($node, $world);
	$node->stop('immediate');
	$node->start;
	wait_until_ready($node, $world, 'created');
	is(hash_of($node, $world), $stood, "$what: the world stands where it stood");
	is($node->safe_psql('game', "SELECT chain FROM game.recovery WHERE world = $world"), $expected, "$what: from $expected");
	return $node->safe_psql('game', "SELECT damage FROM game.recovery WHERE world = $world");
}

my $flip = 'SET data = set_byte(data, length(data) / 2, get_byte(data, length(data) / 2) # 4)';
my @old = map { act_and_save($_) } qw(full incremental incremental);
my @new = map { act_and_save($_) } qw(full incremental incremental);
my $last = $node->safe_psql('game', "SELECT game.step_world($world, 7)");
is(chain_after_restart('all are sound', "full $new[0], incremental $new[1], incremental $new[2]"), '', 'and nothing is damaged');
is($node->safe_psql('game', "SELECT state || ' ' || from_tick || ' ' || tick || ' ' || target || ' ' || (ticks_per_second > 0) FROM game.recovery WHERE world = $world"),
	"done $new[2] $last $last true", 'game.recovery tells how it went');

$node->safe_psql('game', "UPDATE game.checkpoint_chunk $flip WHERE world = $world AND tick = $new[2]");
like(chain_after_restart('the last increment damaged', "full $new[0], incremental $new[1]"), qr/^tick $new[2]: a checkpoint is damaged: /, 'it is named');
$node->safe_psql('game', "UPDATE game.checkpoint_chunk $flip WHERE world = $world AND tick = $new[2]");

$node->safe_psql('game', "DELETE FROM game.checkpoint WHERE world = $world AND tick = $new[1]");
like(chain_after_restart('a torn chain', "full $new[0]"), qr/^tick $new[2]: a checkpoint is damaged: its base, of tick $new[1], is missing$/, 'what is missing is named');

$node->safe_psql('game', "UPDATE game.checkpoint_chunk $flip WHERE world = $world AND tick = $new[0]");
like(chain_after_restart('a damaged full one', "full $old[0], incremental $old[1], incremental $old[2]"), qr/^tick $new[2]: .*; tick $new[0]: /, 'all that it carried are named');

# A checkpoint that is sound in itself and not what the log leads to.
my $forged = act_and_save('full');
$node->safe_psql('game', "SELECT game.step_world($world, 2)");
$node->safe_psql('game', "SELECT game.enqueue($world, 'join', '{\"name\": \"after\"}')");
$node->safe_psql('game', "SELECT game.step_world($world, 2)");
$node->safe_psql('game', "UPDATE game.checkpoint SET row_hash = row_hash # 1 WHERE world = $world AND tick = $forged");
like(chain_after_restart('a manifest that was changed', "full $old[0], incremental $old[1], incremental $old[2]"), qr/tick $forged: .*manifest/, 'it is named');

# Retention: nothing goes while the newest cannot be verified.
my $since = log_position($node);
my $count = $node->safe_psql('game', "SELECT count(*) FROM game.checkpoint WHERE world = $world");
$node->safe_psql('game', "ALTER TABLE game.checkpoint_chunk DISABLE TRIGGER ALL; CREATE FUNCTION public.damage() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
	NEW.data := set_byte(NEW.data, 9, get_byte(NEW.data, 9) # 1); RETURN NEW; END \$\$;
	CREATE TRIGGER damage BEFORE INSERT ON game.checkpoint_chunk FOR EACH ROW EXECUTE FUNCTION public.damage()");
like(error_of($node, 'game', "SELECT game.step_world($world); SELECT game.checkpoint($world, 'full')"), qr/WG019.*a checkpoint is damaged/, 'what does not read back as it was written is not kept');
$node->safe_psql('game', 'DROP TRIGGER damage ON game.checkpoint_chunk');
is($node->safe_psql('game', "SELECT count(*) FROM game.checkpoint WHERE world = $world"), $count, 'and leaves nothing behind');
my $good = act_and_save('full');
poll_until($node, "SELECT verified_at IS NOT NULL FROM game.checkpoint WHERE world = $world AND tick = $good", 'a good one is verified');
wait_for_log($node, qr/WARNING:  the checkpoint of world $world at tick $forged could not be verified: .*manifest/, $since);
cmp_ok($node->safe_psql('game', "SELECT min(tick) FROM game.checkpoint WHERE world = $world"), '==', $old[0], 'nothing old has gone, for one of the two that would stay is not sound');
my $next = act_and_save('full');
poll_until($node, "SELECT min(tick) = $good FROM game.checkpoint WHERE world = $world", 'with two sound ones the others go');
pass('with two sound ones the others go');
is($node->safe_psql('game', "SELECT count(*) FROM game.checkpoint_chunk WHERE world = $world AND tick < $good"), '0', 'with their chunks');
is($node->safe_psql('game', "SELECT game.log_needed_after($world)"), $good, 'the log before them is not needed to recover');

# And really is not.
$node->safe_psql('game', "DELETE FROM game.tick_log WHERE world = $world AND tick <= $good");
is($node->safe_psql('game', "SELECT count(*) FROM game.verify($world) WHERE NOT ok"), '0', 'game.verify is content with the rest of the log');
chain_after_restart('without the older log', "full $next");
ok(!log_has($node, qr/PANIC|terminated by signal|TRAP/, 0), 'nothing crashed');

$node->stop;
done_testing();
