-- Declaring systems: what can be one, in which order they run, and what each world does differently.
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
CREATE FOREIGN TABLE pgtap_arena.health (hp int NOT NULL DEFAULT 100) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE pgtap_arena.soil (wet int NOT NULL DEFAULT 0) INHERITS (game.cell) SERVER gamelan;
CREATE TABLE pgtap_arena.account (hp int);
CREATE FUNCTION make(name text, body text DEFAULT 'UPDATE pgtap_arena.health SET hp = hp + 1') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE PROCEDURE pgtap_arena.%I() LANGUAGE sql BEGIN ATOMIC %s; END', name, body);
END
$$;
SELECT count(make(n)) FROM unnest('{a,b,c,d,e,f,moving,"Two Words"}'::text[]) AS n \gset
CREATE FUNCTION system_order() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(name, ' ' ORDER BY position) FROM game._ordered_systems('pgtap_arena') $$;
CREATE FUNCTION forget_all() RETURNS void LANGUAGE sql AS $$ DELETE FROM game.system WHERE game = 'pgtap_arena' $$;

SELECT plan(128);

-- What is kept.
SELECT lives_ok($$SELECT game.create_system('pgtap_arena.moving')$$, 'A procedure without arguments becomes a system');
SELECT results_eq($$SELECT phase, priority, run_on, components, after, before, enabled, every_n_ticks, wake_when, kind FROM game.system WHERE name = 'moving'$$,
                  $$VALUES ('simulate', 100, 'tick', '{}'::text[], '{}'::text[], '{}'::text[], true, 1, NULL::text, 'sql')$$, 'that runs in each tick, if nothing else is said');
SELECT lives_ok($$SELECT game.create_system('pgtap_arena."Two Words"()', phase => 'output', priority => -5, after => '{moving,pgtap_arena.moving}', enabled => false, every_n_ticks => 10)$$,
                'Names are written as SQL writes them');
SELECT results_eq($$SELECT name, phase, priority, after, enabled, every_n_ticks FROM game.system WHERE phase = 'output'$$,
                  $$VALUES ('Two Words', 'output', -5, '{moving,moving}'::text[], false, 10)$$, 'and kept as they are, without the game');
SELECT is((SELECT procedure::regprocedure::text FROM game._ordered_systems('pgtap_arena') WHERE name = 'Two Words'), 'pgtap_arena."Two Words"()', 'and found again');

