-- Templates of entities: what they are made of, what they inherit, and what is refused.
\set QUIET 1
\set ON_ERROR_ROLLBACK 1
\set ON_ERROR_STOP true
\pset format unaligned
\pset tuples_only true
\pset pager off

BEGIN;
SET client_min_messages = warning;
SELECT game.create_game('pgtap_arena') \gset
SELECT game.create_game('pgtap_other') \gset
CREATE TYPE pgtap_arena.mood AS ENUM ('glad', 'sad');
CREATE DOMAIN pgtap_arena.percent AS int NOT NULL DEFAULT 50 CHECK (VALUE BETWEEN 0 AND 100);
CREATE FOREIGN TABLE pgtap_arena.health (hp int NOT NULL DEFAULT 100, morale pgtap_arena.percent, mood pgtap_arena.mood)
    INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE pgtap_arena.body (x real NOT NULL DEFAULT 0, name text, "two words" int[]) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE pgtap_arena.hostile () INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE pgtap_arena.soil (wet boolean) INHERITS (game.cell) SERVER gamelan;
CREATE TABLE pgtap_arena.account (hp int);

SELECT plan(41);

SELECT lives_ok($$SELECT game.create_template('pgtap_arena.unit', '{"health": {"hp": 50, "mood": "glad"}, "body": {"name": "unit"}}')$$,
                'A template is named with its game before a dot');
SELECT lives_ok($$SELECT game.create_template('orc', '{"health": {"hp": 80}, "hostile": {}}', inherits => 'unit', game => 'pgtap_arena')$$,
                'or with the game apart');
SELECT results_eq($$SELECT name, inherits FROM game.template WHERE game = 'pgtap_arena' ORDER BY name$$, $$VALUES ('orc', 'unit'), ('unit', NULL)$$,
                  'and is kept under the name alone');
SELECT is(game._template_rows('pgtap_arena', 'orc'), '{"body": {"name": "unit"}, "health": {"hp": 80, "mood": "glad"}, "hostile": {}}',
          'What a template names comes over what it inherits, column by column');
SELECT is(game._template_rows('pgtap_arena', 'orc', '{"body": {"x": 1.5}, "health": {"hp": 1}}'),
          '{"body": {"x": 1.5, "name": "unit"}, "health": {"hp": 1, "mood": "glad"}, "hostile": {}}', 'Overrides come over both');
SELECT is(game._template_rows('pgtap_arena', 'orc', '{"hostile": null, "soil": null}'),
          '{"body": {"name": "unit"}, "health": {"hp": 80, "mood": "glad"}}', 'A component that is null is taken away');
SELECT is(game._template_rows('pgtap_arena', 'orc', '{"health": {"mood": null}}') -> 'health', '{"hp": 80, "mood": null}',
          'a value that is null is NULL');
SELECT is(game._template_rows('pgtap_arena', NULL, '{"hostile": {}}'), '{"hostile": {}}', 'Without a template there are the overrides only');
SELECT lives_ok($$SELECT game.create_template('pgtap_arena.tame', '{"hostile": null}', inherits => 'pgtap_arena.orc')$$, 'A child may name its parent in full');
SELECT is(game._template_rows('pgtap_arena', 'tame') ? 'hostile', false, 'and lack what its parent has');
SELECT lives_ok($$SELECT game.create_template('pgtap_arena.pacified', '{"hostile": {}}', inherits => 'tame')$$, 'A component may come back');
SELECT is(game._template_rows('pgtap_arena', 'pacified') -> 'hostile', '{}', 'with its defaults');
SELECT results_eq($$SELECT * FROM game._component_columns('pgtap_arena', 'body', '{"two words": [1], "x": 2}')$$,
                  $$VALUES ('x, "two words"', 'x real, "two words" integer[]')$$, 'Only the columns named are written, in the order of the table');

