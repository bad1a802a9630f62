# The server's clock jumps: worlds tick by another one, which does not. Neither are ticks made up for, nor does a world stand
# still until the clock has come again to where it was.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($library) = glob '/usr/lib/*/faketime/libfaketime.so.1';
plan skip_all => 'the package libfaketime is not installed' unless $library;

my $clock = PostgreSQL::Test::Utils::tempdir() . '/clock';
sub set_clock
{
	my ($offset) = @_;
	open my $file, '>', "$clock.new" or die $!;
	print $file "$offset\n";
	close $file;
	rename "$clock.new", $clock or die $!;
}
set_clock('+0');
my $real = time;

my $node;
{
	local %ENV = (%ENV, LD_PRELOAD => $library, FAKETIME_TIMESTAMP_FILE => $clock, FAKETIME_NO_CACHE => 1, FAKETIME_DONT_FAKE_MONOTONIC => 1);
	$node = new_game_node('clock', {}, 'gamelan.checkpoint_interval = 1s');
}
sub sql { return $node->safe_psql('game', $_[0]) }

my $world = sql(q{SELECT game.create_world('first', 'hexfactory', seed => 1, tick_rate => 20, config => '{"frequency": 4}')});
sql("SELECT game.start_world($world)");
wait_until_ready($node, $world, 'running');
sql("SELECT game.call($world, 'join', '{\"name\": \"ada\"}')");

for my $offset ('+1d', '-1d', '+300d', '-3600', '+0')
{
	my ($before, $skipped) = split /\|/, sql("SELECT tick, skipped_ticks FROM game.world WHERE id = $world");
	set_clock($offset);
	my $wanted = $before + 20;
	poll_until($node, "SELECT tick >= $wanted FROM game.world WHERE id = $world", "it ticks on at $offset");
	my ($tick, $then_skipped) = split /\|/, sql("SELECT tick, skipped_ticks FROM game.world WHERE id = $world");
	# An hour would be 72,000.
	cmp_ok($tick - $before + $then_skipped - $skipped, '<', 10_000, 'and makes up for nothing');
	my ($number, $unit) = $offset =~ /^([+-]\d+)(d?)/;
	my $expected = $number * ($unit ? 86400 : 1);
	my $told = sql('SELECT extract(epoch FROM clock_timestamp())::bigint') - time;
	cmp_ok(abs($told - $expected), '<', 600, 'although the server believes the clock');
	my $name = "ada at $offset";
	sql("SELECT game.call($world, 'join', '{\"name\": \"$name\"}')");
	is(sql("SELECT name FROM game.players($world)"), $name, 'and commands are applied');
}
my $hash = sql("SELECT game.pause_world($world); SELECT game.step_world($world); SELECT hash FROM game.state_hash($world)");
is(sql("SELECT count(*) FROM game.verify($world, true) WHERE NOT ok"), '0', 'log and checkpoints agree');
$node->stop('immediate');
$node->start;
wait_until_ready($node, $world, 'paused');
is(sql("SELECT hash FROM game.state_hash($world)"), (split /\n/, $hash)[-1], 'and the world comes back');
$node->stop;
done_testing();
