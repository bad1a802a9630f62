# A dump carries what a game is played by: systems, actions, flags of worlds, tables of events. It restores into an empty
# database, over itself, and into another cluster, where the world goes on to the same states.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $directory = $PostgreSQL::Test::Utils::tmp_check;
my $node = new_game_node('played');
$node->safe_psql('game', q{
	CREATE ROLE maker IN ROLE gamelan_admin;
	CREATE SCHEMA arena AUTHORIZATION maker;
	SET ROLE maker;
	SET client_min_messages = warning;
	SELECT game.create_game('arena');
	CREATE FOREIGN TABLE arena.place (x double precision NOT NULL DEFAULT 0, dx double precision NOT NULL DEFAULT 1) INHERITS (game.component) SERVER gamelan;
	CREATE FOREIGN TABLE arena.tired (since bigint) INHERITS (game.component) SERVER gamelan;
	CREATE TABLE arena.turn (x double precision) INHERITS (game.event_row);
	-- In the order of their names the last comes first, so that rows of a dump name systems that are not there yet.
	CREATE PROCEDURE arena.a_turns() LANGUAGE sql
	BEGIN ATOMIC INSERT INTO arena.turn (entity, x) SELECT entity, x FROM arena.place WHERE abs(x) >= 5; END;
	CREATE PROCEDURE arena.b_moves() LANGUAGE sql
	BEGIN ATOMIC UPDATE arena.place SET x = x + dx * game.dt() * game.random(entity); END;
	CREATE PROCEDURE arena.c_wakes() LANGUAGE sql BEGIN ATOMIC UPDATE arena.place SET dx = dx * 1.01; END;
	CREATE PROCEDURE arena.d_off() LANGUAGE sql BEGIN ATOMIC UPDATE arena.place SET x = 0; END;
	CREATE PROCEDURE arena.e_observes() LANGUAGE sql
	BEGIN ATOMIC UPDATE arena.tired SET since = game.tick() WHERE entity IN (SELECT o FROM game.observed() AS o); END;
	CREATE FUNCTION arena.is_time() RETURNS boolean LANGUAGE sql RETURN game.tick() % 2 = 0;
	CREATE FUNCTION arena.push(target bigint, by double precision DEFAULT 1) RETURNS double precision LANGUAGE sql
	BEGIN ATOMIC UPDATE arena.place SET dx = dx + by WHERE entity = target RETURNING dx; END;
	CREATE FUNCTION arena.may(actor text, by double precision) RETURNS boolean LANGUAGE sql RETURN by < 100;
	REVOKE EXECUTE ON FUNCTION arena.push FROM PUBLIC;
	GRANT EXECUTE ON FUNCTION arena.push TO gamelan_player;
	SELECT game.create_boundary('arena.place', '{x}', '{-5}', '{5}', mode => 'bounce', velocity_columns => '{dx}');
	SELECT game.create_system('arena.b_moves'), game.create_system('arena.a_turns', after => '{b_moves}', before => '{}');
	SELECT game.create_system('arena.c_wakes', wake_when => 'is_time', before => '{b_moves}', priority => 500), game.create_system('arena.d_off', phase => 'input');
	SELECT game.create_system('arena.e_observes', run_on => 'update', components => '{place}');
	SELECT game.create_action('arena.push', policy => 'may', cooldown => '1 ms', max_per_second => 1000, durable => false)});
my $world = $node->safe_psql('game', q{SELECT game.create_world('w', 'arena', seed => 5)});
$node->safe_psql('game', "SELECT game.disable_system($world, 'd_off'), game.set_time_scale($world, 2.5), game.set_catch_up($world, 'skip')");
$node->safe_psql('game', "SELECT count(game.spawn($world, overrides => '{\"place\": {\"dx\": 40}, \"tired\": {}}')) FROM generate_series(1, 10)");
$node->safe_psql('game', "SELECT game.step_world($world, 20)");
is($node->safe_psql('game', "SELECT count(*) FROM game.system_error"), '0', 'no system fails');
cmp_ok($node->safe_psql('game', "SELECT count(*) FROM arena.turn"), '>', 0, 'and something has happened');
is($node->safe_psql('game', "SELECT DISTINCT since FROM arena.tired"), '20', 'and was observed');
$node->safe_psql('game', "INSERT INTO game.world_system VALUES ($world, 'e_observes', NULL, 'it failed'); SELECT game.step_world($world)");
$node->safe_psql('game', "SELECT game._note_system_error($world, 'e_observes', 20, '22012', 'division by zero', NULL, 1, 7)");

