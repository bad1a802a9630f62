# What the TAP tests share: clusters that play worlds, and waiting for what happens on its own.
#
# Waiting is polling with a limit; nothing here or in the tests judges how long something takes.
package GamelanTest;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(new_game_node add_game_database create_world poll_until state_of hash_of worker_pid error_of
  log_position log_has wait_for_log pause_at_rest wait_until_ready kill_and_start_again);

use constant LIMIT_S => $ENV{PG_TEST_TIMEOUT_DEFAULT} || 120;

# A running cluster whose worlds live in the database "game", with the extension in it. Settings are lines of
# postgresql.conf; { bare => 1 } leaves the database away, { streaming => 1 } makes it a possible primary.
sub new_game_node
{
	my ($name, $options, @settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => $options->{streaming} ? 1 : 0);
	# After a line of shared_preload_libraries that the harness may have written.
	$node->append_conf('postgresql.conf', join("\n", "shared_preload_libraries = 'gamelan'", "gamelan.database = 'game'",
			"gamelan.memory = '64MB'", "log_error_verbosity = default", @settings, ''));
	$node->start;
	add_game_database($node) unless $options->{bare};
	return $node;
}

sub add_game_database
{
	my ($node) = @_;
	$node->safe_psql('postgres', 'CREATE DATABASE game');
	$node->safe_psql('game', 'CREATE EXTENSION gamelan');
	return;
}

# Returns the world's id once it can be read. Options: seed, rate, config (JSON), start.
sub create_world
{
	my ($node, $name, %options) = @_;
	my $seed = $options{seed} // 42;
	my $rate = $options{rate} // 20;
	my $config = $options{config} // '{"frequency": 8}';
	my $world = $node->safe_psql('game',
		"SELECT game.create_world('$name', 'hexfactory', seed => $seed, tick_rate => $rate, config => '$config')");
	$node->safe_psql('game', "SELECT game.start_world($world)") if $options{start};
	poll_until($node, "SELECT state = '" . ($options{start} ? 'running' : 'created') . "' AND memory > 0 FROM game.world WHERE id = $world",
		"world $name is there");
	return $world;
}

# True when the query becomes true; otherwise the test dies, for what follows would make no sense. A connection
# that fails counts as "not yet".
sub poll_until
{
	my ($node, $query, $what, $database) = @_;
	my $answer = '';
	for (1 .. LIMIT_S * 10)
	{
		my ($status, $out, $errors) = $node->psql($database // 'game', $query, timeout => LIMIT_S);
		$answer = "$out $errors";
		return 1 if $status == 0 && $out eq 't';
		select(undef, undef, undef, 0.1);
	}
	$node->psql('game', 'SELECT * FROM game.world', stdout => \my $worlds);
	die "gave up waiting until $what: $query\nlast answer: $answer\nworlds:\n" . ($worlds // '') . "\n";
}

sub state_of
{
	my ($node, $world) = @_;
	return $node->safe_psql('game', "SELECT state FROM game.world WHERE id = $world");
}

# "tick hash", as published.
sub hash_of
{
	my ($node, $world) = @_;
	return $node->safe_psql('game', "SELECT tick || ' ' || hash FROM game.state_hash($world)");
}

sub worker_pid
{
	my ($node, $kind) = @_;
	$kind //= 'gamelan world worker';
	return $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = '$kind'");
}

# The error that a statement raises, as psql prints it with its SQLSTATE; empty when it raises none.
sub error_of
{
	my ($node, $database, $statement) = @_;
	my ($status, $out, $errors) = $node->psql($database, "\\set VERBOSITY verbose\n$statement", timeout => LIMIT_S, on_error_stop => 1);
	return $errors;
}

sub log_position
{
	my ($node) = @_;
	return -s $node->logfile;
}

sub log_has
{
	my ($node, $pattern, $since) = @_;
	my $log = slurp_file($node->logfile, $since // 0);
	return $log =~ $pattern;
}

sub wait_for_log
{
	my ($node, $pattern, $since) = @_;
	for (1 .. LIMIT_S * 10)
	{
		return 1 if log_has($node, $pattern, $since);
		select(undef, undef, undef, 0.1);
	}
	die "gave up waiting for $pattern in " . $node->logfile . "\n";
}

# Pauses a world; returns "tick hash" of where it stands, with that tick durable.
sub pause_at_rest
{
	my ($node, $world) = @_;
	$node->safe_psql('game', "SELECT game.pause_world($world)");
	poll_until($node,
		"SELECT w.state = 'paused' AND h.tick = w.tick FROM game.world AS w JOIN game.world_head AS h ON h.world = w.id WHERE w.id = $world",
		"world $world has paused");
	return hash_of($node, $world);
}

# After a restart: the world is in the state given.
sub wait_until_ready
{
	my ($node, $world, $state) = @_;
	return poll_until($node, "SELECT state = '$state' AND memory > 0 FROM game.world WHERE id = $world", "world $world is $state");
}

# Kills the postmaster as a power cut would, and starts it again once its children have seen that it is gone: until then
# they hold the shared memory.
sub kill_and_start_again
{
	my ($node) = @_;
	my ($postmaster) = split /\n/, slurp_file($node->data_dir . '/postmaster.pid');
	my @children = split ' ', slurp_file("/proc/$postmaster/task/$postmaster/children");
	$node->kill9;
	for my $process ($postmaster, @children)
	{
		my $tries = 0;
		while (kill(0, $process))
		{
			die "process $process outlives its postmaster" if ++$tries > LIMIT_S * 10;
			select(undef, undef, undef, 0.1);
		}
	}
	$node->start;
	return;
}

1;