-- What cannot be a system.
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.moving')$$, '42710', 'system "moving" already exists in game "pgtap_arena"', 'A procedure is one system');
SELECT throws_ok($$SELECT game.create_system('moving')$$, '22023', '"moving" does not say of which game it is', 'It is named with its game');
SELECT throws_ok($$SELECT game.create_system('a.b.c')$$, '22023', '"a.b.c" does not say of which game it is', 'and with nothing else');
SELECT throws_ok($$SELECT game.create_system(NULL)$$, '22004', 'a system needs a name', 'but it is named');
SELECT throws_ok($$SELECT game.create_system('pgtap_none.a')$$, 'WG015', 'game "pgtap_none" does not exist', 'The game must exist');
SELECT throws_ok($$SELECT game.create_system('public.a')$$, 'WG015', 'game "public" does not exist', 'and be a game');
SELECT throws_ok($$SELECT game.create_system('hexfactory.a')$$, 'WG015', 'game "hexfactory" does not exist', 'made with SQL');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.nothing')$$, '42883', 'procedure pgtap_arena.nothing() does not exist', 'The procedure must exist');
CREATE FUNCTION pgtap_arena.computed() RETURNS int LANGUAGE sql RETURN 1;
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.computed')$$, '42809', 'pgtap_arena.computed() is no procedure', 'A function is none');
CREATE PROCEDURE pgtap_arena.given(x int) LANGUAGE sql BEGIN ATOMIC SELECT 1; END;
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.given')$$, '42P13', 'system "given" cannot have arguments', 'Nobody passes arguments');
CREATE PROCEDURE pgtap_arena.returned(OUT x int) LANGUAGE plpgsql AS $$BEGIN x := 1; END$$;
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.returned')$$, '42P13', 'system "returned" cannot have arguments', 'nor takes what comes out');
CREATE PROCEDURE pgtap_arena.given() LANGUAGE sql BEGIN ATOMIC SELECT 1; END;
SELECT lives_ok($$SELECT game.create_system('pgtap_arena.given')$$, 'Of several of a name the one without arguments is meant');
CREATE PROCEDURE pgtap_arena.compiled() LANGUAGE c AS '$libdir/gamelan', 'gamelan_sync';
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.compiled')$$, '0A000', 'system "compiled" cannot be in language c', 'Languages that nobody can look into are refused');
CREATE PROCEDURE pgtap_arena.textual() LANGUAGE sql AS 'SELECT 1';
SELECT lives_ok($$SELECT game.create_system('pgtap_arena.textual')$$, 'SQL as text is not');
CREATE PROCEDURE pgtap_arena.procedural() LANGUAGE plpgsql AS $$BEGIN PERFORM random(); END$$;
SELECT lives_ok($$SELECT game.create_system('pgtap_arena.procedural')$$, 'nor PL/pgSQL, whatever it does');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.a', phase => 'late')$$, '22023', 'there is no phase "late"', 'Phases are five');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.a', phase => NULL)$$, '22023', NULL, 'and none is not one');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.a', priority => NULL)$$, '22004', 'a system needs a priority, and to be enabled or not', 'A priority is needed');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.a', enabled => NULL)$$, '22004', 'a system needs a priority, and to be enabled or not', 'and whether it is on');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.a', every_n_ticks => 0)$$, '22023', 'a system cannot run every 0 ticks', 'It runs every tick or less often');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.a', every_n_ticks => -1)$$, '22023', 'a system cannot run every -1 ticks', 'not more often');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.a', run_on => 'touch')$$, '22023', 'systems cannot run on "touch"', 'It runs on something known');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.a', after => '{nobody}')$$, '42704', 'game "pgtap_arena" has no system "nobody"', 'It runs after systems that there are');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.a', before => '{pgtap_other.x}')$$, '22023', 'pgtap_other.x is not of game "pgtap_arena"', 'of its game');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.a', after => '{NULL}')$$, '22004', 'a system needs a name', 'which have names');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.a', after => array_fill('moving'::text, '{65}'))$$, '54000', 'system "a" names more than 64 others', 'at most 64');

-- What bodies may not do.
SELECT throws_ok(format($$SELECT make('x', %L); SELECT game.create_system('pgtap_arena.x')$$, 'UPDATE pgtap_arena.health SET hp = ' || body), '42P13',
                 format('system "x" cannot use %s', call), format('A system does not use %s', call))
FROM (VALUES ('random()', 'random()'), ('extract(second from now())', 'now()'), ('extract(second from clock_timestamp())', 'clock_timestamp()'),
             ('extract(second from CURRENT_TIMESTAMP)', 'CURRENT_TIMESTAMP'), ('extract(second from LOCALTIME(2))', 'LOCALTIME'),
             ('extract(day from CURRENT_DATE)', 'CURRENT_DATE'), ('length(gen_random_uuid()::text)', 'gen_random_uuid()'),
             ('pg_backend_pid()', 'pg_backend_pid()'), ('txid_current()', 'txid_current()'), ('length(pg_sleep(1)::text)', 'pg_sleep(double precision)')) AS v(body, call);
CREATE SEQUENCE pgtap_arena.counter;
SELECT throws_ok($$SELECT make('x', 'UPDATE pgtap_arena.health SET hp = nextval(''pgtap_arena.counter'')'); SELECT game.create_system('pgtap_arena.x')$$, '42P13',
                 'system "x" cannot use nextval(regclass)', 'nor a sequence');
CREATE TABLE pgtap_arena.numbered (id bigint DEFAULT nextval('pgtap_arena.counter'), made timestamptz DEFAULT now(), hp int);
SELECT lives_ok($$SELECT make('filling', 'INSERT INTO pgtap_arena.numbered (hp) SELECT hp FROM pgtap_arena.health'); SELECT game.create_system('pgtap_arena.filling')$$,
                'but defaults of ordinary tables are theirs');
