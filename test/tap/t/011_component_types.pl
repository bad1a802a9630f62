# What columns of components hold: every type goes to bytes and comes back the same, enums by their labels; and what the
# catalogs say of a game is read whole. The functions are in test/modules/components, which is built here.
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
plan(skip_all => "the sources of the extension are not in $source") unless -f "$source/extension/pg/component_types.cpp";
my $build = PostgreSQL::Test::Utils::tempdir;
command_ok([ 'make', '-s', '-C', $build, '-f', "$source/test/modules/components/Makefile", 'all' ], 'the test library is built');

my $node = new_game_node('components');
my %functions = (definition => '(text) RETURNS text', hash => '(text) RETURNS bigint', type => '(oid) RETURNS text',
	encode => '(anyelement) RETURNS bytea', decode => '(anyelement, bytea) RETURNS anyelement');
$node->safe_psql('game', "CREATE FUNCTION $_$functions{$_} LANGUAGE c AS '$build/components_test', 'components_$_'") for sort keys %functions;

sub sql { return $node->safe_psql('game', $_[0]); }

sub fails
{
	my ($statement, $code, $pattern, $what) = @_;
	my ($status, $out, $errors) = $node->psql('game', "\\set VERBOSITY verbose\n$statement");
	like($errors, qr/ERROR:  $code: $pattern/, $what);
	return;
}

# Which types there are.
sql(q{CREATE TYPE mood AS ENUM ('glad', 'sad', 'mad'); CREATE DOMAIN happy AS mood CHECK (VALUE <> 'sad'); CREATE DOMAIN happier AS happy;
	CREATE DOMAIN numbers AS int[]; CREATE DOMAIN number AS int; CREATE TYPE pair AS (a int, b int)});
my %stored = (bool => 'bool', '"char"' => 'i8', int2 => 'i16', int4 => 'i32', int8 => 'i64', float4 => 'f32', float8 => 'f64', date => 'i32',
	timestamp => 'i64', timestamptz => 'i64', interval => 'span', uuid => 'bytes16', mood => 'code', happier => 'code', number => 'i32',
	text => 'value', varchar => 'value', bytea => 'value', jsonb => 'value', numeric => 'value', 'int[]' => 'value', 'text[]' => 'value',
	'uuid[]' => 'value', numbers => 'value');
for my $type (sort keys %stored)
{
	is(sql("SELECT type('$type'::regtype)"), $stored{$type}, "$type is stored as $stored{$type}");
}
for my $type ('point', 'json', 'xml', 'money', 'time', 'timetz', 'oid', 'regclass', 'name', 'bpchar', 'bit', 'inet', 'int4range', 'pair', 'mood[]',
	'number[]', 'pair[]', 'int2vector', 'tsvector', 'point[]', 'record', 'unknown')
{
	is(sql("SELECT type('$type'::regtype) IS NULL"), 't', "$type cannot be stored");
}

