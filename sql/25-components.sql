-- A game is declared with plain DDL: its components are foreign tables. What they can be, and what is refused.
SELECT game.create_game('regress_arena');
SELECT name FROM game.game;
CREATE FOREIGN TABLE regress_arena.health (
    hp int NOT NULL DEFAULT 100 CHECK (hp >= 0),
    max int NOT NULL DEFAULT 100,
    id uuid OPTIONS (index 'hash'))
    INHERITS (game.component) SERVER gamelan;
ALTER FOREIGN TABLE regress_arena.health ALTER COLUMN hp OPTIONS (index 'ordered');
COMMENT ON COLUMN regress_arena.health.hp IS 'what is left of it';
\d+ regress_arena.health
CREATE FOREIGN TABLE regress_arena.soil (wet boolean NOT NULL DEFAULT false) INHERITS (game.cell) SERVER gamelan;
-- A component may inherit from another, and follows it.
CREATE FOREIGN TABLE regress_arena.armour (strength smallint) INHERITS (regress_arena.health) SERVER gamelan;
ALTER FOREIGN TABLE regress_arena.health ADD COLUMN motto text DEFAULT 'on';
ALTER FOREIGN TABLE regress_arena.health RENAME COLUMN max TO most;
ALTER FOREIGN TABLE regress_arena.health DROP COLUMN id;
SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute AS a
WHERE a.attrelid = 'regress_arena.armour'::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum;

-- Every type there is.
CREATE TYPE regress_arena.mood AS ENUM ('glad', 'sad');
CREATE DOMAIN regress_arena.percent AS int DEFAULT 50 CHECK (VALUE BETWEEN 0 AND 100);
CREATE FOREIGN TABLE regress_arena.everything (
    a boolean, b "char", c smallint, d int, e bigint, f real, g double precision, h date, i timestamp, j timestamptz, k interval,
    l uuid, m regress_arena.mood, n regress_arena.percent, o text, p varchar(10), q bytea, r jsonb, s numeric(10, 2), t int[], u text[][])
    INHERITS (game.component) SERVER gamelan;
-- And no other.
SELECT type, split_part(outcome(format('CREATE FOREIGN TABLE regress_arena.odd (x %s) INHERITS (game.component) SERVER gamelan', type)), E'\n', 1) AS outcome
FROM unnest('{point,json,"time",money,inet,oid,name,"char(3)",regress_arena.mood[],int4range}'::text[]) AS type;

-- What a component must be.
\pset format unaligned
\pset fieldsep '\n  '
\pset tuples_only
SET client_min_messages = warning;
SELECT statement, outcome('CREATE ' || statement) FROM unnest(ARRAY[
    'FOREIGN TABLE regress_arena.odd (x int) SERVER gamelan',
    'FOREIGN TABLE regress_arena.odd () INHERITS (game.component, game.cell) SERVER gamelan',
    'FOREIGN TABLE regress_arena.odd () INHERITS (regress_arena.health, regress_arena.soil) SERVER gamelan',
    'TABLE regress_arena.odd (x int) INHERITS (game.component)',
    'TABLE regress_arena.odd (x int) INHERITS (regress_arena.health)',
    'FOREIGN TABLE regress_arena.odd (entity bigint) INHERITS (game.cell) SERVER gamelan',
    'FOREIGN TABLE regress_arena.odd (cell bigint) INHERITS (game.component) SERVER gamelan',
    'FOREIGN TABLE regress_arena.odd (x int, y int GENERATED ALWAYS AS (x + 1) STORED) INHERITS (game.component) SERVER gamelan',
    'FOREIGN TABLE regress_arena.odd (x int PRIMARY KEY) INHERITS (game.component) SERVER gamelan',
    'FOREIGN TABLE regress_arena.odd (x int DEFAULT 1 / 0) INHERITS (game.component) SERVER gamelan',
    'FOREIGN TABLE public.odd (x int) INHERITS (game.component) SERVER gamelan',
    'FOREIGN TABLE game.odd (x int) INHERITS (game.component) SERVER gamelan',
    'FOREIGN TABLE pg_temp.odd (x int) INHERITS (game.component) SERVER gamelan']) AS statement;
