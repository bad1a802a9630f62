# Rows of components outlive what kills the server: each transaction that a client was told of is there, whole and once;
# logs replay across changes of the layout; a dump brings the same rows and the same state elsewhere.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { CLIENTS => 3, TRANSACTIONS_A_ROUND => 5000, ACKNOWLEDGED_BEFORE_KILL => 20 };

my $directory = $PostgreSQL::Test::Utils::tmp_check;
my $node = new_game_node('rows', {}, 'restart_after_crash = on', "gamelan.checkpoint_interval = '1s'", "gamelan.head_interval = '200ms'");
$node->safe_psql('game', q{
	SELECT game.create_game('arena');
	CREATE TYPE arena.mood AS ENUM ('glad', 'sad');
	CREATE FOREIGN TABLE arena.entry (client int OPTIONS (index 'hash'), number int OPTIONS (index 'ordered'), note text, amount numeric,
		at timestamptz, tags text[], mood arena.mood, span interval, id uuid, part double precision) INHERITS (game.component) SERVER gamelan;
	CREATE FOREIGN TABLE arena.tally (total bigint NOT NULL DEFAULT 0) INHERITS (game.component) SERVER gamelan;
	CREATE FOREIGN TABLE arena.soil (wet int NOT NULL DEFAULT 3) INHERITS (game.cell) SERVER gamelan});
my $world = $node->safe_psql('game', q{SELECT game.create_world('rows', 'arena', seed => 1, tick_rate => 120, config => '{"n": 2}')});
$node->safe_psql('game', "SELECT game.start_world($world)");
wait_until_ready($node, $world, 'running');
my @tallies = split /\n/, $node->safe_psql('game', "SELECT game.spawn_many($world, " . CLIENTS . ')');
$node->safe_psql('game', "INSERT INTO arena.tally SELECT $world, e FROM unnest('{" . join(',', @tallies) . "}'::bigint[]) AS e");
$node->safe_psql('game', "SELECT game.sync($world)");

my (%acknowledged, %sent);

# Each transaction makes an entity with a row, and counts it in the client's tally: both or neither.
sub start_client
{
	my ($client, $round) = @_;
	my $base = "$directory/rows_${client}_$round";
	open(my $script, '>', "$base.sql") or die "$base.sql: $!";
	print $script "\\set ON_ERROR_STOP 1\n\\o /dev/null\n";
	for my $i (1 .. TRANSACTIONS_A_ROUND)
	{
		my $number = $round * 100_000 + $i;
		$sent{"$client-$number"} = 1;
		my $long = $i % 10 == 0 ? "repeat('long ', 3000)" : "'note $number'";
		print $script "BEGIN;\nSELECT game.spawn($world) AS e \\gset\n",
		  "INSERT INTO arena.entry (world, entity, client, number, note, amount, at, tags, mood, span, id, part) VALUES ($world, :e, $client, ",
		  "$number, $long, $number.25, '2024-02-29 12:00+00', ARRAY['a', 'b$i'], 'sad', '1 day 02:00', ",
		  "md5('$client-$number')::uuid, 'NaN');\n",
		  "UPDATE arena.tally SET total = total + 1 WHERE world = $world AND entity = $tallies[$client - 1];\n",
		  "COMMIT;\nSELECT game.sync($world);\n\\warn $client-$number\n";
	}
	close $script;
	my $psql = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('game'), '-f', "$base.sql" ], '<', \undef, '>', '/dev/null', '2>', "$base.ledger");
	return { psql => $psql, ledger => "$base.ledger" };
}

sub ledger_of { my ($client) = @_; return grep { /^\d+-\d+$/ } split /\n/, slurp_file($client->{ledger}); }

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
	poll_until($node, 'SELECT count(*) = 0 FROM game.inbox', 'the inbox is empty');
	check_rows($what);
	return;
}

sub check_rows
{
	my ($what) = @_;
	my %found;
	$found{$_}++ for split /\n/, $node->safe_psql('game', "SELECT client || '-' || number FROM arena.entry WHERE world = $world");
	is(scalar(grep { !$found{$_} } keys %acknowledged), 0, "$what: every row a client was told of is there");
	is(scalar(grep { $found{$_} > 1 } keys %found), 0, "$what: once");
	is(scalar(grep { !$sent{$_} } keys %found), 0, "$what: and no other");
	is($node->safe_psql('game', q{SELECT count(*) FROM arena.entry WHERE amount <> number + 0.25 OR id <> md5(client || '-' || number)::uuid
			OR span <> '26:00' OR mood <> 'sad' OR part <> 'NaN' OR cardinality(tags) <> 2 OR length(note) NOT IN (11, 15000)}),
		'0', "$what: with all its values");
	is($node->safe_psql('game', "SELECT count(*) FROM arena.tally AS t WHERE total <> (SELECT count(*) FROM arena.entry AS e WHERE e.client = t.entity)"),
		'0', "$what: transactions are there whole or not at all");
	return;
}

