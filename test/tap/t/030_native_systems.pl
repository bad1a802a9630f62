# Systems of a shared library: the same movement as in SQL leaves the same state, what fails leaves nothing, a replay of the
# log runs them again, and a world whose library is gone stays stopped until it is back. The library is
# test/modules/native_system, which is built here.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename;
use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = $ENV{GAMELAN_SOURCE} || abs_path(dirname(__FILE__) . '/../../..');
plan(skip_all => "the sources of the extension are not in $source") unless -f "$source/include/gamelan/system.hpp";
my $build = PostgreSQL::Test::Utils::tempdir;
command_ok([ 'make', '-s', '-C', $build, '-f', "$source/test/modules/native_system/Makefile", 'all' ], 'the library is built');
my $library = "$build/native_system.so";
append_to_file("$build/scrap.so", 'no library');

my $node = new_game_node('natives', { bare => 1 }, "gamelan.checkpoint_interval = '1h'", "gamelan.head_interval = '100ms'");
my $path = $node->safe_psql('postgres', 'SHOW dynamic_library_path');
$node->append_conf('postgresql.conf', "dynamic_library_path = '$build:$path'");
$node->restart;
add_game_database($node);

my %world;
for my $game ('in_sql', 'in_native')
{
	$node->safe_psql('game', qq{
		SELECT game.create_game('$game');
		CREATE FOREIGN TABLE $game.position (x real NOT NULL, y real NOT NULL) INHERITS (game.component) SERVER gamelan;
		CREATE FOREIGN TABLE $game.velocity (dx real, dy real) INHERITS (game.component) SERVER gamelan;
		CREATE FOREIGN TABLE $game.luck (drawn double precision, wins bigint NOT NULL DEFAULT 0) INHERITS (game.component) SERVER gamelan});
	my $id = $node->safe_psql('game', "SELECT game.create_world('$game', '$game', seed => 7)");
	$world{$game} = $id;
	$node->safe_psql('game', qq{
		SELECT count(*) FROM game.spawn_many($id, 3000);
		INSERT INTO $game.position (world, entity, x, y) SELECT $id, i, i * 0.37, -i * 1.1 FROM generate_series(1, 3000) AS i;
		INSERT INTO $game.velocity (world, entity, dx, dy) SELECT $id, i, i % 17 - 8.3, i % 5 / 3.0 FROM generate_series(1, 3000) AS i WHERE i % 3 > 0;
		INSERT INTO $game.luck (world, entity) SELECT $id, i FROM generate_series(1, 3000, 7) AS i;
		SELECT game.step_world($id)});
}
my ($sql, $native) = @world{'in_sql', 'in_native'};
sub state_hash { return (split / /, hash_of($node, $_[0]))[1]; }
is(state_hash($native), state_hash($sql), 'two worlds start alike');

$node->safe_psql('game', q{
	CREATE PROCEDURE in_sql.movement() LANGUAGE sql BEGIN ATOMIC
		UPDATE in_sql.position p SET x = p.x + v.dx * game.dt(), y = p.y + v.dy * game.dt() FROM in_sql.velocity v WHERE v.entity = p.entity; END;
	SELECT game.create_system('in_sql.movement');
	SELECT game.create_native_system('in_native.movement', 'native_system', 'movement')});
$node->safe_psql('game', "SELECT game.step_world($_, 40)") for $sql, $native;
my $moved = $node->safe_psql('game', "SELECT count(*) FROM in_native.position WHERE world = $native AND x <> (entity * 0.37)::real");
is($moved, 2000, 'what has a velocity moves');
is(state_hash($native), state_hash($sql), 'The movement in C++ leaves the same state as the one in SQL');

# What fails.
$node->safe_psql('game', "SELECT game.create_native_system('in_native.fall_over', 'native_system', 'fall_over', phase => 'output')");
$node->safe_psql('game', "SELECT game.step_world($_, 2)") for $sql, $native;
is(state_hash($native), state_hash($sql), 'A native system that fails leaves nothing');
is($node->safe_psql('game', "SELECT sqlstate, message FROM game.system_error WHERE world = $native AND system = 'fall_over'"),
	'22003|entity 1500 fell over', 'and its message');