-- Options are of columns.
SELECT statement, outcome('CREATE FOREIGN TABLE regress_arena.odd ' || statement) FROM unnest(ARRAY[
    '(x int OPTIONS (index ''btree'')) INHERITS (game.component) SERVER gamelan',
    '(x int OPTIONS (key ''true'')) INHERITS (game.component) SERVER gamelan',
    '(x text OPTIONS (index ''ordered'')) INHERITS (game.component) SERVER gamelan',
    '(x uuid OPTIONS (index ''ordered'')) INHERITS (game.component) SERVER gamelan',
    '(x regress_arena.mood OPTIONS (index ''ordered'')) INHERITS (game.component) SERVER gamelan',
    '(x int) INHERITS (game.component) SERVER gamelan OPTIONS (index ''hash'')']) AS statement;
SELECT outcome('CREATE SERVER other FOREIGN DATA WRAPPER gamelan OPTIONS (host ''here'')');
CREATE SERVER regress_other FOREIGN DATA WRAPPER gamelan;
SELECT outcome('CREATE FOREIGN TABLE regress_arena.odd (x int) SERVER regress_other');
DROP SERVER regress_other;

-- Cells hold their defaults from the start: they have to be constant, and to satisfy the constraints.
SELECT statement, outcome('CREATE FOREIGN TABLE regress_arena.odd ' || statement || ' INHERITS (game.cell) SERVER gamelan') FROM unnest(ARRAY[
    '(x int NOT NULL)',
    '(x double precision DEFAULT random())',
    '(x timestamptz DEFAULT now())',
    '(x int DEFAULT 3 CHECK (x > 4))',
    '(x int DEFAULT 3, y int DEFAULT 5, CHECK (x > y))',
    '(x regress_arena.percent DEFAULT 101)']) AS statement;
SELECT outcome('ALTER FOREIGN TABLE regress_arena.soil ' || step), step FROM unnest(ARRAY[
    'ADD COLUMN depth int NOT NULL', 'ADD COLUMN depth int NOT NULL DEFAULT 5', 'ADD CHECK (depth > 5)', 'ADD CHECK (depth > 4)',
    'ALTER COLUMN depth SET DEFAULT 4', 'ALTER COLUMN depth DROP DEFAULT', 'ALTER COLUMN depth SET DEFAULT 6']) AS step;

-- What cannot be changed.
SELECT statement, outcome('ALTER ' || statement) FROM unnest(ARRAY[
    'FOREIGN TABLE regress_arena.health ALTER COLUMN hp TYPE bigint',
    'TABLE regress_arena.health ALTER COLUMN hp TYPE bigint',
    'FOREIGN TABLE regress_arena.health NO INHERIT game.component',
    'FOREIGN TABLE regress_arena.health RENAME COLUMN hp TO cell',
    'FOREIGN TABLE regress_arena.health RENAME COLUMN entity TO e',
    'FOREIGN TABLE regress_arena.health SET SCHEMA public',
    'FOREIGN TABLE regress_arena.health ADD COLUMN place point',
    'TABLE game.component ADD COLUMN x int',
    'TABLE game.component RENAME COLUMN entity TO handle',
    'TABLE game.cell DISABLE TRIGGER ALL',
    'TYPE regress_arena.mood RENAME VALUE ''sad'' TO ''mad''',
    'TYPE regress_arena.mood ADD VALUE ''mad''',
    'DOMAIN regress_arena.percent ADD CHECK (VALUE < 60)']) AS statement;
\pset tuples_only
\pset format aligned
RESET client_min_messages;
DROP TRIGGER no_rows ON game.component;
INSERT INTO game.component VALUES (1, 1);
INSERT INTO game.cell VALUES (1, 1);
-- Two labels that hash to the same 32 bits.
CREATE TYPE regress_arena.twins AS ENUM ('label 32414', 'label 151005');
SELECT outcome('CREATE FOREIGN TABLE regress_arena.odd (x regress_arena.twins) INHERITS (game.component) SERVER gamelan');
CREATE TYPE regress_arena.lone AS ENUM ('label 32414');
CREATE FOREIGN TABLE regress_arena.named (x regress_arena.lone) INHERITS (game.component) SERVER gamelan;
SELECT outcome('ALTER TYPE regress_arena.lone ADD VALUE ''label 151005''');
-- The rest of DDL is none of ours.
CREATE TYPE regress_arena.free AS ENUM ('a');
ALTER TYPE regress_arena.free RENAME VALUE 'a' TO 'b';
CREATE TEMP TABLE plain (x int);
ALTER TABLE plain ALTER COLUMN x TYPE bigint;
DROP TABLE plain;
DROP TYPE regress_arena.free, regress_arena.twins;

