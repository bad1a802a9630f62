# What a session sees as of a tick is what was seen while that tick was the newest: through checkpoints, with and without kernels, after
# crashes, and by roles that may read a component and nothing else.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_game_node('past', {}, 'gamelan.checkpoint_interval = 0', "gamelan.max_past_states = 2");
sub sql { return $node->safe_psql('game', $_[0]) }

sql(<<'SQL');
SELECT game.create_game('arena');
CREATE FOREIGN TABLE arena.body (x real NOT NULL DEFAULT 0, hp int NOT NULL DEFAULT 100, name text) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE arena.grass (height int NOT NULL DEFAULT 0) INHERITS (game.cell) SERVER gamelan;
CREATE PROCEDURE arena.walk() LANGUAGE sql BEGIN ATOMIC UPDATE arena.body SET x = x + game.random(entity) - 0.5; END;
CREATE PROCEDURE arena.grow() LANGUAGE sql BEGIN ATOMIC UPDATE arena.grass SET height = height + 1 WHERE game.random(cell) < 0.1; END;
CREATE PROCEDURE arena.call_names() LANGUAGE sql BEGIN ATOMIC UPDATE arena.body SET name = name || '!' WHERE length(name) < 20 AND game.random(entity) < 0.05; END;
CREATE PROCEDURE arena.die() LANGUAGE sql BEGIN ATOMIC DELETE FROM arena.body WHERE game.random(entity + 1) < 0.01; END;
SELECT game.create_system('arena.walk'), game.create_system('arena.grow'), game.create_system('arena.call_names'), game.create_system('arena.die');
CREATE ROLE watcher LOGIN IN ROLE gamelan_player;
GRANT USAGE ON SCHEMA arena TO watcher;
GRANT SELECT ON arena.body TO watcher;
SQL
my $world = sql(q{SELECT game.create_world('first', 'arena', seed => 7, config => '{"n": 4}')});