# There and back, in text, where -0, NaN and trailing zeros show.
my %values = (
	bool => [ 'true', 'false' ],
	'"char"' => [ 'a', '\\001', '\\377' ],
	int2 => [ -32768, 0, 32767 ],
	int4 => [ -2147483648, -1, 2147483647 ],
	int8 => [ '-9223372036854775808', '9223372036854775807' ],
	float4 => [ '-0', 'NaN', 'Infinity', '1.17549435e-38', '3.4028235e38' ],
	float8 => [ '-0', 'NaN', '-Infinity', '5e-324', '0.1' ],
	date => [ '-infinity', '4713-01-01 BC', '5874897-12-31', 'infinity' ],
	timestamp => [ '-infinity', '2000-01-01 00:00:00.000001', '294276-12-31 23:59:59.999999' ],
	timestamptz => [ 'infinity', '1999-12-31 23:59:59+00' ],
	interval => [ '1 mon', '30 days', '-178000000 years', '1 year -3 days 04:05:06.789' ],
	uuid => [ '00000000-0000-0000-0000-000000000000', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' ],
	mood => [ 'glad', 'sad', 'mad' ],
	happier => [ 'glad', 'mad' ],
	text => [ '', 'a', 'ünïcödé', 'x' x 5000 ],
	varchar => [ '', 'b' x 300 ],
	bytea => [ '\\x', '\\x00ff00' ],
	jsonb => [ '{}', '[1, "a", null, {"b": 1.50}]', '"' . 'y' x 4000 . '"', 'null' ],
	numeric => [ '0', '-1.500', '1e1000', 'NaN', 'Infinity', '123456789.000000001' ],
	'int[]' => [ '{}', '{1,NULL,3}', '[0:1]={5,6}', '{{1,2},{3,4}}' ],
	'text[]' => [ '{"",NULL,"a b"}' ],
	numbers => [ '{7,8}' ]);
for my $type (sort keys %values)
{
	for my $value (@{ $values{$type} })
	{
		my $literal = "(\$v\$$value\$v\$)::$type";
		my $shown = length($value) > 40 ? substr($value, 0, 5) . '…' : $value;
		is(sql("SELECT decode($literal, encode($literal))::text IS NOT DISTINCT FROM $literal\::text"), 't', "$type $shown comes back");
	}
}
is(sql(q{SELECT encode(1::int), encode(258::int8), encode('1 mon 2 days 00:00:00.000003'::interval)}),
	'\x01000000|\x0201000000000000|\x03000000000000000200000001000000', 'fixed types are their little-endian bytes');
# A value from a table may be compressed and stored elsewhere.
sql(q{CREATE TABLE toasted (t text, j jsonb); INSERT INTO toasted SELECT repeat('gamelan ', 100000), jsonb_build_object('a', repeat('b', 50000))});
is(sql('SELECT decode(t, encode(t)) = t AND length(encode(t)) = length(t), decode(j, encode(j)) = j FROM toasted'), 't|t', 'toasted values are stored flat');
is(sql(q{DO $$ DECLARE a int[] := '{1,2}'; b int[]; BEGIN a[3] := 7; b := decode(a, encode(a)); IF b <> '{1,2,7}' THEN RAISE 'got %', b; END IF; END $$; SELECT 'done'}),
	'done', 'and so are arrays that a function is building');

# Enums: by label, and the session notices new ones, in its own transaction too.
is(sql(q{SELECT encode('glad'::mood) = encode('glad'::happier)}), 't', 'the code of a label does not depend on the type');
is(sql(q{CREATE TYPE other AS ENUM ('mad', 'glad'); SELECT decode('mad'::other, encode('glad'::mood))}), 'glad', 'nor on the database');
is(sql(q{SELECT encode('mad'::mood) IS NULL; ALTER TYPE mood ADD VALUE 'bored'; SELECT decode('mad'::mood, encode('bored'::mood))}),
	"f\nbored", 'a label added after the first use is known');
is(sql(q{BEGIN; SELECT encode('mad'::mood) IS NULL; ALTER TYPE mood RENAME VALUE 'mad' TO 'angry'; SELECT decode('sad'::mood, encode('angry'::mood)); ROLLBACK; SELECT decode('sad'::mood, encode('mad'::mood))}),
	"f\nangry\nmad", 'a rename is seen, and its rollback too');
fails(q{SELECT decode('glad'::mood, '\x01020304')}, 'XX001', 'a component holds the code 67305985, which is no label of the enum mood', 'a code that no label has is corruption, and named');
fails(q{SELECT decode(1, '\x0102')}, 'XX001', 'a value of type integer has 2 bytes instead of 4', 'and so is a wrong width');
fails(q{SELECT encode('(1,2)'::point)}, '0A000', 'a component cannot hold values of type point', 'what cannot be stored is refused');

# What a game declares.
sql(q{SELECT game.create_game('arena');
	CREATE DOMAIN arena.percent AS int DEFAULT 50 CHECK (VALUE BETWEEN 0 AND 100);
	CREATE FUNCTION arena.seven() RETURNS int IMMUTABLE LANGUAGE sql RETURN 7;
	CREATE FUNCTION arena.whoami() RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN current_user; END $$;
	CREATE FOREIGN TABLE arena.zeal (p arena.percent, q arena.percent DEFAULT 7, m public.mood DEFAULT 'mad') INHERITS (game.component) SERVER gamelan;
	CREATE FOREIGN TABLE arena.body (x real NOT NULL DEFAULT 0, gone int, name text DEFAULT 'nobody', "when" timestamptz DEFAULT now(), r int DEFAULT arena.seven() + 1,
		n numeric, hp int OPTIONS (index 'ordered') DEFAULT 100, id uuid OPTIONS (index 'hash')) INHERITS (game.component) SERVER gamelan;
	ALTER FOREIGN TABLE arena.body DROP COLUMN gone;
	CREATE FOREIGN TABLE arena.soil (wet boolean NOT NULL DEFAULT true) INHERITS (game.cell) SERVER gamelan;
	CREATE FOREIGN TABLE arena.mud (depth smallint) INHERITS (arena.soil) SERVER gamelan});
my $glad = sql(q{SELECT substr(encode('mad'::mood)::text, 3)});
my $definition = <<"END";
body entity
  3 x f32 none 00000000
  5 name value none 6e6f626f6479
  6 when i64 none null
  7 r i32 none 08000000
  8 n value none null
  9 hp i32 ordered 64000000
  10 id bytes16 hash null
mud cell
  3 wet bool none 01
  4 depth i16 none null
soil cell
  3 wet bool none 01
zeal entity
  3 p i32 none 32000000
  4 q i32 none 07000000
  5 m code none $glad
END
is(sql("SELECT definition('arena')"), $definition, 'a definition has the components by name, their columns in order, and constant defaults');
is(sql("SELECT definition('nothing')"), '', 'a schema that does not exist has no components');
my $hash = sql("SELECT hash('arena')");
is(sql("SELECT hash('arena')"), $hash, 'the hash is the same in another session');
sql('ALTER FOREIGN TABLE arena.body RENAME COLUMN n TO amount');
isnt(sql("SELECT hash('arena')"), $hash, 'and another after a rename');
sql('ALTER FOREIGN TABLE arena.body RENAME COLUMN amount TO n');
is(sql("SELECT hash('arena')"), $hash, 'which can be taken back');

# Reading waits for nobody, and sees what has committed.
my $writer = $node->background_psql('game');
$writer->query_safe('BEGIN; ALTER FOREIGN TABLE arena.body ADD COLUMN later int; DROP FOREIGN TABLE arena.mud');
is(sql("SET statement_timeout = '10s'; SELECT hash('arena')"), $hash, 'a reader does not wait for DDL that has not committed');
$writer->quit;

# A default is evaluated as the table's owner; one that fails later is no reason to stop.
sql(q{CREATE ROLE maker IN ROLE gamelan_admin; GRANT ALL ON SCHEMA arena TO maker; SET ROLE maker;
	CREATE FOREIGN TABLE arena.owned (who text DEFAULT arena.whoami()) INHERITS (game.component) SERVER gamelan});
like(sql("SELECT definition('arena')"), qr/owned entity\n  3 who value none 6d616b6572\n/, 'a default is evaluated as the owner of its table');
sql(q{CREATE OR REPLACE FUNCTION arena.seven() RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 1 / 0; END $$});
like(sql("SELECT definition('arena')"), qr/  7 r i32 none null\n  8 n value none null\n  9 hp i32 ordered 64000000/, 'one that cannot be evaluated any more is NULL');

$node->stop;
done_testing();