$node->safe_psql('game', "SELECT game.drop_system('in_native.fall_over')");
$node->safe_psql('game', "SELECT game.create_native_system('in_native.mistyped', 'native_system', 'mistyped')");
$node->safe_psql('game', "SELECT game.step_world($native)");
like($node->safe_psql('game', "SELECT sqlstate, message FROM game.system_error WHERE world = $native AND system = 'mistyped'"),
	qr/^42804\|column "position.x" is of another type/, 'Columns are of the type that the library says');
$node->safe_psql('game', "SELECT game.drop_system('in_native.mistyped')");

# What is refused.
sub refused { my ($library, $symbol) = @_; return error_of($node, 'game', "SELECT game.create_native_system('in_native.other', '$library', '$symbol')"); }
like(refused('nowhere', 'movement'), qr/58P01: library "nowhere.so" of native systems is not installed/, 'A library has to be there');
like(refused('../native_system', 'movement'), qr/22023: a library of native systems is named without a path/, 'is named without a path');
like(refused('scrap', 'movement'), qr/58P01: library "scrap" of native systems cannot be loaded/, 'can be opened');
like(refused('native_system', 'walk'), qr/42883: library "native_system" has no system "walk"/, 'has the system');
like(refused('gamelan', 'gamelan_near'), qr/42883: "gamelan_near" is no native system/, 'which is one');

# Chance, events, NULLs; and a crash, after which the log is replayed from the beginning.
$node->safe_psql('game', "SELECT game.create_native_system('in_native.gamble', '\$libdir/native_system', 'gamble', every_n_ticks => 2)");
$node->safe_psql('game', "SELECT game.step_world($native, 10)");
is($node->safe_psql('game', "SELECT sum(wins) = (SELECT count(*) FROM game.event WHERE world = $native AND kind = 'won') AND sum(wins) > 0 FROM in_native.luck WHERE world = $native"),
	't', 'Events are told of as often as they happen');
$node->safe_psql('game', "SELECT game.spawn($native); SELECT game.step_world($native, 3)");
my $before = hash_of($node, $native);
poll_until($node, "SELECT h.tick = s.tick FROM game.world_head AS h, game.state_hash($native) AS s WHERE h.world = $native", 'the head is durable');
kill_and_start_again($node);
poll_until($node, "SELECT memory > 0 FROM game.world WHERE id = $native", 'the world is back');
is(hash_of($node, $native), $before, 'A replay runs native systems again, to the same state');

# Without the library.
rename($library, "$library.away") or die "rename: $!";
$node->stop;
$node->start;
poll_until($node, "SELECT state = 'failed' FROM game.world WHERE id = $native", 'the world stays stopped');
ok(log_has($node, qr/library "native_system.so" of native systems is not installed/, 0), 'A world whose library is gone stays stopped, and says why');
is($node->safe_psql('game', "SELECT game.step_world($sql) > 0"), 't', 'while others play');
rename("$library.away", $library) or die "rename: $!";
$node->restart;
poll_until($node, "SELECT memory > 0 FROM game.world WHERE id = $native", 'the world is back');
is(hash_of($node, $native), $before, 'When it is back, so is the world');
is($node->safe_psql('game', "SELECT game.step_world($native) > 0"), 't', 'and goes on');

# One that ends the worker is put into quarantine, and the log knows in which ticks it did not run.
$node->append_conf('postgresql.conf', "restart_after_crash = on\ngamelan.quarantine_after = 1");
$node->reload;
$node->safe_psql('game', "SELECT game.create_native_system('in_native.end_the_worker', 'native_system', 'end_the_worker')");
$node->psql('game', "SELECT game.step_world($native)");
poll_until($node, "SELECT memory > 0 FROM game.world WHERE id = $native", 'the server is back');
$node->safe_psql('game', "SELECT game.step_world($native, 5)");
is($node->safe_psql('game', "SELECT DISTINCT sqlstate FROM game.system_error WHERE world = $native AND system = 'end_the_worker'"), 'WG022',
	'A native system that ends the server is put into quarantine');
$before = hash_of($node, $native);
poll_until($node, "SELECT h.tick = s.tick FROM game.world_head AS h, game.state_hash($native) AS s WHERE h.world = $native", 'the head is durable');
kill_and_start_again($node);
poll_until($node, "SELECT memory > 0 FROM game.world WHERE id = $native", 'the world is back');
is(hash_of($node, $native), $before, 'and is not run by a replay either');

$node->stop;
done_testing();
