-- Declaring actions, and how the arguments of a call find their parameters.
\set QUIET 1
\set ON_ERROR_ROLLBACK 1
\set ON_ERROR_STOP true
\pset format unaligned
\pset tuples_only true
\pset pager off

BEGIN;
SET client_min_messages = warning;
SELECT game.create_game('pgtap_arena') \gset
CREATE TYPE pgtap_arena.mood AS ENUM ('glad', 'sad');
CREATE TYPE pgtap_arena.pair AS (a int, b int);
CREATE DOMAIN pgtap_arena.percent AS int NOT NULL CHECK (VALUE BETWEEN 0 AND 100);
CREATE FUNCTION pgtap_arena.fire(target bigint, power real DEFAULT 1.5) RETURNS int LANGUAGE sql RETURN 1;
CREATE FUNCTION pgtap_arena.may(actor text, power real) RETURNS boolean LANGUAGE sql RETURN power < 3;

SELECT plan(100);

-- What is kept.
SELECT lives_ok($$SELECT game.create_action('pgtap_arena.fire')$$, 'A function becomes an action');
SELECT results_eq($$SELECT game, name, durable, cooldown, max_per_second, policy FROM game.action WHERE game = 'pgtap_arena'$$,
                  $$VALUES ('pgtap_arena', 'fire', true, NULL::interval, NULL::float8, NULL::text)$$, 'that is durable, as often as one likes, for everybody who may execute it');
SELECT game.alter_action('pgtap_arena.fire(bigint, real)', durable => false, cooldown => '1.5 s', policy => 'pgtap_arena.may') \gset
SELECT results_eq($$SELECT durable, cooldown, max_per_second, policy FROM game.action$$, $$VALUES (false, interval '1.5 s', NULL::float8, 'may')$$, 'It can be altered');
SELECT game.alter_action('pgtap_arena.fire', max_per_second => 0.5) \gset
SELECT results_eq($$SELECT durable, cooldown, max_per_second, policy FROM game.action$$, $$VALUES (false, interval '1.5 s', 0.5::float8, 'may')$$, 'in parts');
SELECT game.alter_action('pgtap_arena.fire', cooldown => '0', max_per_second => 0, policy => '') \gset
SELECT results_eq($$SELECT cooldown, max_per_second, policy FROM game.action$$, $$VALUES (NULL::interval, NULL::float8, NULL::text)$$, 'and limits be taken away');

-- What cannot be an action.
CREATE FUNCTION pgtap_arena.unnamed(int) RETURNS int LANGUAGE sql RETURN 1;
CREATE FUNCTION pgtap_arena.out_of(a int, OUT b int) LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION pgtap_arena.many(VARIADIC a int[]) RETURNS int LANGUAGE sql RETURN 1;
CREATE FUNCTION pgtap_arena.rows(a int) RETURNS SETOF int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION pgtap_arena.any_type(a anyelement) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION pgtap_arena.composite(a pgtap_arena.pair) RETURNS int LANGUAGE sql RETURN 1;
CREATE FUNCTION pgtap_arena.twice(a int) RETURNS int LANGUAGE sql RETURN 1;
CREATE FUNCTION pgtap_arena.twice(a text) RETURNS int LANGUAGE sql RETURN 1;
CREATE FUNCTION pgtap_arena.unsteady() RETURNS float8 LANGUAGE sql RETURN random();
CREATE FUNCTION pgtap_arena.by_actor(actor text) RETURNS int LANGUAGE sql RETURN 1;
CREATE FUNCTION pgtap_arena.native() RETURNS int LANGUAGE internal AS 'pg_backend_pid';
CREATE PROCEDURE pgtap_arena.done() LANGUAGE sql BEGIN ATOMIC SELECT 1; END;
CREATE FUNCTION pgtap_arena.trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
SELECT throws_ok($$SELECT game.create_action('pgtap_arena.fire')$$, '42710', 'action "fire" already exists in game "pgtap_arena"', 'A function is one action');
SELECT throws_ok($$SELECT game.create_action('fire')$$, '22023', '"fire" does not say of which game it is', 'It is named with its game');
SELECT throws_ok($$SELECT game.create_action(NULL)$$, '22004', 'an action needs a name', 'but it is named');
SELECT throws_ok($$SELECT game.create_action('pgtap_none.fire')$$, 'WG015', 'game "pgtap_none" does not exist', 'Its game must exist');
SELECT throws_ok($$SELECT game.create_action('pgtap_arena.nothing')$$, '42883', 'function pgtap_arena.nothing does not exist', 'The function too');
SELECT throws_ok(format('SELECT game.create_action(%L)', 'pgtap_arena.' || name), code, message, name || ' is refused') FROM (VALUES
    ('unnamed', '42P13', 'parameter 1 of action "unnamed" needs a name'),
    ('out_of', '42P13', 'action "out_of" cannot have OUT, INOUT or VARIADIC parameters'),
    ('many', '42P13', 'action "many" cannot have OUT, INOUT or VARIADIC parameters'),
    ('rows', '42809', 'pgtap_arena.rows(integer) cannot be action "rows"'),
    ('any_type', '42P13', 'parameter "a" of action "any_type" cannot be of type anyelement'),
    ('composite', '42P13', 'parameter "a" of action "composite" cannot be of type pgtap_arena.pair'),
    ('twice', '42725', 'action "twice" cannot be overloaded'),
    ('unsteady', '42P13', 'action "unsteady" cannot use random()'),
    ('native', '0A000', 'action "native" cannot be in language internal'),
    ('by_actor', '42P13', 'action "by_actor" cannot have a parameter "actor"'),
    ('done', '42809', 'pgtap_arena.done() cannot be action "done"'),
    ('trigger', '42809', 'pgtap_arena.trigger() cannot be action "trigger"')) AS v(name, code, message);
