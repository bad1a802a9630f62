-- Systems and actions follow DDL on their procedures and functions, and worlds follow them.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT game.create_game('regress_ring');
RESET client_min_messages;
CREATE FOREIGN TABLE regress_ring.health (hp int NOT NULL DEFAULT 10) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE regress_ring.seen (times int NOT NULL DEFAULT 0) INHERITS (game.component) SERVER gamelan;
CREATE FUNCTION public.regress_step() RETURNS int IMMUTABLE LANGUAGE sql RETURN 1;
CREATE PROCEDURE regress_ring.heal() LANGUAGE sql BEGIN ATOMIC UPDATE regress_ring.health SET hp = hp + public.regress_step(); END;
CREATE PROCEDURE regress_ring.double() LANGUAGE sql BEGIN ATOMIC UPDATE regress_ring.health SET hp = hp * 2; END;
CREATE PROCEDURE regress_ring.count() LANGUAGE sql
BEGIN ATOMIC UPDATE regress_ring.seen SET times = times + 1 WHERE entity IN (SELECT game.observed()); END;
CREATE FUNCTION regress_ring.is_on() RETURNS boolean LANGUAGE sql RETURN true;
CREATE FUNCTION regress_ring.hit(target bigint, power int DEFAULT 1) RETURNS int LANGUAGE sql
BEGIN ATOMIC UPDATE regress_ring.health SET hp = hp - power WHERE entity = target RETURNING hp; END;
CREATE FUNCTION regress_ring.may(actor text, power int) RETURNS boolean LANGUAGE sql RETURN power < 100;
SELECT game.create_system('regress_ring.heal', wake_when => 'is_on');
SELECT game.create_system('regress_ring.double', after => '{heal}');
SELECT game.create_system('regress_ring.count', run_on => 'update', components => '{health}');
SELECT game.create_action('regress_ring.hit', policy => 'may');
CREATE VIEW declared AS SELECT * FROM (
    SELECT name, after, components, wake_when AS condition FROM game.system WHERE game = 'regress_ring'
    UNION ALL SELECT name, NULL, NULL, policy FROM game.action WHERE game = 'regress_ring') AS d ORDER BY name COLLATE "C";

SELECT game.create_world('ring', 'regress_ring', seed => 3) AS w \gset
SELECT game.create_world('other ring', 'regress_ring', seed => 3) AS other \gset
CREATE FUNCTION play(world bigint) RETURNS TABLE (hp int, times int) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM game.step_world(world);
    RETURN QUERY EXECUTE 'SELECT h.hp, s.times FROM regress_ring.health AS h JOIN regress_ring.seen AS s USING (world, entity) WHERE world = $1' USING world;
END
$$;
BEGIN;
SELECT game.spawn(:w, overrides => '{"health": {}, "seen": {}}') > 0 AS made, game.spawn(:other, overrides => '{"health": {}, "seen": {}}') > 0 AS made;
COMMIT;
-- (10 + 1) * 2, and seen.
SELECT * FROM play(:w);
-- A function that a system calls is replaced: (22 + 3) * 2.
CREATE OR REPLACE FUNCTION public.regress_step() RETURNS int IMMUTABLE LANGUAGE sql RETURN 3;
SELECT * FROM play(:w);
-- The procedure itself: (50 + 5) * 2.
CREATE OR REPLACE PROCEDURE regress_ring.heal() LANGUAGE sql BEGIN ATOMIC UPDATE regress_ring.health SET hp = hp + 5; END;
SELECT * FROM play(:w);
-- However quickly the next tick follows.
CREATE PROCEDURE replace_often(times int, INOUT late int DEFAULT 0) LANGUAGE plpgsql AS $$
DECLARE
    w bigint := (SELECT id FROM game.world WHERE name = 'other ring');
    found int;
BEGIN
    FOR i IN 1 .. times LOOP
        EXECUTE format('CREATE OR REPLACE FUNCTION public.regress_step() RETURNS int IMMUTABLE LANGUAGE sql RETURN %s', i);
        COMMIT;
        PERFORM game.step_world(w);
        COMMIT;
        EXECUTE 'SELECT hp FROM regress_ring.health WHERE world = $1' INTO found USING w;
        late := late + (found <> i)::int;
        COMMIT;
    END LOOP;