# What is looked at: rows, an index look-up, aggregates, the state's hash.
my $rows = "SELECT md5(coalesce(string_agg(b::text, ' ' ORDER BY entity), '')) FROM arena.body AS b WHERE world = $world";
my $cells = "SELECT count(*), sum(height), max(height) FROM arena.grass WHERE world = $world";
my $alive = "SELECT count(*) FROM game.entity WHERE world = $world";
my $hash = "SELECT tick, hash FROM game.state_hash($world)";
sub look { return join ' | ', map { sql(($_[0] // '') . $_) } $rows, $cells, $alive, $hash }

my %seen;
for my $round (1 .. 30)
{
	sql("SELECT count(*) FROM game.spawn_many($world, 5)") if $round % 3 == 1;
	sql("INSERT INTO arena.body (world, entity, name) SELECT $world, e.entity, 'n' || e.entity FROM game.entity AS e WHERE e.world = $world
		AND NOT EXISTS (SELECT FROM arena.body AS b WHERE b.world = e.world AND b.entity = e.entity) LIMIT 4") if $round % 4 == 2;
	sql("UPDATE arena.body SET hp = hp - 1 WHERE world = $world AND entity % 3 = $round % 3") if $round % 5 == 3;
	sql('ALTER FOREIGN TABLE arena.body ADD COLUMN armour int NOT NULL DEFAULT 3') if $round == 12;
	sql("SELECT game.checkpoint($world)") if $round % 10 == 5;
	sql("SELECT game.step_world($world, 7)");
	$seen{$round * 7} = look();
	if ($round == 20)
	{
		sql("SELECT game.pause_world($world)");
		kill_and_start_again($node);
		wait_until_ready($node, $world, 'paused');
	}
}

# From the oldest to the newest, back again, and here and there.
my @ticks = sort { $a <=> $b } grep { $_ >= 12 * 7 } keys %seen;
my @odd = map { $ticks[ ($_ * 7) % @ticks ] } 0 .. $#ticks;
for my $order ([ forwards => @ticks ], [ backwards => reverse @ticks ], [ 'at random' => @odd ])
{
	my ($name, @order) = @$order;
	my @other = grep { look("SET gamelan.as_of_tick = $_; ") ne $seen{$_} } @order;
	is("@other", '', "$name: every tick is as it was seen");
}
# In one session, which keeps states and plays them on.
my $script = join '', map { "SET gamelan.as_of_tick = $_; $hash; " } @ticks, reverse(@ticks), @odd;
my @expected = map { my ($last) = $seen{$_} =~ /(\d+\|\w+)$/; $last } @ticks, reverse(@ticks), @odd;
is(sql($script), join("\n", @expected), 'one session sees them all');

# Before the column was there: rows have its default, as after ALTER TABLE.
my ($early) = grep { $_ < 12 * 7 } sort { $b <=> $a } keys %seen;
is(sql("SET gamelan.as_of_tick = $early; SELECT DISTINCT armour FROM arena.body WHERE world = $world"), '3', 'a column that was not there yet has its default');
is((look("SET gamelan.as_of_tick = $early; ") =~ /(\d+\|\w+)$/)[0], ($seen{$early} =~ /(\d+\|\w+)$/)[0], 'and the state is what it was');

# A role that may read a component may read its past, and gets nothing else by it.
is($node->safe_psql('game', "SET gamelan.as_of_tick = $ticks[0]; $rows", extra_params => [ '-U', 'watcher' ]), (split / \| /, $seen{ $ticks[0] })[0],
	'a reader of the component reads its past');
like(error_of($node, 'game', "SET ROLE watcher; SET gamelan.as_of_tick = $ticks[0]; SELECT count(*) FROM arena.grass"), qr/42501: permission denied for foreign table grass/,
	'but no other component');
like(error_of($node, 'game', "SET ROLE watcher; SET gamelan.as_of_tick = $ticks[0]; SELECT count(*) FROM arena.body; SELECT count(*) FROM game.tick_log"),
	qr/42501: permission denied for table tick_log/, 'nor the log');

# A fork plays on as the world did, and outlives a crash like any other world.
my $fork = sql("SELECT game.fork_world($world, $ticks[0], 'fork')");
sub state_hash { return sql("SELECT hash FROM game.state_hash($_[0])") }
is(state_hash($fork), sql("SET gamelan.as_of_tick = $ticks[0]; SELECT hash FROM game.state_hash($world)"), 'a fork begins with the state of that tick');
sql("SELECT game.spawn($fork); SELECT game.step_world($fork, 20)");
my $grown = state_hash($fork);
kill_and_start_again($node);
wait_until_ready($node, $_, 'created') for $fork;
is(state_hash($fork), $grown, 'it is there after a crash');
my $twin = sql("SELECT game.fork_world($fork, $ticks[0] + 20, 'twin')");
is(state_hash($twin), $grown, 'and can be forked itself');
sql("DELETE FROM game.checkpoint WHERE world = $twin");
$node->restart;
wait_until_ready($node, $fork, 'created');
like(sql("SELECT state || ': ' || reason FROM game.world WHERE id = $twin"), qr/^failed: no checkpoint of world $twin can be used/,
	'without its first checkpoint nothing is made up');

# The log that leads there is damaged: nothing is shown.
sql('UPDATE game.tick_log SET commands = commands || ' . q{'\x00'} . " WHERE world = $world AND tick = (SELECT max(tick) FROM game.tick_log WHERE world = $world)");
like(error_of($node, 'game', "SET gamelan.as_of_tick = $ticks[-1]; SELECT count(*) FROM arena.body WHERE world = $world"),
	qr/the log does not lead to the state it was written for: the hash chain differs at tick/, 'a damaged log shows nothing');
is(sql("SET gamelan.as_of_tick = $ticks[0]; $rows"), (split / \| /, $seen{ $ticks[0] })[0], 'what lies before the damage can be seen');

$node->stop;
done_testing();
