# What the worker must not do to others: hold back VACUUM, stand in the way of DDL and DROP DATABASE elsewhere, or run
# where it is not wanted.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_game_node('quiet', {}, 'gamelan.checkpoint_interval = 0');
my $world = create_world($node, 'world', rate => 60, start => 1);

# A tick worker that keeps a transaction open would keep an old xmin; this one has none, or a newer one.
for my $look (1 .. 5)
{
	my $now = $node->safe_psql('game', "SELECT game.call($world, 'join', '{\"name\": \"look $look\"}'); SELECT txid_current()");
	$now = (split /\n/, $now)[-1];
	poll_until($node, "SELECT backend_xmin IS NULL OR backend_xmin::text::bigint > $now FROM pg_stat_activity WHERE backend_type = 'gamelan world worker'",
		'the worker lets go of what it saw');
	pass("while the world runs, the worker holds back no VACUUM, look $look");
}
poll_until($node, "SELECT backend_xmin IS NULL AND xact_start IS NULL FROM pg_stat_activity WHERE backend_type = 'gamelan world worker'",
	'there is a moment without a transaction');
pass('between ticks it has no transaction at all');
$node->safe_psql('game', 'CREATE TABLE dead AS SELECT n FROM generate_series(1, 1000) AS n; DELETE FROM dead');
my ($status, $out, $vacuum) = $node->psql('game', 'VACUUM VERBOSE dead');
like($vacuum, qr/1000 removed|removed 1000|0 are dead but not yet removable/, 'dead rows can be removed');

# Tables of the extension are not locked between ticks, and DDL elsewhere does not wait.
is(error_of($node, 'game', "SET lock_timeout = '10s'; BEGIN; LOCK TABLE game.tick_log, game.world_head, game.event IN ACCESS EXCLUSIVE MODE; ROLLBACK"),
	'', 'the tables can be locked');
$node->safe_psql('postgres', 'CREATE DATABASE another');
is(error_of($node, 'another', 'CREATE EXTENSION gamelan'), '', 'the extension can be created in another database');
like(error_of($node, 'another', "SELECT game.step_world(1)"), qr/WG013/, 'where nothing is played');
is($node->safe_psql('another', "SELECT game.create_world('w', 'hexfactory') > 0"), 't', 'though worlds can be described');
is(error_of($node, 'postgres', 'DROP DATABASE another'), '', 'and it can be dropped while worlds tick');

# pg_upgrade starts the server in a mode of its own.
$node->safe_psql('game', "SELECT game.pause_world($world)");
my $at_rest = pause_at_rest($node, $world);
$node->stop;
command_ok([ 'pg_ctl', '-D', $node->data_dir, '-l', $node->logfile, '-o', '-b', '-w', 'start' ], 'the server starts in binary upgrade mode');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'gamelan%'"), '0', 'without our workers');
like(error_of($node, 'game', "SELECT game.step_world($world)"), qr/55000: gamelan is not loaded\n.*HINT:  Add gamelan to shared_preload_libraries/s,
	'functions say that nothing is loaded');
is($node->safe_psql('game', 'SELECT name FROM game.world'), 'world', 'tables and views can be read');
command_ok([ 'pg_ctl', '-D', $node->data_dir, '-w', '-m', 'fast', 'stop' ], 'and stops');

# Without preload, the same.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->start;
like(error_of($node, 'game', "SELECT game.step_world($world)"), qr/55000: gamelan is not loaded/, 'without preload nothing is played');
like(error_of($node, 'game', "SELECT game.pause_world($world)"), qr/55000: gamelan is not loaded/, 'and no world is changed');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'gamelan'");
$node->restart;
wait_until_ready($node, $world, 'paused');
is(hash_of($node, $world), $at_rest, 'loaded again, the world stands where it stood');

$node->stop;
done_testing();