CREATE FUNCTION pgtap_arena.plain() RETURNS void LANGUAGE plpgsql AS 'BEGIN END';
SELECT throws_ok($$SELECT game.create_action('pgtap_arena.plain', durable => NULL)$$, '22004', 'an action is durable or not', 'Durable is a yes or a no');
SELECT throws_ok(format('SELECT game.create_action(''pgtap_arena.plain'', cooldown => %L)', v), '22023', NULL, 'A cooldown is not ' || v) FROM unnest('{0,-1 s,5000 years}'::text[]) AS v;
SELECT throws_ok(format('SELECT game.create_action(''pgtap_arena.plain'', max_per_second => %L)', v), '22023', NULL, 'A rate is not ' || v) FROM unnest('{0,-1,2000000,NaN}'::text[]) AS v;
SELECT lives_ok($$SELECT game.create_action('pgtap_arena.plain')$$, 'An action may have no arguments and no result');

-- Policies.
CREATE FUNCTION pgtap_arena.no_answer(actor text) RETURNS int LANGUAGE sql RETURN 1;
CREATE FUNCTION pgtap_arena.other_type(power int) RETURNS boolean LANGUAGE sql RETURN true;
CREATE FUNCTION pgtap_arena.unknown(ammunition int) RETURNS boolean LANGUAGE sql RETURN true;
CREATE FUNCTION pgtap_arena.actor_number(actor int) RETURNS boolean LANGUAGE sql RETURN true;
CREATE FUNCTION pgtap_arena.chance() RETURNS boolean LANGUAGE sql RETURN random() < 0.5;
SELECT throws_ok(format('SELECT game.alter_action(''pgtap_arena.fire'', policy => %L)', name), code, message, name || ' is no policy of fire') FROM (VALUES
    ('nothing', '42883', 'there is not one function pgtap_arena.nothing'),
    ('twice', '42883', 'there is not one function pgtap_arena.twice'),
    ('no_answer', '42809', 'pgtap_arena.no_answer(text) does not return boolean'),
    ('other_type', '42P13', 'policy "other_type" has a parameter "power" of type integer, which the action does not have'),
    ('unknown', '42P13', 'policy "unknown" has a parameter "ammunition" of type integer, which the action does not have'),
    ('actor_number', '42P13', 'policy "actor_number" has a parameter "actor" of type integer, which the action does not have'),
    ('chance', '42P13', 'policy "chance" cannot use random()')) AS v(name, code, message);