SELECT throws_ok($$SELECT make('x', 'DELETE FROM pgtap_arena.health WHERE hp IN (SELECT h.hp FROM pgtap_arena.health AS h ORDER BY random() LIMIT 1)');
                 SELECT game.create_system('pgtap_arena.x')$$, '42P13', 'system "x" cannot use random()', 'It is found wherever it is');
SELECT throws_ok($$SELECT make('x', 'WITH w AS (SELECT clock_timestamp() AS t) SELECT count(*) FROM w'); SELECT game.create_system('pgtap_arena.x')$$, '42P13',
                 'system "x" cannot use clock_timestamp()', 'in parts with names too');
CREATE FUNCTION pgtap_arena.lucky() RETURNS boolean LANGUAGE sql RETURN random() < 0.5;
CREATE FUNCTION pgtap_arena.luckier() RETURNS boolean LANGUAGE sql RETURN pgtap_arena.lucky() OR pgtap_arena.lucky();
SELECT throws_ok($$SELECT make('x', 'DELETE FROM pgtap_arena.health WHERE pgtap_arena.luckier()'); SELECT game.create_system('pgtap_arena.x')$$, '42P13',
                 'system "x" cannot use random()', 'and in functions that it calls');
CREATE VIEW pgtap_arena.clock AS SELECT extract(second FROM now()) AS s;
CREATE VIEW pgtap_arena.watch AS SELECT c.s FROM pgtap_arena.clock AS c, pgtap_arena.clock AS d;
SELECT throws_ok($$SELECT make('x', 'UPDATE pgtap_arena.health SET hp = (SELECT s FROM pgtap_arena.watch)'); SELECT game.create_system('pgtap_arena.x')$$, '42P13',
                 'system "x" cannot use now()', 'and in views');
CREATE FUNCTION pgtap_arena.hidden() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN random() < 0.5; END';
SELECT lives_ok($$SELECT make('blind', 'DELETE FROM pgtap_arena.health WHERE pgtap_arena.hidden()'); SELECT game.create_system('pgtap_arena.blind')$$,
                'as far as they can be seen');
CREATE FUNCTION pgtap_arena.loop_a(n int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN n; END';
CREATE OR REPLACE FUNCTION pgtap_arena.loop_b(n int) RETURNS int LANGUAGE sql RETURN pgtap_arena.loop_a(n);
CREATE OR REPLACE FUNCTION pgtap_arena.loop_a(n int) RETURNS int LANGUAGE sql RETURN pgtap_arena.loop_b(n);
SELECT lives_ok($$SELECT make('looping', 'UPDATE pgtap_arena.health SET hp = pgtap_arena.loop_a(hp)'); SELECT game.create_system('pgtap_arena.looping')$$,
                'Functions that call each other are looked at once');
SELECT lives_ok($$SELECT make('steady', 'UPDATE pgtap_arena.health SET hp = hp + game.random(entity) * game.dt() + extract(second from game.now())'); SELECT game.create_system('pgtap_arena.steady')$$,
                'What the world decides can be used');
SELECT lives_ok($$SELECT make('chance', 'UPDATE pgtap_arena.health SET hp = game.random() * 6'); SELECT game.create_system('pgtap_arena.chance')$$,
                'in the order of calls, too');

-- Conditions.
CREATE FUNCTION pgtap_arena.is_day() RETURNS boolean LANGUAGE sql RETURN true;
CREATE FUNCTION pgtap_arena.is_early() RETURNS boolean LANGUAGE sql RETURN now() < now();
SELECT forget_all() \gset
SELECT lives_ok($$SELECT game.create_system('pgtap_arena.a', wake_when => 'pgtap_arena.is_day()')$$, 'A condition is a function');
SELECT results_eq($$SELECT wake_when, condition::regprocedure::text FROM game._ordered_systems('pgtap_arena')$$, $$VALUES ('is_day', 'pgtap_arena.is_day()')$$, 'of the game');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.b', wake_when => 'is_night')$$, '42883', 'function pgtap_arena.is_night() does not exist', 'that exists');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.b', wake_when => 'computed')$$, '42809', 'pgtap_arena.computed() is no condition', 'and says yes or no');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.b', wake_when => 'c')$$, '42809', 'pgtap_arena.c() is no condition', 'which procedures do not');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.b', wake_when => 'is_early')$$, '42P13', 'condition "is_early" cannot use now()', 'by the world alone');

