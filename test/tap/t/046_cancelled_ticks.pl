# Somebody cancels the world worker in the middle of a tick. The tick is taken back; the calls that it was to apply wait for the
# next one, and each gets the answer of its own command.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_game_node('cancelled', {}, 'gamelan.checkpoint_interval = 0');
sub sql { return $node->safe_psql('game', $_[0]) }

sql(q{
	SET client_min_messages = warning;
	SELECT game.create_game('arena');
	CREATE FOREIGN TABLE arena.tally (marks int NOT NULL DEFAULT 0) INHERITS (game.component) SERVER gamelan;
	CREATE FUNCTION arena.mark(e bigint) RETURNS bigint LANGUAGE sql BEGIN ATOMIC
		UPDATE arena.tally SET marks = marks + 1 WHERE entity = e; SELECT e;
	END;
	-- Waits for the session that holds the lock: that is how it is known to be inside a tick.
	CREATE FUNCTION arena.hold() RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_catalog.pg_advisory_xact_lock(1);
		RETURN 0;
	END
	$$;
	SELECT game.create_action('arena.mark'), game.create_action('arena.hold')});
my $world = sql(q{SELECT game.create_world('first', 'arena', seed => 1)});
sql("SELECT game.start_world($world)");
wait_until_ready($node, $world, 'running');
sql("INSERT INTO arena.tally (world, entity) SELECT $world, game.spawn($world) FROM generate_series(1, 6); SELECT game.sync($world)");

# calls SESSION ACTION…: a batch; each ACTION is `hold` or the number of an entity to mark.
sub calls
{
	my ($session, @actions) = @_;
	my $names = join ',', map { $_ eq 'hold' ? "'hold'" : "'mark'" } @actions;
	my $arguments = join ',', map { $_ eq 'hold' ? "'{}'" : "'{\"e\": $_}'" } @actions;
	my $count = @actions;
	$session->{stdin} .= "SELECT ordinal || '=' || coalesce(result::text, sqlstate) FROM game.calls($world, array_fill('me'::text, ARRAY[$count]), "
	  . "ARRAY[$names], ARRAY[$arguments]::jsonb[], array_fill(NULL::bigint, ARRAY[$count])); SELECT 'all answered';\n";
	$session->{run}->pump_nb;
}

sub answers
{
	my ($session) = @_;
	for (1 .. 600)
	{
		$session->{run}->pump_nb;
		last if $session->{stdout} =~ /all answered/ || $session->{stderr} =~ /ERROR/;
		select(undef, undef, undef, 0.1);
	}
	return join ' ', $session->{stdout} =~ /^(\d+=\S+)$/mg;
}

my $holder = $node->background_psql('game');
my @callers = map { $node->background_psql('game', on_error_stop => 0) } 1 .. 2;
$holder->query_safe('SELECT pg_advisory_lock(1)');
calls($callers[0], 1, 'hold', 2, 3);
poll_until($node, "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted", 'the tick waits');
calls($callers[1], 4, 5, 6);
poll_until($node, "SELECT count(*) = 2 FROM pg_stat_activity WHERE query ~ 'ordinal' AND wait_event = 'Extension' AND pid <> pg_backend_pid()",
	'others wait for the next');
my $since = log_position($node);
my $worker = worker_pid($node);
$node->safe_psql('postgres', "SELECT pg_cancel_backend($worker)");
wait_for_log($node, qr/the tick could not be written: canceling/, $since);
$holder->query_safe('SELECT pg_advisory_unlock(1)');
is(answers($callers[0]), '1=1 2=0 3=2 4=3', 'each call of the cancelled tick gets its own answer');
is(answers($callers[1]), '1=4 2=5 3=6', 'and so do those that came meanwhile');
is(sql("SELECT string_agg(marks::text, ' ' ORDER BY entity) FROM arena.tally WHERE world = $world"), '1 1 1 1 1 1',
	'and each was applied once');
is(sql("SELECT count(*) FROM game.verify($world, true) WHERE NOT ok"), '0', 'and the log says the same');
is(worker_pid($node), $worker, 'by the same worker');
$_->quit for $holder, @callers;
$node->stop;
done_testing();