END
$$;
CREATE OR REPLACE PROCEDURE regress_ring.heal() LANGUAGE sql BEGIN ATOMIC UPDATE regress_ring.health SET hp = public.regress_step(); END;
SELECT game.disable_system(:other, 'double');
CALL replace_often(200);
SELECT game.enable_system(:other, 'double');
CREATE OR REPLACE PROCEDURE regress_ring.heal() LANGUAGE sql BEGIN ATOMIC UPDATE regress_ring.health SET hp = hp + 5; END;
-- One world differs.
SELECT game.disable_system(:w, 'double');
SELECT * FROM play(:w);
SELECT * FROM play(:other);
SELECT name, position, state FROM game.system_state WHERE world = :w ORDER BY position;
SELECT game.enable_system(:w, 'double');
-- Renamed ones stay what they were.
ALTER PROCEDURE regress_ring.heal RENAME TO "Heal All";
ALTER ROUTINE regress_ring.double() RENAME TO doubling;
ALTER FUNCTION regress_ring.is_on RENAME TO is_awake;
ALTER FUNCTION regress_ring.hit(bigint, int) RENAME TO strike;
ALTER FUNCTION regress_ring.may RENAME TO might;
ALTER FOREIGN TABLE regress_ring.health RENAME TO vigour;
SELECT * FROM declared;
ALTER FOREIGN TABLE regress_ring.vigour RENAME TO health;
SELECT * FROM play(:w);
SELECT name, state FROM game.system_state WHERE world = :w ORDER BY position;
-- A namesake with arguments is somebody else.
CREATE PROCEDURE regress_ring.doubling(factor int) LANGUAGE sql BEGIN ATOMIC SELECT factor; END;
ALTER PROCEDURE regress_ring.doubling(int) RENAME TO tripling;
DROP PROCEDURE regress_ring.tripling(int);
SELECT * FROM declared;

-- What would break a declaration is refused.
\pset format unaligned
\pset tuples_only
SELECT statement, outcome(statement) FROM unnest(ARRAY[
    'CREATE OR REPLACE PROCEDURE regress_ring.doubling() LANGUAGE sql BEGIN ATOMIC UPDATE regress_ring.health SET hp = random(); END',
    'CREATE OR REPLACE FUNCTION regress_ring.is_awake() RETURNS boolean LANGUAGE sql RETURN clock_timestamp() > now()',
    'CREATE OR REPLACE FUNCTION regress_ring.strike(target bigint, power int DEFAULT 1) RETURNS int LANGUAGE sql RETURN random()',
    'CREATE OR REPLACE FUNCTION regress_ring.might(actor text, power int) RETURNS boolean LANGUAGE sql RETURN random() < 1',
    'CREATE FUNCTION regress_ring.strike(target text) RETURNS int LANGUAGE sql RETURN 1',
    'CREATE FUNCTION regress_ring.might() RETURNS boolean LANGUAGE sql RETURN true',
    'CREATE FUNCTION public.strike(target text) RETURNS int LANGUAGE sql RETURN 1',
    'ALTER FUNCTION regress_ring.might RENAME TO strike',
    'ALTER PROCEDURE regress_ring.doubling SET SCHEMA public',
    'ALTER FUNCTION regress_ring.strike SET SCHEMA public']) AS statement;
DROP FUNCTION public.strike;
-- What is dropped is none any more; what still names it, says so.
DROP PROCEDURE regress_ring."Heal All"();
DROP FUNCTION regress_ring.is_awake, regress_ring.might;
SELECT * FROM declared;
SELECT severity, object, message, hint FROM game.lint('regress_ring') WHERE severity <> 'info';
CREATE PROCEDURE regress_ring.heal() LANGUAGE sql BEGIN ATOMIC UPDATE regress_ring.health SET hp = 1; END;
SELECT game.create_system('regress_ring.heal', before => '{doubling}', wake_when => 'is_awake');
SELECT game.alter_system('regress_ring.doubling', after => '{}');
SELECT game.create_system('regress_ring.heal', before => '{doubling}');
SELECT * FROM play(:w);
DROP FUNCTION regress_ring.strike;
SELECT * FROM declared;
DROP FOREIGN TABLE regress_ring.health CASCADE;
SELECT * FROM declared;

-- The game goes with all of it, once it has no worlds.
CREATE PROCEDURE regress_ring.last() LANGUAGE sql BEGIN ATOMIC SELECT 1; END;
SELECT game.create_system('regress_ring.last');
SELECT game.disable_system(:w, 'last');
SELECT game.drop_world(:w), game.drop_world(:other);
CALL wait_until('SELECT count(*) = 0 FROM game.dropped_world');
SELECT count(*) FROM game.world_system WHERE world IN (:w, :other);
ALTER SCHEMA regress_ring RENAME TO regress_circle;
SELECT game, name FROM game.system;
SET client_min_messages = warning;
DROP VIEW declared;
DROP SCHEMA regress_circle CASCADE;
SELECT count(*) FROM game.system;
DROP PROCEDURE replace_often;
DROP FUNCTION play, public.regress_step;