sub dump_of
{
	my ($database) = @_;
	my ($out, $errors) = run_command([ 'pg_dump', '-d', $node->connstr($database) ]);
	is($errors, '', "$database can be dumped");
	return $out =~ s/^\\(un)?restrict .*$//mgr;
}
my $order = q{SELECT string_agg(name || ':' || state, ' ' ORDER BY position) FROM game.system_state};
my $original = dump_of('game');
my $original_order = $node->safe_psql('game', $order);
is($original_order, 'd_off:disabled c_wakes:enabled b_moves:enabled a_turns:enabled boundary:enabled e_observes:suspended', 'systems run in this order');
like($original, qr/^COPY game\.system .*^arena\te_observes\tsimulate\t100\tupdate\t\{place\}/ms, 'a dump has rows of systems');
like($original, qr/^COPY game\.action .*^arena\tpush\tf\t00:00:00\.001\t1000\tmay/ms, 'and of actions');
like($original, qr/^COPY game\.system_error \(world, system, sqlstate, message, detail/m, 'and of errors, without what is computed');

command_ok([ 'pg_dump', '-Fc', '-f', "$directory/played.dump", '-d', $node->connstr('game') ], 'pg_dump succeeds');
for my $way ([ 'plain' ], [ 'one_transaction', '--single-transaction' ], [ 'two_jobs', '-j', '2' ])
{
	my ($database, @options) = @$way;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	command_ok([ 'pg_restore', '--exit-on-error', @options, '-d', $node->connstr($database), "$directory/played.dump" ], "pg_restore succeeds: $database");
	is(dump_of($database), $original, 'and brings all back');
	is($node->safe_psql($database, $order), $original_order, 'in the same order');
}
command_ok([ 'pg_restore', '--exit-on-error', '--clean', '--if-exists', '-d', $node->connstr('plain'), "$directory/played.dump" ], 'it restores over itself');
is(dump_of('plain'), $original, 'and the result is the same');
is($node->safe_psql('plain', $order), $original_order, 'in the same order');
my ($status, $out, $errors) = $node->psql('plain', 'SET ROLE maker; CREATE OR REPLACE PROCEDURE arena.b_moves() LANGUAGE sql BEGIN ATOMIC DELETE FROM arena.place WHERE random() < 1; END');
like($errors, qr/system "b_moves" cannot use random\(\)/, 'what is refused is refused there');

# Elsewhere the world goes on as it does here.
my $copy = new_game_node('copied', { bare => 1 });
$copy->safe_psql('postgres', 'CREATE DATABASE game');
$copy->safe_psql('postgres', 'CREATE ROLE maker');
command_ok([ 'pg_restore', '--exit-on-error', '-d', $copy->connstr('game'), "$directory/played.dump" ], 'pg_restore succeeds in another cluster');
wait_until_ready($copy, $world, 'created');
# Roles are of the cluster: what its owner may use, a dump of a database does not say.
$copy->safe_psql('game', 'GRANT gamelan_admin TO maker');
is(hash_of($copy, $world), hash_of($node, $world), 'the world is where it was');
for my $cluster ($node, $copy)
{
	$cluster->safe_psql('game', "SELECT game.step_world($world, 25)");
	$cluster->safe_psql('game', "SELECT game.enqueue($world, 'push', '{\"target\": 3, \"by\": 2.5}')");
	$cluster->safe_psql('game', "SELECT game.step_world($world, 25)");
}
is(hash_of($copy, $world), hash_of($node, $world), 'and comes to the same state');
is($copy->safe_psql('game', "SELECT count(*), sum(x) FROM arena.turn"), $node->safe_psql('game', "SELECT count(*), sum(x) FROM arena.turn"), 'with the same events');
is($copy->safe_psql('game', "SELECT count(*) FROM game.conflict"), '0', 'no conflicts');
is($copy->safe_psql('game', "SELECT count(*) FROM game.system_error WHERE last_tick > 21"), '0', 'and no errors');

# The restored ones are systems and actions like any other.
$copy->safe_psql('game', "SELECT game.drop_world($world)");
$copy->safe_psql('game', "SELECT game.drop_game('arena')");
is($copy->safe_psql('game', 'SELECT (SELECT count(*) FROM game.system) + (SELECT count(*) FROM game.action)'), '0', 'they go with their game');

$copy->stop;
$node->stop;
done_testing();