CREATE FUNCTION pgtap_arena.in_war() RETURNS boolean LANGUAGE sql RETURN true;
SELECT lives_ok($$SELECT game.alter_action('pgtap_arena.fire', policy => 'in_war')$$, 'A policy may judge without looking at the call');
SELECT throws_ok($$SELECT game.alter_action('pgtap_arena.none')$$, '42704', 'game "pgtap_arena" has no action "none"', 'There must be an action to alter');
SELECT throws_ok($$SELECT game.drop_action('pgtap_arena.none')$$, '42704', 'game "pgtap_arena" has no action "none"', 'or to drop');
SELECT lives_ok($$SELECT game.drop_action('pgtap_arena.plain()')$$, 'What is there goes');
SELECT results_eq($$SELECT name FROM game.action WHERE game = 'pgtap_arena'$$, $$VALUES ('fire')$$, 'and nothing else');

-- Arguments.
CREATE FUNCTION pgtap_arena.everything(
    b boolean DEFAULT true, c smallint DEFAULT 1, d int DEFAULT 2, e bigint DEFAULT 3, f real DEFAULT 0.1, g float8 DEFAULT 0.2, h numeric DEFAULT 0.30,
    i text DEFAULT 'text', j uuid DEFAULT NULL, k timestamptz DEFAULT NULL, l interval DEFAULT '1 day', m pgtap_arena.mood DEFAULT 'sad',
    n pgtap_arena.percent DEFAULT 50, o int[] DEFAULT '{}', p jsonb DEFAULT '{}', q pgtap_arena.mood[] DEFAULT NULL, r json DEFAULT NULL, s bytea DEFAULT NULL,
    t int4range DEFAULT NULL, u date DEFAULT NULL, v text[] DEFAULT NULL, w jsonb[] DEFAULT NULL) RETURNS int LANGUAGE sql RETURN 1;
CREATE FUNCTION match(arguments jsonb, are_texts boolean DEFAULT false) RETURNS jsonb LANGUAGE sql AS $$
    SELECT game._match_arguments('pgtap_arena.everything'::regproc::oid::regprocedure, arguments, are_texts)::jsonb $$;
SELECT is(match('{}'), '{"b": "t", "c": "1", "d": "2", "e": "3", "f": "0.1", "g": "0.2", "h": "0.30", "i": "text", "j": null, "k": null, "l": "1 day", "m": "sad",
    "n": "50", "o": "{}", "p": "{}", "q": null, "r": null, "s": null, "t": null, "u": null, "v": null, "w": null}', 'What is left out gets its default');
SELECT is(match(given) -> (SELECT k FROM jsonb_object_keys(given) AS k), wanted, given::text) FROM (VALUES
    ('{"b": false}'::jsonb, '"f"'::jsonb), ('{"c": -7}', '"-7"'), ('{"d": "12"}', '"12"'), ('{"d": 1e3}', '"1000"'),
    ('{"e": "9223372036854775807"}', '"9223372036854775807"'), ('{"e": 9007199254740993}', '"9007199254740993"'),
    ('{"f": 0.1}', '"0.1"'), ('{"g": 1e300}', '"1e+300"'), ('{"g": 0.1234567890123456789}', '"0.12345678901234568"'), ('{"h": "1.50"}', '"1.50"'), ('{"h": 1.50}', '"1.50"'),
    ('{"i": "é\"\\"}', '"é\"\\"'), ('{"i": ""}', '""'), ('{"i": null}', 'null'), ('{"j": "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}', '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"'),
    ('{"k": "2000-01-01 12:00+02"}', '"2000-01-01 10:00:00+00"'), ('{"l": "90 min"}', '"01:30:00"'), ('{"m": "glad"}', '"glad"'), ('{"n": 100}', '"100"'),
    ('{"o": [1, "2", null]}', '"{1,2,NULL}"'), ('{"o": [[1, 2], [3, 4]]}', '"{{1,2},{3,4}}"'), ('{"o": []}', '"{}"'), ('{"q": ["sad", "glad"]}', '"{sad,glad}"'),
    ('{"p": {"a": [1, "b"]}}', '"{\"a\": [1, \"b\"]}"'), ('{"p": 5}', '"5"'), ('{"p": "x"}', '"\"x\""'), ('{"r": [1]}', '"[1]"'), ('{"s": "\\x00ff"}', '"\\x00ff"'),
    ('{"t": "[1,5)"}', '"[1,5)"'), ('{"u": "2024-02-29"}', '"2024-02-29"'), ('{"v": ["a b", "c\"d", "NULL", null]}', '"{\"a b\",\"c\\\"d\",\"NULL\",NULL}"'),
    ('{"w": [{"a": 1}, [2], null]}', '"{\"{\\\"a\\\": 1}\",[2],NULL}"')) AS v(given, wanted);
