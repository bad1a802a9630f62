-- Constraints that come when rows are there already: they are checked, as for ordinary tables.
\set QUIET 1
\set ON_ERROR_ROLLBACK 1
\set ON_ERROR_STOP true
\pset format unaligned
\pset tuples_only true
\pset pager off

SET client_min_messages = warning;
SELECT game.create_game('pgtap_rows') \gset
CREATE TYPE pgtap_rows.mood AS ENUM ('glad', 'sad');
CREATE DOMAIN pgtap_rows.percent AS int;
CREATE FOREIGN TABLE pgtap_rows.health (hp int NOT NULL DEFAULT 100 CHECK (hp >= 0), mood pgtap_rows.mood DEFAULT 'sad', p pgtap_rows.percent, note text)
    INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE pgtap_rows.armour (strength smallint) INHERITS (pgtap_rows.health) SERVER gamelan;
CREATE FOREIGN TABLE pgtap_rows.soil (wet int NOT NULL DEFAULT 3 CHECK (wet > 2)) INHERITS (game.cell) SERVER gamelan;
SELECT game.create_template('pgtap_rows.orc', '{"health": {"hp": 5, "p": 7}}') \gset
SELECT game.create_world('pgtap rows', 'pgtap_rows', config => '{"n": 1}') AS w \gset
-- Polls until the world is in memory.
CREATE PROCEDURE pg_temp.wait_for_world() LANGUAGE plpgsql AS $$
BEGIN
    FOR attempt IN 1..600 LOOP
        EXIT WHEN EXISTS (SELECT FROM game.world WHERE name = 'pgtap rows' AND memory > 0);
        COMMIT;
        PERFORM pg_sleep(0.05);
    END LOOP;
END
$$;
CALL pg_temp.wait_for_world();
SELECT game.spawn(:w, 'orc', '{"health": {"mood": "glad", "note": "first"}}') AS first \gset
SELECT count(*) FROM game.spawn_many(:w, 2, 'orc') \gset
SELECT game.spawn(:w, NULL, '{"armour": {"strength": 4, "hp": 60}}') AS knight \gset
SELECT game.step_world(:w) AS tick \gset

SELECT plan(29);

SELECT results_eq('SELECT tableoid::regclass::text, hp, mood::text, p::int, note FROM pgtap_rows.health ORDER BY entity',
    $$VALUES ('pgtap_rows.health', 5, 'glad', 7, 'first'), ('pgtap_rows.health', 5, 'sad', 7, NULL), ('pgtap_rows.health', 5, 'sad', 7, NULL),
             ('pgtap_rows.armour', 60, 'sad', NULL, NULL)$$, 'Entities have what their templates and overrides say, and the defaults');
SELECT results_eq(format('SELECT tableoid::regclass::text FROM game.component WHERE world = %s AND entity = %s', :w, :knight),
    $$VALUES ('pgtap_rows.armour')$$, 'game.component lists what an entity has');
SELECT throws_ok(format($$SELECT game.spawn(%s, 'orc', '{"health": {"hp": -1}}')$$, :w), '23514', NULL, 'A CHECK is checked when an entity is made');
SELECT throws_ok(format($$SELECT game.spawn(%s, 'orc', '{"health": {"hp": null}}')$$, :w), '23502', NULL, 'and NOT NULL');
SELECT throws_ok(format($$SELECT game.spawn(%s, 'elf')$$, :w), '42704', 'game "pgtap_rows" has no template "elf"', 'A template must exist');
SELECT throws_ok(format($$SELECT game.spawn_many(%s, -1)$$, :w), '22023', 'cannot spawn -1 entities', 'and a number be one');

SELECT throws_ok('ALTER FOREIGN TABLE pgtap_rows.health ADD CHECK (hp > 5)', '23514',
    'check constraint "health_hp_check1" of relation "health" is violated by some row', 'A CHECK that rows violate is refused');
SELECT throws_ok('ALTER FOREIGN TABLE pgtap_rows.health ADD CHECK (hp < 50)', '23514',
    'check constraint "health_hp_check1" of relation "armour" is violated by some row', 'also by rows of a component that inherits it');
