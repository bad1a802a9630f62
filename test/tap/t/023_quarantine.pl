# What ends the world worker again and again is not run any more; the world goes on.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_game_node('harm', {}, 'restart_after_crash = on');
sub sql { return $node->safe_psql('game', $_[0]) }

# The server goes down and comes back in between.
sub wait_through_crashes
{
	my ($query, $what) = @_;
	for (1 .. 600)
	{
		my ($status, $out) = $node->psql('game', $query, timeout => 30);
		return 1 if $status == 0 && $out eq 't';
		select(undef, undef, undef, 0.2);
	}
	die "gave up waiting until $what";
}

sql(q{
	SELECT game.create_game('arena');
	CREATE FOREIGN TABLE arena.bag (gold int NOT NULL DEFAULT 0) INHERITS (game.component) SERVER gamelan;
	CREATE PROCEDURE arena.earn() LANGUAGE sql BEGIN ATOMIC UPDATE arena.bag SET gold = gold + 1; END;
	CREATE PROCEDURE arena.harm() LANGUAGE plpgsql AS $$ BEGIN
		UPDATE bag SET gold = -1000;
		IF game.tick() > 5 THEN EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'kill -9 ' || pg_backend_pid()); END IF;
		RAISE EXCEPTION 'harmless so far';
	END $$;
	CREATE FUNCTION arena.hurt(deep boolean) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
		UPDATE bag SET gold = -1000;
		IF deep THEN EXECUTE format('COPY (SELECT 1) TO PROGRAM %L', 'kill -9 ' || pg_backend_pid()); END IF;
		UPDATE bag SET gold = 0;
	END $$;
	SELECT game.create_system('arena.earn');
	SELECT game.create_system('arena.harm');
	SELECT game.create_action('arena.hurt')});
my $world = sql(q{SELECT game.create_world('first', 'arena', seed => 1, tick_rate => 20)});
sql("SELECT count(*) FROM game.spawn_many($world, 3); SELECT game.step_world($world, 1)");
sql("INSERT INTO arena.bag (world, entity) SELECT $world, e FROM generate_series(1, 3) AS e");
my $since = log_position($node);
sql("SELECT game.start_world($world)");
wait_through_crashes("SELECT suspended_reason IS NOT NULL FROM game.world_system WHERE world = $world AND name = 'harm'", 'the system is suspended');
like(sql('SELECT suspended_reason FROM game.world_system'), qr/quarantine: It has ended the world worker 3 times/, 'which the world tells');
my $log = slurp_file($node->logfile, $since);
is(scalar(() = $log =~ /the world worker ended while it ran system "harm"/g), 3, 'after three deaths of the worker');
my $tick = sql("SELECT tick FROM game.world WHERE id = $world");
poll_until($node, "SELECT tick > $tick + 5 FROM game.world WHERE id = $world", 'the world goes on');
cmp_ok(sql('SELECT min(gold) FROM arena.bag'), '>', 0, 'and nothing of what the system did remains');

$since = log_position($node);
sql("SELECT game.enqueue($world, 'hurt', '{\"deep\": true}')");
wait_through_crashes("SELECT count(*) = 1 FROM game.conflict WHERE sqlstate = 'WG022'", 'the command is refused');
$log = slurp_file($node->logfile, $since);
is(scalar(() = $log =~ /the world worker ended while it ran action "hurt"/g), 3, 'after three deaths of the worker');
is(sql('SELECT count(*) FROM game.inbox'), '0', 'and does not wait any more');
cmp_ok(sql('SELECT min(gold) FROM arena.bag'), '>', 0, 'nothing of it remains');
sql("SELECT game.call($world, 'hurt', '{\"deep\": false}')");
pass('the same action with other arguments runs');
my $stood = pause_at_rest($node, $world);
kill_and_start_again($node);
wait_until_ready($node, $world, 'paused');
is(hash_of($node, $world), $stood, 'a replay comes to the same state');
$node->stop;
done_testing();
