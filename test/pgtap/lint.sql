-- game.lint: what seems wrong, risky or unused in what a game declares.
\set QUIET 1
\set ON_ERROR_ROLLBACK 1
\set ON_ERROR_STOP true
\pset format unaligned
\pset tuples_only true
\pset pager off

BEGIN;
SET client_min_messages = warning;
SELECT game.create_game('pgtap_arena') \gset
CREATE FUNCTION findings(what text DEFAULT '') RETURNS SETOF text LANGUAGE sql AS $$
    SELECT concat_ws(': ', severity, object, message) FROM game.lint('pgtap_arena')
    WHERE object LIKE what || '%' AND message NOT LIKE '%is run by the executor%' $$;

SELECT plan(31);

SELECT is_empty($$SELECT findings()$$, 'A game without anything is without fault');
SELECT throws_ok($$SELECT * FROM game.lint('pgtap_none')$$, 'WG015', 'game "pgtap_none" does not exist', 'A game must exist');

-- Components.
CREATE FOREIGN TABLE pgtap_arena.health (hp int NOT NULL DEFAULT 1, most int) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE pgtap_arena.armour (strength int) INHERITS (pgtap_arena.health) SERVER gamelan;
CREATE FOREIGN TABLE pgtap_arena.seen (a int) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE pgtap_arena.told (a int) INHERITS (game.component) SERVER gamelan;
CREATE VIEW pgtap_arena.sight AS SELECT world, entity, a FROM pgtap_arena.seen;
SELECT set_eq($$SELECT findings()$$, ARRAY['info: component "armour": no system and no action uses it', 'info: component "health": no system and no action uses it',
    'info: component "seen": no system and no action uses it', 'info: component "told": no system and no action uses it'], 'Components that nothing uses are named');
CREATE PROCEDURE pgtap_arena.heal() LANGUAGE sql BEGIN ATOMIC UPDATE pgtap_arena.health AS h SET hp = h.hp + 1 FROM pgtap_arena.sight AS s WHERE s.entity = h.entity; END;
SELECT game.create_system('pgtap_arena.heal') \gset
SELECT set_eq($$SELECT findings()$$, ARRAY['info: component "told": no system and no action uses it'], 'A use counts through views and for what inherits');
CREATE PROCEDURE pgtap_arena.tell() LANGUAGE plpgsql AS 'BEGIN UPDATE pgtap_arena.told SET a = 1; END';
SELECT game.create_system('pgtap_arena.tell') \gset
SELECT set_eq($$SELECT findings()$$, ARRAY['info: system "tell": its body is kept as text: it cannot be compiled, and what it uses cannot be seen'], 'and when a text mentions it');

-- Bodies.
CREATE OR REPLACE PROCEDURE pgtap_arena.tell() LANGUAGE plpgsql AS 'BEGIN UPDATE pgtap_arena.told SET a = random(); END';
SELECT results_eq($$SELECT findings('system "tell"')$$, ARRAY['warning: system "tell": it seems to use random()'], 'Texts that seem to ask chance are named');
CREATE OR REPLACE PROCEDURE pgtap_arena.tell() LANGUAGE plpgsql AS 'BEGIN UPDATE pgtap_arena.told SET a = game.random(entity); PERFORM game.now(); END';
SELECT results_eq($$SELECT DISTINCT severity FROM game.lint('pgtap_arena') WHERE object = 'system "tell"'$$, ARRAY['info'], 'but the world''s own chance and time are not');
CREATE FUNCTION pgtap_arena.clock() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN extract(second FROM pg_catalog.clock_timestamp()); END';
CREATE FUNCTION pgtap_arena.quiet() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE OR REPLACE PROCEDURE pgtap_arena.tell() LANGUAGE sql BEGIN ATOMIC UPDATE pgtap_arena.told SET a = pgtap_arena.clock() + pgtap_arena.quiet(); END;
SELECT set_eq($$SELECT findings('system "tell"')$$, ARRAY['warning: system "tell": pgtap_arena.clock() seems to use clock_timestamp()',
    'info: system "tell": it calls pgtap_arena.quiet(), whose body is kept as text'], 'Functions that are called count');
CREATE OR REPLACE FUNCTION pgtap_arena.clock() RETURNS int LANGUAGE sql RETURN 1;
CREATE OR REPLACE FUNCTION pgtap_arena.quiet() RETURNS int LANGUAGE sql RETURN pgtap_arena.clock();
SELECT is_empty($$SELECT findings('system "tell"')$$, 'What can be seen to be right is');
CREATE OR REPLACE FUNCTION pgtap_arena.clock() RETURNS int LANGUAGE sql RETURN extract(second FROM now());
SELECT results_eq($$SELECT findings('system "tell"')$$, ARRAY['error: system "tell": it uses now()'], 'and wrong, though the system itself was not touched');
CREATE OR REPLACE FUNCTION pgtap_arena.clock() RETURNS int LANGUAGE sql RETURN 1;

-- Paths.
SELECT results_eq($$SELECT severity, message, hint FROM game.lint('pgtap_arena') WHERE object = 'system "heal"'$$,
                  $$VALUES ('info', 'statement 1 is run by the executor: other components inherit from pgtap_arena.health',
                            'Kernels are many times faster; SELECT * FROM game.explain_system(''pgtap_arena.heal'') tells more.')$$, 'What is not compiled says why');

