# Kills the world worker and the postmaster while clients are at work. Whatever a client was told is there, once; what
# it was not told is there at most once; and the state is that of a world that was never interrupted.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { CLIENTS => 4, COMMANDS_A_ROUND => 20_000, ACKNOWLEDGED_BEFORE_KILL => 25 };

my $node = new_game_node('crash', {}, 'restart_after_crash = on', "gamelan.checkpoint_interval = '1s'", "gamelan.head_interval = '200ms'");
my $world = create_world($node, 'crash', rate => 120, start => 1);
$node->safe_psql('game', "CREATE ROLE client_$_ IN ROLE gamelan_player") for 1 .. CLIENTS;

# What clients were told, and what they may have sent: name => 1. A name is used once, so that an event of that name
# is that command.
my (%acknowledged, %sent);

# Odd clients call, even ones queue in a transaction of their own. Each statement is followed by an \echo of its name,
# which psql reaches only when the statement succeeded: the client's ledger.
sub start_client
{
	my ($client, $round) = @_;
	my $base = "$PostgreSQL::Test::Utils::tmp_check/client_${client}_$round";
	open(my $script, '>', "$base.sql") or die "$base.sql: $!";
	print $script "\\set ON_ERROR_STOP 1\nSET ROLE client_$client;\n\\o /dev/null\n";
	for my $number (1 .. COMMANDS_A_ROUND)
	{
		my $name = "c$client-r$round-$number";
		$sent{$name} = 1;
		my $door = $client % 2 ? 'call' : 'enqueue';
		print $script "SELECT game.$door($world, 'join', '{\"name\": \"$name\"}');\n\\warn $name\n";
	}
	close $script;
	my $psql = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('game'), '-f', "$base.sql" ], '<', \undef, '>', '/dev/null',
		'2>', "$base.ledger");
	return { psql => $psql, ledger => "$base.ledger" };
}

sub ledger_of { my ($client) = @_; return grep { /^c\d+-r\d+-\d+$/ } split /\n/, slurp_file($client->{ledger}); }

sub run_round
{
	my ($round, $kill, $what) = @_;
	my @clients = map { start_client($_, $round) } 1 .. CLIENTS;
	for my $client (@clients)
	{
		my $tries = 0;
		until (ledger_of($client) >= ACKNOWLEDGED_BEFORE_KILL)
		{
			die "a client gets no answers: " . slurp_file($client->{ledger}) if ++$tries > 1200;
			select(undef, undef, undef, 0.1);
		}
	}
	$kill->();
	for my $client (@clients)
	{
		IPC::Run::finish($client->{psql});
		$acknowledged{$_} = 1 for ledger_of($client);
	}
	wait_until_ready($node, $world, 'running');
	# What was queued and not applied yet is applied before the ledgers are compared.
	poll_until($node, 'SELECT count(*) = 0 FROM game.inbox', 'the inbox is empty');
	check_ledgers($what);
	return;
}

sub check_ledgers
{
	my ($what) = @_;
	my %applied;
	$applied{$_}++ for split /\n/, $node->safe_psql('game',
		"SELECT payload ->> 'name' FROM game.event WHERE world = $world AND kind IN ('joined', 'renamed')");
	my @lost = grep { !$applied{$_} } keys %acknowledged;
	my @twice = grep { $applied{$_} > 1 } keys %applied;
	my @invented = grep { !$sent{$_} } keys %applied;
	is_deeply(\@lost, [], "$what: every acknowledged command is there (" . scalar(keys %acknowledged) . ')');
	is_deeply(\@twice, [], "$what: no command is there twice");
	is_deeply(\@invented, [], "$what: no command is there that nobody sent");
	return;
}

sub kill_worker
{
	my $pid = worker_pid($node);
	kill 'KILL', $pid or die "could not kill the worker $pid: $!";
	return;
}

my $round = 0;
run_round(++$round, \&kill_worker, "world worker killed, round $round") for 1 .. 2;
run_round(++$round, sub { kill_and_start_again($node) }, "postmaster killed, round $round") for 1 .. 2;
# The checkpointer is a process like any other: its death takes shared memory with it.
run_round(++$round, sub { kill 'KILL', worker_pid($node, 'gamelan checkpointer') }, 'checkpointer killed');

# The log alone, replayed elsewhere without any checkpoint, gives the same state.
my $here = pause_at_rest($node, $world);
ok($node->poll_query_until('game', "SELECT count(*) > 0 FROM game.checkpoint WHERE world = $world"),
	'checkpoints were written on the way');
my $dump = "$PostgreSQL::Test::Utils::tmp_check/crash.dump";
command_ok([ 'pg_dump', '-Fc', '-f', $dump, '--exclude-table-data=game.checkpoint', '--exclude-table-data=game.checkpoint_chunk',
		'-d', $node->connstr('game') ], 'the world is dumped without its checkpoints');
$node->stop;
my $replayed = new_game_node('replay', { bare => 1 });
$replayed->safe_psql('postgres', 'CREATE DATABASE game');
command_ok([ 'pg_restore', '--exit-on-error', '-d', $replayed->connstr('game'), $dump ], 'and restored elsewhere');
wait_until_ready($replayed, $world, 'paused');
is($replayed->safe_psql('game', 'SELECT count(*) FROM game.checkpoint'), '0', 'no checkpoint helped');
is(hash_of($replayed, $world), $here, "the replay from the beginning stands at the same tick with the same hash ($here)");

$replayed->stop;
done_testing();