SELECT throws_ok(format('SELECT match(%L)', given), code, message, given || ' is refused') FROM (VALUES
    ('{"b": 1}', 'WG005', 'argument "b" must be of type boolean'), ('{"b": "true"}', 'WG005', 'argument "b" must be of type boolean'),
    ('{"c": 40000}', 'WG005', 'argument "c" must be of type smallint'), ('{"d": 1.5}', 'WG005', 'argument "d" must be of type integer'),
    ('{"d": true}', 'WG005', 'argument "d" must be of type integer'), ('{"d": [1]}', 'WG005', 'argument "d" must be of type integer'),
    ('{"g": "1"}', 'WG005', 'argument "g" must be of type double precision'), ('{"i": 7}', 'WG005', 'argument "i" must be of type text'),
    ('{"j": "x"}', 'WG005', 'argument "j" must be of type uuid'), ('{"k": "soon"}', 'WG005', 'argument "k" must be of type timestamp with time zone'),
    ('{"m": "mad"}', 'WG005', 'argument "m" must be of type pgtap_arena.mood'), ('{"n": 101}', 'WG005', 'argument "n" must be of type pgtap_arena.percent'),
    ('{"n": null}', 'WG005', 'argument "n" must be of type pgtap_arena.percent'), ('{"o": "{1}"}', 'WG005', 'argument "o" must be of type integer[]'),
    ('{"o": [[1], [2, 3]]}', 'WG005', 'argument "o" must be of type integer[]'), ('{"o": [true]}', 'WG005', 'argument "o" must be of type integer[]'),
    ('{"x": 1}', 'WG004', 'the action has no argument "x"'), ('{"B": true}', 'WG004', 'the action has no argument "B"'),
    ('[]', '22023', 'the arguments of an action must be a JSON object'), ('5', '22023', 'the arguments of an action must be a JSON object')) AS v(given, code, message);
SELECT throws_ok($$SELECT game._match_arguments('pgtap_arena.fire(bigint,real)', '{"power": 1}')$$, 'WG003', 'argument "target" is missing', 'What has no default must be given');
COMMENT ON FUNCTION pgtap_arena.fire IS 'shoots at somebody';
SELECT is(game._describe_actions('pgtap_arena'), '[{"name": "fire", "summary": "shoots at somebody", "params": [{"name": "target", "type": "bigint"},
    {"name": "power", "type": "real", "optional": true}]}]', 'Actions describe themselves');
SELECT is(game._describe_actions('pgtap_none'), '[]', 'where there are any');
-- What a command carries is read back as it was, whatever session wrote it and reads it.
SET LOCAL DateStyle = 'German';
SET LOCAL TimeZone = 'Asia/Tokyo';
SET LOCAL extra_float_digits = -10;
SET LOCAL IntervalStyle = 'iso_8601';
SET LOCAL bytea_output = 'escape';
SELECT is(match(match('{"k": "2000-01-01 12:00+02", "g": 0.1234567890123456789, "l": "-1 day 2 hours", "s": "\\x00ff"}'), true) - '{b,c,d,e,f,h,i,j,m,n,o,p,q,r,t,u,v,w}'::text[],
          '{"k": "2000-01-01 10:00:00+00", "g": "0.12345678901234568", "l": "-1 days +02:00:00", "s": "\\x00ff"}', 'A command loses nothing');

SELECT * FROM finish();
ROLLBACK;