-- With the extension go the components; the schemas stay.
BEGIN;
SET LOCAL client_min_messages = warning;
DROP EXTENSION gamelan CASCADE;
SELECT to_regclass('regress_arena.health') AS component, to_regnamespace('regress_arena') AS game;
ROLLBACK;
SELECT to_regclass('regress_arena.health') AS component;

-- A schema that is not a game yet: a dump brings the tables before the rows.
CREATE SCHEMA regress_loose;
CREATE FOREIGN TABLE regress_loose.tag () INHERITS (game.component) SERVER gamelan;
SELECT outcome($$SELECT game.create_world('loose', 'regress_loose')$$);
SELECT game.create_game('regress_loose');

SELECT outcome('CREATE SCHEMA regress_sly CREATE TABLE tag () INHERITS (game.component)');
-- A game is renamed with its schema, templates and all.
SELECT game.create_template('regress_loose.ghost', '{"tag": {}}');
ALTER SCHEMA regress_loose RENAME TO regress_strict;
SELECT game, name FROM game.template;
SELECT outcome('ALTER SCHEMA regress_strict RENAME TO hexfactory');
ALTER SCHEMA regress_strict RENAME TO regress_loose;

-- Names of games.
SELECT name, outcome(format('SELECT game.create_game(%L)', name))
FROM unnest(ARRAY['game', 'public', 'pg_toy', 'information_schema', 'hexfactory', '', ' ', repeat('x', 64), NULL, 'regress_arena']) AS name;
SELECT outcome('SELECT game.drop_game(''regress_nothing'')');

-- Worlds of such games.
SELECT config, outcome(format('SELECT game._complete_schema_config(%L)', config))
FROM unnest(ARRAY['{"n": 3}', '{"n": 4096}', '{"layers": 1}', '{"n": 8, "layers": 0}', '{"n": 8, "layers": 9}', '{"frequency": 8}', '[]']) AS config;
SELECT game._complete_schema_config('{}'), game._complete_schema_config('{"n": 8}'), game._complete_schema_config('{"n": 8, "layers": 2}');
BEGIN;
SELECT game.create_world('of loose', 'regress_loose', config => '{"n": 8}') > 0 AS created;
SELECT game, config FROM game.world WHERE name = 'of loose';
\set VERBOSITY terse
\set SHOW_CONTEXT never
SAVEPOINT before;
SET client_min_messages = error;
SELECT game.drop_game('regress_loose');
ROLLBACK TO before;
SET client_min_messages = error;
ALTER SCHEMA regress_loose RENAME TO regress_strict;
ROLLBACK TO before;
SET client_min_messages = error;
DROP SCHEMA regress_loose CASCADE;
ROLLBACK;

-- Who may: those who administrate, in schemas of their own.
CREATE ROLE regress_gamelan_maker IN ROLE gamelan_admin;
CREATE ROLE regress_gamelan_nobody;
SET ROLE regress_gamelan_nobody;
SELECT game.create_game('regress_mine');
RESET ROLE;
SET SESSION AUTHORIZATION regress_gamelan_maker;
SELECT game.create_game('regress_mine');
CREATE FOREIGN TABLE regress_mine.health (hp int DEFAULT 1) INHERITS (game.component) SERVER gamelan;
SELECT outcome('CREATE SCHEMA regress_other');
SELECT outcome('SELECT game._register_game(''regress_other'', ''gamelan_gateway'')');
SELECT outcome('SELECT game.drop_game(''regress_arena'')');
DELETE FROM game.game;
SET client_min_messages = warning;
SELECT game.drop_game('regress_mine');
RESET SESSION AUTHORIZATION;
SET client_min_messages = warning;
SELECT game.drop_game('regress_loose');
SELECT game.drop_game('regress_arena');
RESET client_min_messages;
SELECT name FROM game.game;
SELECT nspname FROM pg_namespace WHERE nspname LIKE 'regress%';
DROP ROLE regress_gamelan_maker, regress_gamelan_nobody;