-- Observers.
SELECT forget_all() \gset
SELECT lives_ok($$SELECT game.create_system('pgtap_arena.a', run_on => 'destroy', components => '{pgtap_arena.health}')$$, 'An observer waits for changes of components');
SELECT lives_ok($$SELECT game.create_system('pgtap_arena.b', run_on => 'update', components => '{health,soil}')$$, 'of entities and cells');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.c', run_on => 'create')$$, '22023', 'an observer needs components to observe', 'It needs one');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.c', components => '{health}')$$, '22023', 'a system that runs on ticks observes no components', 'Others have none');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.c', run_on => 'create', components => '{mana}')$$, '42P01', 'game "pgtap_arena" has no component "mana"', 'A component must exist');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.c', run_on => 'create', components => '{account}')$$, '42P01', 'game "pgtap_arena" has no component "account"', 'and be one');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.c', run_on => 'create', components => '{soil}')$$, '22023', 'rows of component "soil" neither come nor go', 'Cells are always there');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.c', run_on => 'update', components => '{soil}', every_n_ticks => 2)$$, '22023', 'a system cannot run every 2 ticks',
                 'An observer misses nothing');

-- Order.
SELECT forget_all() \gset
SELECT game.create_system('pgtap_arena.c'), game.create_system('pgtap_arena.a'), game.create_system('pgtap_arena.b', priority => 5),
       game.create_system('pgtap_arena.d', phase => 'output', priority => 1), game.create_system('pgtap_arena.e', phase => 'input'),
       game.create_system('pgtap_arena.f', run_on => 'update', components => '{health}', phase => 'input') \gset
SELECT is(system_order(), 'e b a c d f', 'Phases come first, then priorities, then names; observers last');
SELECT is((SELECT string_agg(position::text, ' ' ORDER BY position) FROM game._ordered_systems('pgtap_arena')), '1 2 3 4 5 6', 'places count from 1');
SELECT game.alter_system('pgtap_arena.b', after => '{c}') \gset
SELECT is(system_order(), 'e a c b d f', 'after counts more than priority');
SELECT game.alter_system('pgtap_arena.c', before => '{a}') \gset
SELECT is(system_order(), 'e c b a d f', 'before too; of those that can run the most wanted one runs');
SELECT game.alter_system('pgtap_arena.b', priority => 200) \gset
SELECT is(system_order(), 'e c a b d f', 'by its priority');
SELECT lives_ok($$SELECT game.alter_system('pgtap_arena.d', after => '{e}')$$, 'A later phase may come after an earlier one');
SELECT is(system_order(), 'e c a b d f', 'which changes nothing');
SELECT throws_ok($$SELECT game.alter_system('pgtap_arena.e', after => '{d}')$$, '42P17', 'system "d" cannot run before "e"', 'The other way round it cannot be');
SELECT throws_ok($$SELECT game.alter_system('pgtap_arena.a', phase => 'input', after => '{e}')$$, '42P17', 'system "c" cannot run before "a"', 'also when another system says so');
SELECT throws_ok($$SELECT game.alter_system('pgtap_arena.a', after => '{f}')$$, '42P17', 'system "f" cannot run before "a"', 'Nothing runs after observers');
SELECT lives_ok($$SELECT game.alter_system('pgtap_arena.f', after => '{d}')$$, 'but observers run after anything');
SELECT throws_ok($$SELECT game.alter_system('pgtap_arena.a', after => '{a}')$$, '42P17', 'the order of systems would be a circle: a -> a', 'A circle of one is spelled out');
SELECT throws_ok($$SELECT game.alter_system('pgtap_arena.a', before => '{c}')$$, '42P17', 'the order of systems would be a circle: a -> c -> a', 'of two');
SELECT game.alter_system('pgtap_arena.a', before => '{b}') \gset
SELECT throws_ok($$SELECT game.alter_system('pgtap_arena.b', before => '{c}')$$, '42P17', 'the order of systems would be a circle: b -> c -> b', 'the shortest one there is');
SELECT game.alter_system('pgtap_arena.b', after => '{}') \gset
SELECT throws_ok($$SELECT game.alter_system('pgtap_arena.c', after => '{b}')$$, '42P17', 'the order of systems would be a circle: c -> a -> b -> c', 'of three');
SELECT is(system_order(), 'e c a b d f', 'What was refused changed nothing');
-- What only a restore can bring.
UPDATE game.system SET after = '{b,gone}' WHERE game = 'pgtap_arena' AND name = 'c';
SELECT is(system_order(), 'e a b c d f', 'A circle that is there anyway is cut, each system runs once');
UPDATE game.system SET after = '{}', before = '{}' WHERE game = 'pgtap_arena';
UPDATE game.system SET after = '{d}' WHERE game = 'pgtap_arena' AND name = 'e';
SELECT is(system_order(), 'e a c b d f', 'and phases hold in any case');

