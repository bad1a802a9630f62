# Components and memory: a write for which there is none is refused, the world goes on; worlds that stand still leave memory
# and come back; a reader holds a tick for so long and no longer.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_game_node('components', {}, "gamelan.memory = '24MB'", 'gamelan.max_worlds = 16', 'gamelan.checkpoint_interval = 0',
	'gamelan.max_requests = 64');
sub sql { return $node->safe_psql('game', $_[0]) }

sql(q{SELECT game.create_game('arena')});
sql(q{CREATE FOREIGN TABLE arena.health (hp int NOT NULL DEFAULT 100, note text) INHERITS (game.component) SERVER gamelan});
my $world = sql(q{SELECT game.create_world('first', 'arena', seed => 1, tick_rate => 60)});
sql("SELECT game.start_world($world)");

sub goes_on
{
	my ($what) = @_;
	my $tick = sql("SELECT tick FROM game.world WHERE id = $world");
	poll_until($node, "SELECT state = 'running' AND tick > $tick FROM game.world WHERE id = $world", $what);
	return pass($what);
}

# Memory.
sql("SELECT count(*) FROM game.spawn_many($world, 20000)");
sql("SELECT game.sync($world)");
sql("INSERT INTO arena.health (world, entity) SELECT $world, e FROM generate_series(1, 1000) e");
sql("SELECT game.sync($world)");
my $before = sql("SELECT hash FROM game.state_hash($world)");
my $errors = error_of($node, 'game',
	"INSERT INTO arena.health SELECT $world, e, 1, repeat(md5(e::text), 100) FROM generate_series(1001, 20000) e; SELECT game.sync($world)");
like($errors, qr/53200/, 'rows for which there is no memory are refused');
like($errors, qr/gamelan\.(memory|world_memory_limit)/, 'and the error names the setting');
goes_on('the world goes on');
is(sql("SELECT count(*) || ' ' || count(note) FROM arena.health"), '1000 0', 'nothing of them is there');
is(sql("SELECT sqlstate || ' ' || action FROM game.conflict"), '53200 write', 'and the conflict is on record');
sql("UPDATE arena.health SET hp = 50 WHERE entity = 7");
sql("SELECT game.sync($world)");
is(sql("SELECT hp FROM arena.health WHERE entity = 7"), '50', 'smaller writes are applied as before');
like(error_of($node, 'game', "SET gamelan.max_queued_writes = '64kB'; UPDATE arena.health SET note = repeat('x', 100)"),
	qr/WG011.*gamelan\.max_queued_writes/s, 'a transaction cannot queue more than its limit, which the error names');

# Who holds it.
is(sql("SELECT items FROM game.pg_stat_gamelan_memory WHERE world = $world AND component = 'health' AND part = 'component'"), '1000', 'the view counts rows');
ok(sql("SELECT bool_and(bytes > 0) FROM game.pg_stat_gamelan_memory WHERE part IN ('pool', 'free', 'world')") eq 't', 'and bytes');
sql("UPDATE arena.health SET note = repeat('long', 100) WHERE entity <= 10");
sql("SELECT game.sync($world)");
cmp_ok(sql("SELECT bytes FROM game.pg_stat_gamelan_memory WHERE world = $world AND component = 'health' AND part = 'heap'"), '>=', 4000, 'long texts are in the heap');

# A handle whose spawn was rolled back comes again; nothing is left of the entity.
my $handle = sql("BEGIN; SELECT game.spawn($world); ROLLBACK");
is(sql("SELECT game.spawn($world)"), $handle, 'a handle of a transaction that was rolled back is given out again');

# A reader that will not end.
$node->append_conf('postgresql.conf', "gamelan.max_snapshot_age = '300ms'");
$node->reload;
my $reader = $node->background_psql('game', on_error_stop => 0);
$reader->query_safe('BEGIN ISOLATION LEVEL REPEATABLE READ');
is($reader->query_safe('SELECT min(hp) FROM arena.health'), '50', 'a transaction reads a tick');
sql("UPDATE arena.health SET hp = 1");
sql("SELECT game.sync($world)");
is(sql("SELECT items FROM game.pg_stat_gamelan_memory WHERE part = 'pins'") >= 1 ? 'held' : 'free', 'held', 'and holds it')
	if $reader->query_safe('SELECT min(hp) FROM arena.health') eq '50';
