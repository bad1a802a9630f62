# Errors cross between Postgres and C++ in both directions: whole, with destructors run, and leaving a session that
# can be cancelled. The functions are in test/modules/bridge, which is built here.
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

# The sources lie beside the tests, or where GAMELAN_SOURCE says.
my $source = $ENV{GAMELAN_SOURCE} || abs_path(dirname(__FILE__) . '/../../..');
plan(skip_all => "the sources of the extension are not in $source") unless -f "$source/extension/pg/bridge.cpp";
my $build = PostgreSQL::Test::Utils::tempdir;
command_ok([ 'make', '-s', '-C', $build, '-f', "$source/test/modules/bridge/Makefile", 'all' ], 'the test library is built');

my $node = PostgreSQL::Test::Cluster->new('bridge');
$node->init;
$node->start;
my %functions = (postgres_error => '() RETURNS void', cpp_error => '(int) RETURNS void', caught => '() RETURNS text',
	lock_unwound => '() RETURNS bool', nested => '() RETURNS void', destroyed => '() RETURNS int', holdoff => '() RETURNS int',
	spin => '() RETURNS void');
$node->safe_psql('postgres', "CREATE FUNCTION $_$functions{$_} LANGUAGE c AS '$build/bridge_test', 'bridge_$_'") for sort keys %functions;

# Runs a statement that raises, and then, in the same session, what shows the session's health.
sub raised
{
	my ($statement) = @_;
	my ($status, $out, $errors) = $node->psql('postgres', "\\set VERBOSITY verbose\n$statement;\nSELECT destroyed(), holdoff();", on_error_stop => 0);
	return ($errors, $out);
}

my ($errors, $health) = raised('SELECT postgres_error()');
like($errors, qr/ERROR:  23505: the message\nDETAIL:  the detail\nHINT:  the hint/, 'a Postgres error below C++ keeps its SQLSTATE, detail and hint');
like($errors, qr/CONTEXT:  the context/, 'and its context');
is($health, '1|0', 'the destructor on its way has run, and no interrupt is held off');

my @expected = (
	[ qr/ERROR:  WG012: the message\nDETAIL:  the detail\nHINT:  the hint/, 'an Error keeps its SQLSTATE, detail and hint' ],
	[ qr/ERROR:  WG012: only a message\n(?!DETAIL|HINT)/, 'an Error without detail and hint has none' ],
	[ qr/ERROR:  XX000: a standard exception/, 'a standard exception is an internal error with its text' ],
	[ qr/ERROR:  53200: out of memory/, 'bad_alloc is out of memory' ],
	[ qr/ERROR:  XX000: an unknown C\+\+ exception was thrown/, 'anything else is told of, too' ],
	[ qr/ERROR:  22023: 100% of %s and %n\nDETAIL:  50%d\nHINT:  %m/, 'texts are not taken for formats' ]);
for my $kind (0 .. $#expected)
{
	($errors, $health) = raised("SELECT cpp_error($kind)");
	like($errors, $expected[$kind][0], $expected[$kind][1]);
	is($health, '1|0', 'with its destructor run, and no interrupt held off');
}

($errors, $health) = raised('SELECT nested()');
like($errors, qr/ERROR:  WG007: from the bottom\nDETAIL:  its detail\nHINT:  its hint/, 'an exception crosses both bridges twice and stays what it was');
is($health, '2|0', 'both destructors have run');

is($node->safe_psql('postgres', 'SELECT caught()'), '23505 the message, the detail, the hint', 'C++ can catch a Postgres error and read its parts');
is($node->safe_psql('postgres', 'SELECT lock_unwound(); SELECT lock_unwound() FROM generate_series(1, 3); SELECT holdoff()'), "t\nt\nt\nt\n0",
	'a guard that holds interrupts off is unwound without disturbing the count');
is($node->safe_psql('postgres', "DO \$\$ BEGIN PERFORM postgres_error(); EXCEPTION WHEN unique_violation THEN RAISE NOTICE 'caught'; END \$\$; SELECT destroyed()"),
	'1', 'PL/pgSQL can catch by the condition\'s name');

# The session can still be cancelled after all that.
my ($status, $out, $said) = $node->psql('postgres', join("\n", '\set VERBOSITY verbose', 'SELECT postgres_error();', 'SELECT cpp_error(0);',
		'SELECT lock_unwound();', 'SELECT destroyed();', "SET statement_timeout = '200ms';", 'SELECT spin();', 'RESET statement_timeout;',
		'SELECT destroyed(), holdoff();'), on_error_stop => 0, timeout => $PostgreSQL::Test::Utils::timeout_default);
like($said, qr/ERROR:  57014: canceling statement due to statement timeout/, 'statement_timeout still works afterwards, in C++ code too');
is((split /\n/, $out)[-1], '1|0', 'and unwinds it');
ok(!log_has($node, qr/PANIC|terminated by signal|TRAP/, 0), 'nothing crashed');

$node->stop;
done_testing();
