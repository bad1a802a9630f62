# What becomes of ticks that could not run in time: game.set_catch_up says it for each world.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_game_node('late', {}, 'gamelan.max_catch_up_ticks = 2');
my %world = map { $_ => create_world($node, $_, rate => 50, config => '{"frequency": 1}', start => 1) } qw(bounded skip all);
$node->safe_psql('game', "SELECT game.set_catch_up(id, name) FROM game.world");
# Taken in by the time that a later command is.
$node->safe_psql('game', "SELECT game.enqueue(id, 'join', '{\"name\": \"Ada\"}') FROM game.world");
$node->safe_psql('game', "SELECT game.sync(id) FROM game.world");

sub column
{
	my ($name, $what) = @_;
	return $node->safe_psql('game', "SELECT $what FROM game.world WHERE name = '$name'");
}
my %skipped = map { $_ => column($_, 'skipped_ticks') } keys %world;
my $before = column('all', 'tick');
my $worker = worker_pid($node);
kill 'STOP', $worker or die "cannot stop the worker: $!";
# A hundred ticks fall due.
select(undef, undef, undef, 2);
kill 'CONT', $worker or die "cannot go on: $!";
poll_until($node, "SELECT tick >= $before + 100 FROM game.world WHERE name = 'all'", 'all ticks are run');
is(column('all', 'skipped_ticks'), $skipped{all}, 'all: none is skipped');
cmp_ok(column('bounded', 'skipped_ticks'), '>', $skipped{bounded}, 'bounded: some are');
cmp_ok(column('skip', 'skipped_ticks'), '>', column('bounded', 'skipped_ticks') - $skipped{bounded} + $skipped{skip}, 'skip: more are');
$node->stop;
done_testing();