poll_until($node, "SELECT items = 0 FROM game.pg_stat_gamelan_memory WHERE part = 'pins'", 'the pin is taken away in time');
$reader->query('SELECT min(hp) FROM arena.health');
like($reader->{stderr}, qr/snapshot too old/, 'and the transaction is told when it reads on');
like($reader->{stderr}, qr/gamelan\.max_snapshot_age/, 'with the setting');
$reader->quit;
is(sql('SELECT max(hp) FROM arena.health'), '1', 'others read the newest tick');

$node->append_conf('postgresql.conf', "gamelan.max_snapshot_age = '1min'");
$node->reload;

# Eviction.
like(error_of($node, 'game', "SELECT game.evict_world($world)"), qr/55000.*game\.pause_world/s, 'a running world is not evicted');
sql("SELECT game.pause_world($world)");
poll_until($node, "SELECT state = 'paused' FROM game.world WHERE id = $world", 'it pauses');
my $hash = hash_of($node, $world);
sql("BEGIN; SELECT game.evict_world($world); ROLLBACK");
is(state_of($node, $world), 'paused', 'nor when the transaction that asked for it is rolled back');
sql("SELECT game.evict_world($world)");
poll_until($node, "SELECT state = 'evicted' AND memory = 0 FROM game.world WHERE id = $world", 'a world that stands still gives its memory back');
is(sql('SELECT count(*) FROM arena.health'), '1000', 'a query brings it back');
is(hash_of($node, $world), $hash, 'as it was');
sql("SELECT game.evict_world($world)");
poll_until($node, "SELECT state = 'evicted' FROM game.world WHERE id = $world", 'it goes again');
sql("SELECT game.step_world($world, 5)");
isnt(state_of($node, $world), 'evicted', 'a step brings it back');
sql("SELECT game.evict_world($world)");
poll_until($node, "SELECT state = 'evicted' FROM game.world WHERE id = $world", 'and again');
sql("INSERT INTO arena.health SELECT $world, game.spawn($world), 3");
sql("SELECT game.start_world($world)");
sql("SELECT game.sync($world)");
is(sql('SELECT count(*) FROM arena.health'), '1001', 'so do a write and a start');

# By itself, many more worlds than fit at once.
sql(q{SELECT game.create_world('idle' || i, 'arena', seed => i) FROM generate_series(1, 12) i});
for my $id (split /\n/, sql("SELECT id FROM game.world WHERE name LIKE 'idle%' ORDER BY id"))
{
	sql("SELECT count(*) FROM game.spawn_many($id, 1000)");
	sql("INSERT INTO arena.health SELECT $id, e, 5, repeat('x', 400) FROM generate_series(1, 1000) e");
	sql("SELECT game.step_world($id, 1)");
}
$node->append_conf('postgresql.conf', "gamelan.evict_idle_after = '1s'");
$node->reload;
poll_until($node, "SELECT count(*) = 12 FROM game.world WHERE state = 'evicted'", 'idle worlds are evicted in time');
pass('idle worlds are evicted in time');
is(state_of($node, $world), 'running', 'the one that ticks stays');
is(sql("SELECT count(*) FROM arena.health WHERE world > $world AND hp = 5 AND length(note) = 400"), '12000', 'and a query of all brings them back');

# Evicted worlds survive what others survive.
poll_until($node, "SELECT count(*) = 12 FROM game.world WHERE state = 'evicted'", 'they go once more');
$node->restart;
poll_until($node, "SELECT count(*) = 13 FROM game.world WHERE state IN ('created', 'evicted', 'running')", 'all come back after a restart');
is(sql("SELECT count(*) FROM arena.health WHERE world > $world"), '12000', 'with all rows');

$node->stop;
done_testing();