-- Order.
CREATE PROCEDURE pgtap_arena.hurt() LANGUAGE sql BEGIN ATOMIC UPDATE pgtap_arena.armour SET hp = hp - 1; END;
SELECT game.create_system('pgtap_arena.hurt') \gset
SELECT results_eq($$SELECT findings('systems')$$, ARRAY['warning: systems "heal" and "hurt": both write armour.hp, and only their names order them'], 'Two that write the same have no order');
SELECT game.alter_system('pgtap_arena.hurt', after => '{tell}'), game.alter_system('pgtap_arena.tell', after => '{heal}') \gset
SELECT is_empty($$SELECT findings('systems')$$, 'unless one comes after the other, by others in between');
SELECT game.alter_system('pgtap_arena.hurt', after => '{}', priority => 101) \gset
SELECT is_empty($$SELECT findings('systems')$$, 'or priorities order them');
SELECT game.alter_system('pgtap_arena.hurt', priority => 100, phase => 'output') \gset
SELECT is_empty($$SELECT findings('systems')$$, 'or phases');
SELECT game.alter_system('pgtap_arena.hurt', phase => 'simulate') \gset
CREATE OR REPLACE PROCEDURE pgtap_arena.hurt() LANGUAGE sql BEGIN ATOMIC UPDATE pgtap_arena.health SET most = hp; END;
SELECT is_empty($$SELECT findings('systems')$$, 'Other columns are no matter');
CREATE OR REPLACE PROCEDURE pgtap_arena.hurt() LANGUAGE sql BEGIN ATOMIC DELETE FROM pgtap_arena.health WHERE hp < 0; END;
SELECT results_eq($$SELECT findings('systems')$$, ARRAY['warning: systems "heal" and "hurt": both write armour.hp, health.hp, and only their names order them'], 'but rows as a whole are');
SELECT game.drop_system('pgtap_arena.hurt') \gset

-- Observers.
CREATE PROCEDURE pgtap_arena.watch() LANGUAGE sql BEGIN ATOMIC SELECT game.emit('watched'); END;
SELECT game.create_system('pgtap_arena.watch', run_on => 'update', components => '{seen}') \gset
SELECT results_eq($$SELECT findings('system "watch"')$$, ARRAY['info: system "watch": no system and no action makes what it observes: update of component "seen"'], 'Nobody makes what an observer waits for');
SELECT game.alter_system('pgtap_arena.watch', components => '{health}') \gset
SELECT is_empty($$SELECT findings('system "watch"')$$, 'or somebody does');
SELECT game.alter_system('pgtap_arena.watch', run_on => 'create') \gset
SELECT isnt_empty($$SELECT findings('system "watch"')$$, 'in that very way');
SELECT game.create_template('pgtap_arena.orc', '{"health": {}}') \gset
SELECT is_empty($$SELECT findings('system "watch"')$$, 'for instance from a template');

-- Actions.
CREATE FUNCTION pgtap_arena.fire(target bigint) RETURNS int LANGUAGE sql RETURN 1;
CREATE FUNCTION pgtap_arena.may(actor text) RETURNS boolean LANGUAGE sql RETURN true;
SELECT game.create_action('pgtap_arena.fire') \gset
SELECT results_eq($$SELECT findings('action')$$, ARRAY['warning: action "fire": everybody may call it'], 'An action that everybody may call is a risk');
SELECT game.alter_action('pgtap_arena.fire', policy => 'may') \gset
SELECT is_empty($$SELECT findings('action')$$, 'unless a policy judges');
SELECT game.alter_action('pgtap_arena.fire', policy => '') \gset
REVOKE EXECUTE ON FUNCTION pgtap_arena.fire FROM PUBLIC;
SELECT is_empty($$SELECT findings('action')$$, 'or only some may');
SELECT game.alter_action('pgtap_arena.fire', policy => 'may') \gset
DROP FUNCTION pgtap_arena.may;
SELECT results_eq($$SELECT findings('policy')$$, ARRAY['error: policy "may" of action "fire": its routine does not exist'], 'A policy that is gone is an error');

-- What only dropping leaves behind.
SELECT is_empty($$SELECT findings('system')$$, 'Before that all is well');
DROP PROCEDURE pgtap_arena.heal();
SELECT results_eq($$SELECT findings('system "tell"')$$, ARRAY['warning: system "tell": there is no system "heal", which it names in after'], 'Names of dropped systems are found');
DROP FOREIGN TABLE pgtap_arena.health CASCADE;
SELECT results_eq($$SELECT findings('system "watch"')$$, ARRAY['warning: system "watch": there is no component "health" to observe'], 'and of dropped components');
SELECT game.create_world('pgtap lint', 'pgtap_arena') AS world \gset
INSERT INTO game.world_system (world, name, suspended_reason) VALUES (:world, 'tell', 'it failed');
SELECT results_eq($$SELECT findings('system "tell"') LIMIT 1$$, ARRAY[format('error: system "tell": it is suspended in world %s: it failed', :world)], 'Suspended systems are errors');
SELECT is((SELECT array_agg(DISTINCT severity) FROM game.lint('pgtap_arena')), '{error,info,warning}', 'Severities are three');
SELECT is((SELECT array_agg(severity ORDER BY n) FROM game.lint('pgtap_arena') WITH ORDINALITY AS l(severity, object, message, hint, n)),
          (SELECT array_agg(severity ORDER BY array_position('{error,warning,info}', severity)) FROM game.lint('pgtap_arena')), 'the worst first');

SELECT * FROM finish();
ROLLBACK;
