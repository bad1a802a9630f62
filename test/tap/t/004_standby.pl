# A standby plays nothing and says so; promoted, it goes on from the state that the primary had made durable.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $primary = new_game_node('primary', { streaming => 1 });
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

my $world = create_world($primary, 'world', rate => 60, start => 1);
$primary->safe_psql('game', "SELECT game.call($world, 'join', '{\"name\": \"Ada\"}')");
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));

is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'gamelan%'"), '0', 'a standby has no workers');
is($standby->safe_psql('game', 'SELECT name FROM game.world'), 'world', 'the worlds can be listed there');
is($standby->safe_psql('game', "SELECT payload ->> 'name' FROM game.event"), 'Ada', 'and the events be read');
for my $call ("step_world($world)", "call($world, 'join', '{\"name\": \"Eve\"}')", "state_hash($world)", "cells($world)", "sync($world)",
	"changes($world, -1, 0)")
{
	like(error_of($standby, 'game', "SELECT game.$call"), qr/WG013: the world worker is not running\n.*DETAIL:  The server is a standby/s,
		"game.$call tells why it cannot");
}
like(error_of($standby, 'game', "SELECT game.$_"), qr/25006: cannot execute .* in a read-only transaction/, "game.$_ is refused as a write")
  for ("enqueue($world, 'join', '{\"name\": \"Eve\"}')", "pause_world($world)", "create_world('w', 'hexfactory')", "checkpoint($world)");
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
my $head = $standby->safe_psql('game', "SELECT tick FROM game.world_head WHERE world = $world");
$primary->poll_query_until('game', "SELECT tick > $head FROM game.world_head WHERE world = $world") or die 'the primary stands still';
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
cmp_ok($standby->safe_psql('game', "SELECT tick FROM game.world_head WHERE world = $world"), '>', $head, 'it follows the primary');

# Paused, so that there is one state to compare.
my $at_rest = pause_at_rest($primary, $world);
$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
$primary->stop('immediate');
$standby->promote;
wait_until_ready($standby, $world, 'paused');
is(hash_of($standby, $world), $at_rest, "promoted, it stands where the primary stood ($at_rest)");
my ($tick) = split ' ', $at_rest;
$standby->safe_psql('game', "SELECT game.resume_world($world)");
poll_until($standby, "SELECT tick > $tick FROM game.world WHERE id = $world", 'it ticks');
pass('and ticks on');
like($standby->safe_psql('game', "SELECT game.call($world, 'join', '{\"name\": \"Eve\"}')"), qr/Eve/, 'players can act there now');

$standby->stop;
done_testing();