# Without clients, so that a row of before is not written in the words of after.
sub alter
{
	my (@statements) = @_;
	$node->safe_psql('game', $_) for @statements;
	$node->safe_psql('game', "SELECT game.sync($world)");
	return;
}

run_round(1, sub { $node->stop('fast'); $node->start }, 'a fast restart');
alter('ALTER FOREIGN TABLE arena.entry ADD COLUMN extra int NOT NULL DEFAULT 7', 'ALTER FOREIGN TABLE arena.soil ADD COLUMN deep boolean DEFAULT true',
	'UPDATE arena.soil SET wet = 9 WHERE cell IN (SELECT cell FROM arena.soil ORDER BY cell LIMIT 5)');
run_round(2, sub { kill_and_start_again($node) }, 'kill -9 of the postmaster');
alter('ALTER FOREIGN TABLE arena.entry RENAME COLUMN extra TO more', 'UPDATE arena.entry SET more = 8 WHERE client = 1',
	'ALTER FOREIGN TABLE arena.entry ADD COLUMN late text DEFAULT \'late\'');
run_round(3, sub { kill 9, worker_pid($node) }, 'kill -9 of the world worker');
alter('ALTER FOREIGN TABLE arena.entry DROP COLUMN late', 'ALTER FOREIGN TABLE arena.entry ADD COLUMN late int DEFAULT 5',
	'CREATE FOREIGN TABLE arena.mark (m int NOT NULL DEFAULT 4) INHERITS (game.component) SERVER gamelan',
	"INSERT INTO arena.mark SELECT world, entity FROM arena.tally WHERE world = $world");
run_round(4, sub { kill_and_start_again($node) }, 'kill -9 again, after more changes of the layout');
is($node->safe_psql('game', 'SELECT DISTINCT late FROM arena.entry'), '5', 'a column that was dropped and added again has its new default');
is($node->safe_psql('game', 'SELECT count(*) FILTER (WHERE more = 8) > 0, count(*) FILTER (WHERE more NOT IN (7, 8)) FROM arena.entry'), 't|0',
	'a renamed column has what it had');
is($node->safe_psql('game', 'SELECT wet, deep, count(*) FROM arena.soil GROUP BY 1, 2 ORDER BY 1'), "3|t|37\n9|t|5", 'and so have cells');

# Another cluster: from the dump, by its checkpoint and log.
my $here = pause_at_rest($node, $world);
my $sum = q{SELECT md5(string_agg(md5(x), '' ORDER BY x)) FROM (SELECT 'e' || t::text FROM arena.entry AS t UNION ALL SELECT 't' || t::text FROM arena.tally AS t
	UNION ALL SELECT 'm' || t::text FROM arena.mark AS t UNION ALL SELECT 's' || t::text FROM arena.soil AS t) AS rows (x)};
my $rows_here = $node->safe_psql('game', $sum);
command_ok([ 'pg_dump', '-Fc', '-f', "$directory/rows.dump", '-d', $node->connstr('game') ], 'pg_dump succeeds');
$node->stop;
my $copy = new_game_node('copy', { bare => 1 }, "gamelan.memory = '200MB'", 'gamelan.max_worlds = 8');
$copy->safe_psql('postgres', 'CREATE DATABASE game');
command_ok([ 'pg_restore', '--exit-on-error', '-d', $copy->connstr('game'), "$directory/rows.dump" ], 'pg_restore succeeds in a cluster with other settings');
wait_until_ready($copy, $world, 'paused');
is(hash_of($copy, $world), $here, 'the world comes to the same state');
is($copy->safe_psql('game', $sum), $rows_here, 'with the same rows');
$copy->safe_psql('game', "UPDATE arena.tally SET total = -1 WHERE world = $world; DELETE FROM arena.mark; SELECT game.step_world($world)");
is($copy->safe_psql('game', 'SELECT (SELECT count(*) FROM arena.tally WHERE total = -1), (SELECT count(*) FROM arena.mark)'), CLIENTS . '|0', 'and further writes work');
$copy->stop;
done_testing();