-- Altering.
SELECT forget_all() \gset
SELECT game.create_system('pgtap_arena.a', wake_when => 'is_day', every_n_ticks => 3), game.create_system('pgtap_arena.b') \gset
SELECT game.alter_system('pgtap_arena.a', priority => 7, enabled => false) \gset
SELECT results_eq($$SELECT priority, enabled, wake_when, every_n_ticks FROM game.system WHERE name = 'a'$$, $$VALUES (7, false, 'is_day', 3)$$, 'Only what is given changes');
SELECT game.alter_system('pgtap_arena.a', wake_when => '') \gset
SELECT is((SELECT wake_when FROM game.system WHERE name = 'a'), NULL, 'A condition can be taken away');
SELECT throws_ok($$SELECT game.alter_system('pgtap_arena.a', run_on => 'update')$$, '22023', 'a system cannot run every 3 ticks', 'What comes out must be right');
SELECT lives_ok($$SELECT game.alter_system('pgtap_arena.a', run_on => 'update', components => '{health}', every_n_ticks => 1)$$, 'and can be');
SELECT throws_ok($$SELECT game.alter_system('pgtap_arena.c')$$, '42704', 'game "pgtap_arena" has no system "c"', 'There must be one to alter');
SELECT throws_ok($$SELECT game.alter_system('pgtap_none.c')$$, 'WG015', 'game "pgtap_none" does not exist', 'in a game');

-- Worlds.
SELECT game.create_world('pgtap systems', 'pgtap_arena') AS world \gset
SELECT forget_all() \gset
SELECT game.create_system('pgtap_arena.a'), game.create_system('pgtap_arena.b', enabled => false, after => '{a}') \gset
PREPARE states AS SELECT name, state, reason FROM game.system_state WHERE world = :world ORDER BY position;
SELECT results_eq('states', $$VALUES ('a', 'enabled', NULL), ('b', 'disabled', NULL)$$, 'A world runs what the game says');
SELECT game.disable_system(:world, 'a'), game.enable_system(:world, 'pgtap_arena.b') \gset
SELECT results_eq('states', $$VALUES ('a', 'disabled', NULL), ('b', 'enabled', NULL)$$, 'unless it says otherwise');
UPDATE game.world_system SET suspended_reason = 'it failed' WHERE world = :world AND name = 'b';
SELECT results_eq('states', $$VALUES ('a', 'disabled', NULL), ('b', 'suspended', 'it failed')$$, 'A suspended system does not run');
SELECT game.enable_system(:world, 'b') \gset
SELECT results_eq('states', $$VALUES ('a', 'disabled', NULL), ('b', 'enabled', NULL)$$, 'until it is enabled again');
SELECT throws_ok(format($$SELECT game.enable_system(%s, 'c')$$, :world), '42704', 'game "pgtap_arena" has no system "c"', 'Worlds run systems of their game');
SELECT throws_ok(format($$SELECT game.disable_system(%s, 'pgtap_other.a')$$, :world), '22023', 'pgtap_other.a is not of game "pgtap_arena"', 'not of others');
SELECT throws_ok($$SELECT game.enable_system(-1, 'a')$$, 'WG001', 'world -1 does not exist', 'and exist');
SELECT throws_ok($$SELECT game.drop_system('pgtap_arena.a')$$, '2BP01', 'system "a" cannot be dropped because others name it in after or before', 'What others wait for stays');
SELECT lives_ok($$SELECT game.drop_system('pgtap_arena.b')$$, 'What nobody names goes');
SELECT is((SELECT count(*) FROM game.world_system WHERE world = :world AND name = 'b'), 0::bigint, 'with what worlds said of it');
SELECT throws_ok($$SELECT game.drop_system('pgtap_arena.b')$$, '42704', 'game "pgtap_arena" has no system "b"', 'once');