SELECT lives_ok('ALTER FOREIGN TABLE pgtap_rows.health ADD CHECK (hp < 61)', 'one that all satisfy is taken');
SELECT lives_ok('ALTER FOREIGN TABLE pgtap_rows.health ADD CONSTRAINT later CHECK (hp > 5) NOT VALID', 'NOT VALID takes any');
SELECT throws_ok('ALTER FOREIGN TABLE pgtap_rows.health VALIDATE CONSTRAINT later', '23514',
    'check constraint "later" of relation "health" is violated by some row', 'until it is validated');
SELECT lives_ok('ALTER FOREIGN TABLE pgtap_rows.health DROP CONSTRAINT later', 'It can be dropped');
SELECT throws_ok('ALTER FOREIGN TABLE pgtap_rows.health ALTER COLUMN note SET NOT NULL', '23502',
    'column "note" of relation "health" contains null values', 'NOT NULL is refused where there are NULLs');
SELECT throws_ok('ALTER FOREIGN TABLE pgtap_rows.health ALTER COLUMN p SET NOT NULL', '23502',
    'column "p" of relation "armour" contains null values', 'also in a component that inherits it');
SELECT lives_ok('ALTER FOREIGN TABLE pgtap_rows.health ALTER COLUMN mood SET NOT NULL', 'and taken where there are none');

SELECT throws_ok('ALTER FOREIGN TABLE pgtap_rows.health ADD COLUMN x int NOT NULL', '23502',
    'column "x" of relation "health" contains null values', 'A new column that is NOT NULL needs a default');
SELECT throws_ok('ALTER FOREIGN TABLE pgtap_rows.health ADD COLUMN x int DEFAULT 4 CHECK (x > 4)', '23514',
    'check constraint "health_x_check" of relation "health" is violated by some row', 'that satisfies its CHECK');
SELECT throws_ok('ALTER FOREIGN TABLE pgtap_rows.health ADD COLUMN seen timestamptz DEFAULT now()', '0A000',
    'the default of column "seen" is not constant, and component "health" has rows', 'and is constant');
SELECT lives_ok('ALTER FOREIGN TABLE pgtap_rows.health ADD COLUMN x int NOT NULL DEFAULT 8', 'With such a default it is added');
SELECT results_eq('SELECT DISTINCT x FROM pgtap_rows.health', 'VALUES (8)', 'and the rows have it');
SELECT game.step_world(:w) AS tick \gset
SELECT results_eq('SELECT DISTINCT x FROM pgtap_rows.health', 'VALUES (8)', 'now and after the next tick');

SELECT throws_ok('ALTER DOMAIN pgtap_rows.percent ADD CHECK (VALUE < 7)', '23514', NULL, 'A domain''s CHECK is checked against the rows');
SELECT throws_ok('ALTER DOMAIN pgtap_rows.percent SET NOT NULL', '23502', NULL, 'its NOT NULL too');
SELECT lives_ok('ALTER DOMAIN pgtap_rows.percent ADD CHECK (VALUE < 8)', 'one that all satisfy is taken');
SELECT lives_ok($$ALTER TYPE pgtap_rows.mood ADD VALUE 'mad'$$, 'An enum may get more labels');
SELECT results_eq('SELECT mood::text FROM pgtap_rows.health ORDER BY entity LIMIT 2', $$VALUES ('glad'), ('sad')$$, 'which change no row');

SELECT throws_ok('ALTER FOREIGN TABLE pgtap_rows.soil ADD CHECK (wet > 3)', '23514',
    'check constraint "soil_wet_check1" of relation "soil" is violated by some row', 'Cells hold their defaults, which count as rows');
SELECT lives_ok('ALTER FOREIGN TABLE pgtap_rows.soil ADD COLUMN mud boolean NOT NULL DEFAULT true', 'A column of cells is added with its default');
SELECT results_eq('SELECT count(*), min(wet), bool_and(mud) FROM pgtap_rows.soil', 'VALUES (12::bigint, 3, true)', 'in every cell');

SELECT game.drop_world(:w) \gset
SELECT game.drop_game('pgtap_rows') \gset
SELECT * FROM finish();