-- What is refused.
SELECT throws_ok($$SELECT game.create_template('pgtap_arena.orc', '{}')$$, '42710', 'template "orc" already exists in game "pgtap_arena"', 'A name is taken once');
SELECT throws_ok($$SELECT game.create_template('orc', '{}')$$, '22023', 'template "orc" is of no game', 'A game must be named');
SELECT throws_ok($$SELECT game.create_template('pgtap_none.orc', '{}')$$, 'WG015', 'game "pgtap_none" does not exist', 'and exist');
SELECT throws_ok($$SELECT game.create_template('hexfactory.orc', '{}')$$, 'WG015', 'game "hexfactory" does not exist', 'and be made with SQL');
SELECT throws_ok($$SELECT game.create_template('pgtap_arena.', '{}')$$, '22023', 'a template needs a name of 1 to 63 bytes without dots', 'A name cannot be empty');
SELECT throws_ok($$SELECT game.create_template('pgtap_arena.a.b', '{}')$$, '22023', 'a template needs a name of 1 to 63 bytes without dots', 'nor have dots');
SELECT throws_ok($$SELECT game.create_template('pgtap_arena.t', NULL)$$, '22004', 'a template needs components', 'Components are needed');
SELECT throws_ok($$SELECT game.create_template('pgtap_arena.t', '[]')$$, '22023', 'components must be a JSON object', 'as an object');
SELECT throws_ok($$SELECT game.create_template('pgtap_arena.t', '{"health": 5}')$$, '22023', 'the values of component "health" must be a JSON object', 'of objects');
SELECT throws_ok($$SELECT game.create_template('pgtap_arena.t', '{"armour": {}}')$$, '42P01', 'game "pgtap_arena" has no component "armour" of entities', 'of components that there are');
SELECT throws_ok($$SELECT game.create_template('pgtap_arena.t', '{"soil": {}}')$$, '42P01', 'game "pgtap_arena" has no component "soil" of entities', 'of entities, not cells');
SELECT throws_ok($$SELECT game.create_template('pgtap_arena.t', '{"account": {}}')$$, '42P01', 'game "pgtap_arena" has no component "account" of entities', 'and not other tables');
SELECT throws_ok($$SELECT game.create_template('pgtap_other.t', '{"health": {}}')$$, '42P01', 'game "pgtap_other" has no component "health" of entities', 'nor those of another game');
SELECT throws_ok($$SELECT game.create_template('pgtap_arena.t', '{"health": {"mana": 5}}')$$, '42703', 'component "health" has no column "mana" that could be given', 'Columns must exist');
SELECT throws_ok($$SELECT game.create_template('pgtap_arena.t', '{"health": {"entity": 5}}')$$, '42703', 'component "health" has no column "entity" that could be given', 'and not be the handle');
SELECT throws_ok($$SELECT game.create_template('pgtap_arena.t', '{"health": {"hp": "much"}}')$$, '22P02', 'invalid input syntax for type integer: "much"', 'Values must fit their types');
SELECT throws_ok($$SELECT game.create_template('pgtap_arena.t', '{"health": {"hp": 3000000000}}')$$, '22003', 'value "3000000000" is out of range for type integer', 'and their ranges');
SELECT throws_ok($$SELECT game.create_template('pgtap_arena.t', '{"health": {"morale": 101}}')$$, '23514', 'value for domain pgtap_arena.percent violates check constraint "percent_check"', 'and their domains');
SELECT throws_ok($$SELECT game.create_template('pgtap_arena.t', '{"health": {"mood": "mad"}}')$$, '22P02', 'invalid input value for enum pgtap_arena.mood: "mad"', 'and the labels of their enums');
SELECT throws_ok($$SELECT game.create_template('pgtap_arena.t', '{}', inherits => 'elf')$$, '42704', 'game "pgtap_arena" has no template "elf"', 'A parent must exist');
SELECT throws_ok($$SELECT game.create_template('pgtap_arena.t', '{}', inherits => 't')$$, '42P17', 'template "t" cannot inherit from itself', 'and be another');
SELECT throws_ok($$SELECT game.create_template('pgtap_other.t', '{}', inherits => 'orc')$$, '42704', 'game "pgtap_other" has no template "orc"', 'of the same game');
SELECT throws_ok($$DO $chain$ BEGIN FOR i IN 1..20 LOOP PERFORM game.create_template('pgtap_arena.t' || i, '{}', CASE WHEN i > 1 THEN 't' || i - 1 END); END LOOP; END $chain$ $$,
                 '54000', 'template "t17" inherits from more than 15 others', 'Chains of parents have a limit');
SELECT is(count(*), 4::bigint, 'Nothing of what was refused is kept') FROM game.template;

SELECT throws_ok($$SELECT game.drop_template('pgtap_arena.orc')$$, '2BP01', 'template "orc" cannot be dropped because others inherit from it', 'A parent cannot be dropped');
SELECT lives_ok($$SELECT game.drop_template('pacified', 'pgtap_arena'); SELECT game.drop_template('pgtap_arena.tame'); SELECT game.drop_template('pgtap_arena.orc')$$,
                'but from the children up');
SELECT throws_ok($$SELECT game.drop_template('pgtap_arena.orc')$$, '42704', 'game "pgtap_arena" has no template "orc"', 'and once');
SELECT game.drop_game('pgtap_arena') \gset
SELECT is_empty($$SELECT FROM game.template WHERE game = 'pgtap_arena'$$, 'With the game go its templates');

SELECT * FROM finish();
ROLLBACK;