-- Native systems.
SELECT throws_ok($$SELECT game.create_native_system('pgtap_arena.native', 'libarena', 'arena_run', after => '{a}')$$, '58P01',
                 'library "libarena.so" of native systems is not installed', 'A function of a library is a system too, when it is there');
SELECT throws_ok($$SELECT game.create_native_system('pgtap_arena.native', '../libarena', 'arena_run')$$, '22023',
                 'a library of native systems is named without a path', 'in the directory of libraries');
SELECT throws_ok($$SELECT game.create_native_system('pgtap_arena.other', NULL, 'run')$$, '22023', 'a native system needs a name, a library and a symbol', 'It says where it is');

-- Limits.
SELECT count(make('many_' || i)) FROM generate_series(1, 512) AS i \gset
SELECT forget_all() \gset
SELECT lives_ok($$SELECT game.create_system('pgtap_arena.many_' || i, after => CASE WHEN i > 1 THEN ARRAY['many_' || i - 1] ELSE '{}' END, priority => -i) FROM generate_series(1, 512) AS i$$,
                'A game has 512 systems, one after the other');
SELECT is(system_order(), (SELECT string_agg('many_' || i, ' ' ORDER BY i) FROM generate_series(1, 512) AS i), 'in that order');
SELECT throws_ok($$SELECT game.create_system('pgtap_arena.a')$$, '54000', 'game "pgtap_arena" has too many systems', 'and no more');

-- Errors are counted.
SELECT count(game._note_system_error(:world, 'a', t, '22012', 'division by zero', 'at ' || t, 2, 7)) FROM generate_series(5, 8) AS t \gset
SELECT game._note_system_error(:world, 'a', 9, '22003', 'integer out of range', NULL, NULL, NULL) \gset
SELECT results_eq(format('SELECT sqlstate, detail, statement, entity, first_tick, last_tick, count FROM game.system_error WHERE world = %s ORDER BY sqlstate', :world),
                  $$VALUES ('22003', NULL::text, NULL::int, NULL::bigint, 9::bigint, 9::bigint, 1::bigint), ('22012', 'at 8', 2, 7, 5, 8, 4)$$, 'Failures are counted by message');
SELECT count(game._note_system_error(:world, 'b', i, '22012', 'message ' || i, NULL, NULL, NULL)) FROM generate_series(1, 1200) AS i \gset
SELECT results_eq(format('SELECT count(*), min(last_tick) FROM game.system_error WHERE world = %s', :world), 'VALUES (1000::bigint, 201::bigint)', 'and the newest thousand messages kept');

