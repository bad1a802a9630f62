# Checkpoints by interval: of worlds that move, as many as are to be kept, beside the ticks.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_game_node('checkpoints', {}, "gamelan.checkpoint_interval = '1s'", 'gamelan.checkpoint_generations = 2', 'gamelan.checkpoint_strategy = full');
my $running = create_world($node, 'running', rate => 60, start => 1);
my $still = create_world($node, 'still');

poll_until($node, "SELECT count(*) > 0 FROM game.checkpoint WHERE world = $running", 'the first checkpoint is written');
my $first = $node->safe_psql('game', "SELECT min(tick) FROM game.checkpoint WHERE world = $running");
poll_until($node, "SELECT count(*) BETWEEN 2 AND 3 AND min(tick) > $first FROM game.checkpoint WHERE world = $running", 'the first checkpoint has gone for newer ones');
pass('checkpoints follow each other, and as many as set are kept');
is($node->safe_psql('game', "SELECT count(*) FROM game.checkpoint_chunk AS c WHERE NOT EXISTS
	(SELECT FROM game.checkpoint AS m WHERE m.world = c.world AND m.tick = c.tick)"), '0', 'no chunk outlives its manifest');
is($node->safe_psql('game', "SELECT count(*) FROM game.checkpoint WHERE world = $still"), '0', 'a world that never moved has none');

$node->safe_psql('game', "SELECT game.step_world($still, 3)");
poll_until($node, "SELECT count(*) = 1 FROM game.checkpoint WHERE world = $still", 'a world that was stepped gets one');
my $newest = $node->safe_psql('game', "SELECT max(tick) FROM game.checkpoint WHERE world = $running");
poll_until($node, "SELECT max(tick) > $newest FROM game.checkpoint WHERE world = $running", 'the other goes on');
is($node->safe_psql('game', "SELECT string_agg(tick::text, ',') FROM game.checkpoint WHERE world = $still"), '3', 'and no second one while it stands');
is($node->safe_psql('game', "SELECT last_checkpoint FROM game.world WHERE id = $still"), '3', 'game.world names it');

# One world's failure is not the other's: a manifest that cannot be written.
$node->safe_psql('game', "ALTER TABLE game.checkpoint ADD CONSTRAINT refused CHECK (world <> $running) NOT VALID");
my $since = log_position($node);
$node->safe_psql('game', "SELECT game.step_world($still)");
poll_until($node, "SELECT max(tick) = 4 FROM game.checkpoint WHERE world = $still", 'the other world gets its checkpoint');
wait_for_log($node, qr/WARNING:  could not write a checkpoint of world $running: new row .* violates check constraint "refused"/, $since);
pass('a checkpoint that cannot be written is told of, and the other world gets its own');
is($node->safe_psql('game', "SELECT count(*) FROM game.checkpoint_chunk AS c WHERE NOT EXISTS
	(SELECT FROM game.checkpoint AS m WHERE m.world = c.world AND m.tick = c.tick)"), '0', 'nothing is left of the failed one');
my $tick = $node->safe_psql('game', "SELECT tick FROM game.world WHERE id = $running");
poll_until($node, "SELECT tick > $tick FROM game.world WHERE id = $running", 'the world ticks on');
$node->safe_psql('game', 'ALTER TABLE game.checkpoint DROP CONSTRAINT refused');
poll_until($node, "SELECT max(tick) > $tick FROM game.checkpoint WHERE world = $running", 'it gets checkpoints again');

# Recovery begins at the newest.
$node->safe_psql('game', "SELECT game.pause_world($running)");
my $at_rest = pause_at_rest($node, $running);
poll_until($node, "SELECT max(c.tick) = w.tick FROM game.checkpoint AS c JOIN game.world AS w ON w.id = c.world WHERE w.id = $running GROUP BY w.tick",
	'the paused world is saved at its last tick');
$since = log_position($node);
$node->stop('immediate');
$node->start;
wait_until_ready($node, $running, 'paused');
is(hash_of($node, $running), $at_rest, 'after a crash it stands there');
ok(!log_has($node, qr/world $running recovered: from/, $since), 'without replaying anything');

$node->stop;
done_testing();
