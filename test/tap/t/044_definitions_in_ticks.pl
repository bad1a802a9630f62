# Definitions and ticks get in each other's way.
#
# A definition changes while a tick runs SQL that makes entities: the tick ends with the definitions it began with. It
# must not wait for the worker to take in the new ones, for the worker is who plays it.
#
# A worker that starts cannot read what games declare, because somebody holds a lock on it: it must not play before, or it would
# refuse what was queued as actions that do not exist.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_game_node('in_ticks', {}, 'gamelan.checkpoint_interval = 0');
sub sql { return $node->safe_psql('game', $_[0]) }

sql(q{
	SET client_min_messages = warning;
	SELECT game.create_game('arena');
	CREATE FOREIGN TABLE arena.bag (gold int NOT NULL DEFAULT 0) INHERITS (game.component) SERVER gamelan;
	CREATE FOREIGN TABLE arena.hat (size int NOT NULL DEFAULT 0) INHERITS (game.component) SERVER gamelan;
	SELECT game.create_template('arena.purse', '{"bag": {"gold": 5}}');
	-- Waits for the session that holds the lock: that is how it is known to be inside a tick.
	CREATE FUNCTION arena.drop_purse() RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_catalog.pg_advisory_xact_lock(1);
		PERFORM game.spawn('purse');
		RETURN game.tick();
	END
	$$;
	SELECT game.create_action('arena.drop_purse');
	CREATE PROCEDURE arena.shines() LANGUAGE sql BEGIN ATOMIC UPDATE arena.bag SET gold = gold; END;
	SELECT game.create_system('arena.shines')});
my $world = sql(q{SELECT game.create_world('first', 'arena', seed => 1)});
sql("SELECT game.start_world($world)");
wait_until_ready($node, $world, 'running');

my $holder = $node->background_psql('game');
$holder->query_safe('SELECT pg_advisory_lock(1)');
my $caller = $node->background_psql('game', on_error_stop => 0);
# The limit is below what the worker would wait for itself, and ends nothing that works.
$caller->{stdin} .= "SET statement_timeout = '8s';\nSELECT format('made in tick %s', game.call($world, 'drop_purse'));\n";
$caller->{run}->pump_nb;
poll_until($node, "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted", 'the tick waits');
sql('ALTER FOREIGN TABLE arena.hat ADD COLUMN colour int DEFAULT 3');
$holder->query_safe('SELECT pg_advisory_unlock(1)');
for (1 .. 600)
{
	$caller->{run}->pump_nb;
	last if $caller->{stdout} =~ /made/ || $caller->{stderr} =~ /ERROR/;
	select(undef, undef, undef, 0.1);
}
like($caller->{stdout}, qr/made in tick \d+/, 'the tick ends');
is($caller->{stderr}, '', 'and nobody gave it up');
is(sql("SELECT gold FROM arena.bag WHERE world = $world"), '5', 'with what it made');
sql("INSERT INTO arena.hat VALUES ($world, 1, 7); SELECT game.sync($world)");
is(sql("SELECT size || ' ' || colour FROM arena.hat WHERE world = $world"), '7 3', 'and the definition is taken in behind it');

sql("SELECT game.pause_world($world)");
wait_until_ready($node, $world, 'paused');
sql("SELECT game.enqueue($world, 'drop_purse')");
$holder->query_safe('BEGIN; ALTER FOREIGN TABLE arena.bag ALTER COLUMN gold SET DEFAULT 1');
my $since = log_position($node);
my $worker = worker_pid($node);
$node->safe_psql('postgres', "SELECT pg_terminate_backend($worker)");
wait_for_log($node, qr/the systems of game "arena" cannot be read yet/, $since);
sql("SELECT game.resume_world($world)");
wait_until_ready($node, $world, 'running');
sleep 1; # for ticks that must not be
$holder->query_safe('COMMIT');
sql("SELECT game.sync($world)");
is(sql('SELECT count(*) FROM game.conflict'), '0', 'a worker plays no world before it knows what the game declares');
is(sql("SELECT count(*) FROM arena.bag WHERE world = $world"), '2', 'and then what was queued is applied');
$_->quit for $holder, $caller;
$node->stop;
done_testing();