-- Time.
SELECT game.set_time_scale(:world, 2.5), game.set_catch_up(:world, 'skip') \gset
SELECT results_eq(format('SELECT time_scale, catch_up FROM game.world_definition WHERE id = %s', :world), $$VALUES (2.5::float8, 'skip')$$, 'Time passes as it is told to');
SELECT throws_ok(format('SELECT game.set_time_scale(%s, %s)', :world, quote_nullable(v)), '22023', NULL, 'but not ' || coalesce(v, 'null') || ' times as fast')
FROM unnest('{0,-1,100.5,NaN,NULL}'::text[]) AS v;
SELECT throws_ok(format('SELECT game.set_catch_up(%s, ''soon'')', :world), '22023', 'there is no way to catch up called "soon"', 'Ways to catch up are three');
SELECT throws_ok('SELECT game.set_time_scale(-1, 1)', 'WG001', 'world -1 does not exist', 'of worlds');
SELECT throws_ok('SELECT game.set_catch_up(-1, ''all'')', 'WG001', 'world -1 does not exist', 'that exist');

-- Owners.
CREATE ROLE pgtap_owner IN ROLE gamelan_admin;
CREATE ROLE pgtap_stranger IN ROLE gamelan_admin;
SET LOCAL ROLE pgtap_owner;
SELECT game.create_game('pgtap_owned') \gset
CREATE PROCEDURE pgtap_owned.a() LANGUAGE sql BEGIN ATOMIC SELECT 1; END;
CREATE PROCEDURE pgtap_owned.b() LANGUAGE sql BEGIN ATOMIC SELECT 1; END;
SELECT lives_ok($$SELECT game.create_system('pgtap_owned.a')$$, 'Who owns a game declares systems');
GRANT ALL ON SCHEMA pgtap_owned TO pgtap_stranger;
SET LOCAL ROLE pgtap_stranger;
CREATE PROCEDURE pgtap_owned.c() LANGUAGE sql BEGIN ATOMIC SELECT 1; END;
SELECT throws_ok($$SELECT game.create_system('pgtap_owned.c')$$, '42501', 'must be owner of game pgtap_owned', 'Others do not');
SELECT throws_ok($$SELECT game.alter_system('pgtap_owned.a', enabled => false)$$, '42501', 'must be owner of game pgtap_owned', 'nor alter them');
SELECT throws_ok($$SELECT game.drop_system('pgtap_owned.a')$$, '42501', 'must be owner of game pgtap_owned', 'nor drop them');
SELECT throws_ok($$SELECT game._remove_system('pgtap_owned', 'a', 'pgtap_owner')$$, '42501', 'permission denied to act as role "pgtap_owner"', 'nor act for the owner');
RESET ROLE;
SET LOCAL ROLE pgtap_owner;
CREATE FUNCTION pgtap_owned.is_day() RETURNS boolean LANGUAGE sql RETURN true;
SELECT game.create_system('pgtap_owned.b', wake_when => 'is_day') \gset
DROP FUNCTION pgtap_owned.is_day;
SET LOCAL ROLE pgtap_stranger;
SELECT throws_ok($$CREATE FUNCTION pgtap_owned.is_day() RETURNS boolean LANGUAGE sql RETURN false$$, '42501', 'pgtap_owned.is_day() must belong to the owner of the game',
                 'nor bring a condition back that the owner has dropped');
SELECT lives_ok($$CREATE FUNCTION pgtap_owned.is_night() RETURNS boolean LANGUAGE sql RETURN false$$, 'Others may make functions that nobody names');
SET LOCAL ROLE pgtap_owner;
SELECT lives_ok($$CREATE FUNCTION pgtap_owned.is_day() RETURNS boolean LANGUAGE sql RETURN false$$, 'The owner brings it back');
SELECT throws_ok($$SELECT game.create_system('pgtap_owned.c')$$, '42501', 'must be owner of pgtap_owned.c()', 'An owner does not take what is somebody else''s');
SELECT throws_ok($$SELECT game.create_native_system('pgtap_owned.n', 'libc', 'system')$$, '42501', 'permission denied for native systems', 'nor bring libraries');
SELECT throws_ok($$UPDATE game.system SET priority = 1$$, '42501', 'permission denied for table system', 'nor write the table');
RESET ROLE;

SELECT * FROM finish();
ROLLBACK;
