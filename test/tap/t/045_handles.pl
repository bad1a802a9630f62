# Handles that an open transaction was given stay its own, whatever becomes of the world meanwhile: its worker starts anew, or it
# leaves memory and comes back.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_game_node('handles', {}, 'gamelan.checkpoint_interval = 0');
sub sql { return $node->safe_psql('game', $_[0]) }

sql(q{
	SET client_min_messages = warning;
	SELECT game.create_game('arena');
	CREATE FOREIGN TABLE arena.owner (name text NOT NULL) INHERITS (game.component) SERVER gamelan;
	SELECT game.create_template('arena.thing', '{"owner": {"name": "nobody"}}')});
my $world = sql(q{SELECT game.create_world('first', 'arena', seed => 1)});
sql("SELECT game.start_world($world)");
wait_until_ready($node, $world, 'running');

sub spawn_of { return "SELECT game.spawn($world, 'thing', '{\"owner\": {\"name\": \"$_[0]\"}}')" }

# An entity in a slot behind one that is free, so that this one's handle is given out again.
sub make_a_gap
{
	my $gives_up = $node->background_psql('game');
	$gives_up->query_safe('BEGIN');
	my $gap = $gives_up->query_safe(spawn_of('nobody'));
	sql(spawn_of('behind'));
	$gives_up->query_safe('ROLLBACK');
	$gives_up->quit;
	sql("SELECT game.sync($world)");
	return $gap;
}

sub worker_starts_anew
{
	my $worker = worker_pid($node);
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($worker)");
	poll_until($node, "SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'gamelan world worker' AND pid <> $worker", 'there is another worker', 'postgres');
	wait_until_ready($node, $world, 'running');
	return;
}

sub world_leaves_memory
{
	sql("SELECT game.pause_world($world)");
	wait_until_ready($node, $world, 'paused');
	sql("SELECT game.evict_world($world)");
	poll_until($node, "SELECT state = 'evicted' FROM game.world WHERE id = $world", 'the world has left memory');
	sql("SELECT game.resume_world($world)");
	wait_until_ready($node, $world, 'running');
	return;
}

for my $case ([ 'the worker starts anew', \&worker_starts_anew ], [ 'the world leaves memory', \&world_leaves_memory ])
{
	my ($what, $happen) = @$case;
	my $gap = make_a_gap();
	my $open = $node->background_psql('game');
	$open->query_safe('BEGIN');
	is($open->query_safe(spawn_of('first')), $gap, "$what: a transaction holds the handle that was free");
	$happen->();
	isnt(sql(spawn_of('second')), $gap, 'and nobody else is given it');
	$open->query_safe('COMMIT');
	$open->quit;
	sql("SELECT game.sync($world)");
	is(sql('SELECT count(*) FROM game.conflict'), '0', 'nothing is refused');
	is(sql("SELECT name FROM arena.owner WHERE world = $world AND entity = $gap"), 'first', 'and the entity is what was written');
}
$node->stop;
done_testing();
