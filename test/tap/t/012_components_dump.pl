# A dump carries what games declare: components, their options, defaults, constraints and owners, and templates. It restores
# into an empty database, and over itself.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/..";
use GamelanTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $directory = $PostgreSQL::Test::Utils::tmp_check;
my $node = new_game_node('declared');
$node->safe_psql('game', q{
	CREATE ROLE maker IN ROLE gamelan_admin;
	CREATE SCHEMA zoo AUTHORIZATION maker;
	SET ROLE maker;
	SELECT game.create_game('arena');
	CREATE TYPE arena.mood AS ENUM ('glad', 'sad');
	CREATE DOMAIN arena.percent AS int NOT NULL DEFAULT 50 CHECK (VALUE BETWEEN 0 AND 100);
	CREATE FUNCTION arena.start() RETURNS int IMMUTABLE LANGUAGE sql RETURN 9;
	CREATE FOREIGN TABLE arena.health (hp int OPTIONS (index 'ordered') NOT NULL DEFAULT 100 CHECK (hp >= 0), p arena.percent, m arena.mood DEFAULT 'sad',
		gone text, note text DEFAULT 'none', id uuid OPTIONS (index 'hash'), s int DEFAULT arena.start()) INHERITS (game.component) SERVER gamelan;
	ALTER FOREIGN TABLE arena.health DROP COLUMN gone;
	ALTER FOREIGN TABLE arena.health ADD CONSTRAINT later CHECK (s > 0) NOT VALID;
	CREATE FOREIGN TABLE arena.armour (strength smallint) INHERITS (arena.health) SERVER gamelan;
	ALTER FOREIGN TABLE arena.armour ALTER COLUMN hp SET DEFAULT 7;
	CREATE FOREIGN TABLE arena.soil (wet int NOT NULL DEFAULT 3 CHECK (wet > 2)) INHERITS (game.cell) SERVER gamelan;
	-- Its inherited column has another default, which a dump sets after its CHECK.
	CREATE FOREIGN TABLE arena.swamp (deep boolean) INHERITS (arena.soil) SERVER gamelan;
	ALTER FOREIGN TABLE arena.swamp ALTER COLUMN wet SET DEFAULT 30;
	ALTER FOREIGN TABLE arena.swamp ADD CHECK (wet > 20);
	COMMENT ON FOREIGN TABLE arena.soil IS 'what cells have';
	GRANT SELECT ON arena.soil TO gamelan_player;
	SELECT game.create_template('arena.unit', '{"health": {"hp": 5}}');
	SELECT game.create_template('arena.orc', '{"armour": {"strength": 5}}', inherits => 'unit');
	-- Sorts after the rest, so that the dump must put the parent first.
	CREATE FOREIGN TABLE zoo.aardvark () INHERITS (arena.health) SERVER gamelan});

sub dump_of
{
	my ($database) = @_;
	my ($out, $errors) = run_command([ 'pg_dump', '-d', $node->connstr($database) ]);
	is($errors, '', "$database can be dumped");
	return $out =~ s/^\\(un)?restrict .*$//mgr;
}
my $original = dump_of('game');
like($original, qr/CREATE FOREIGN TABLE arena\.health .*INHERITS \(game\.component\)\nSERVER gamelan;/s, 'as foreign tables that inherit');
like($original, qr/^COPY game\.template .*^arena\torc\t\{"armour": \{"strength": 5\}\}\tunit$/ms, 'and rows of templates');

command_ok([ 'pg_dump', '-Fc', '-f', "$directory/games.dump", '-d', $node->connstr('game') ], 'pg_dump succeeds');
for my $way ([ 'plain' ], [ 'one_transaction', '--single-transaction' ], [ 'two_jobs', '-j', '2' ])
{
	my ($database, @options) = @$way;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	command_ok([ 'pg_restore', '--exit-on-error', @options, '-d', $node->connstr($database), "$directory/games.dump" ], "pg_restore succeeds: $database");
	is(dump_of($database), $original, 'and brings all back');
}
command_ok([ 'pg_restore', '--exit-on-error', '--clean', '--if-exists', '-d', $node->connstr('plain'), "$directory/games.dump" ], 'it restores over itself');
is(dump_of('plain'), $original, 'and the result is the same');

# The restored ones are games like any other.
is($node->safe_psql('plain', q{SELECT string_agg(name, ' ') FROM game.game}), 'arena', 'the game is registered');
my ($status, $out, $errors) = $node->psql('plain', 'ALTER FOREIGN TABLE arena.health ADD COLUMN place point');
like($errors, qr/cannot be of type point/, 'what is refused is refused there');
$node->safe_psql('plain', 'SELECT game.drop_game(\'arena\')');
is($node->safe_psql('plain', 'SELECT count(*) FROM pg_foreign_table WHERE ftrelid <> \'game._entity\'::regclass'), '0', 'and it can be dropped, with what inherits from it elsewhere');

$node->stop;
done_testing();
