-- Actions of a game made with SQL, called in ticks: arguments, results, who may, how often.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT game.create_game('regress_fort');
CREATE FOREIGN TABLE regress_fort.wall (name text NOT NULL, hp int NOT NULL DEFAULT 100 CHECK (hp >= 0)) INHERITS (game.component) SERVER gamelan;
CREATE TYPE regress_fort.tool AS ENUM ('hammer', 'ram');
CREATE FUNCTION regress_fort.hit(target bigint, power int DEFAULT 10, tool regress_fort.tool DEFAULT 'hammer') RETURNS jsonb LANGUAGE sql
BEGIN ATOMIC
    UPDATE regress_fort.wall SET hp = hp - power * CASE tool WHEN 'ram' THEN 2 ELSE 1 END WHERE entity = target
    RETURNING jsonb_build_object('name', name, 'hp', hp, 'by', game.actor(), 'with', tool);
END;
CREATE FUNCTION regress_fort.repair(target bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM regress_fort.wall WHERE entity = target AND hp < 100) THEN
        RAISE EXCEPTION 'nothing to repair' USING ERRCODE = 'WG012', DETAIL = 'The wall is whole.', HINT = 'Hit it.';
    END IF;
    UPDATE regress_fort.wall SET hp = least(hp + 1, 100) WHERE entity = target;
END
$$;
CREATE FUNCTION regress_fort.whole() RETURNS text[] LANGUAGE sql
BEGIN ATOMIC SELECT array_agg(name ORDER BY name) FROM regress_fort.wall WHERE hp = 100; END;
CREATE FUNCTION regress_fort.hit_twice(target bigint) RETURNS int LANGUAGE sql
BEGIN ATOMIC
    UPDATE regress_fort.wall SET hp = hp - 5 WHERE entity = target;
    UPDATE regress_fort.wall SET hp = hp - 500 WHERE entity = target RETURNING hp;
END;
CREATE FUNCTION regress_fort.careful(actor text, power int) RETURNS boolean LANGUAGE sql RETURN CASE WHEN power < 50 THEN actor <> 'banned' END;
SELECT game.create_action('regress_fort.hit'), game.create_action('regress_fort.repair'), game.create_action('regress_fort.whole'),
       game.create_action('regress_fort.hit_twice');
SELECT game.create_world('fort', 'regress_fort', seed => 1, tick_rate => 20) AS w \gset
SELECT game.create_world('other fort', 'regress_fort', seed => 1, tick_rate => 20) AS other \gset
BEGIN;
SELECT game.spawn(:w, overrides => '{"wall": {"name": "north"}}') AS north, game.spawn(:w, overrides => '{"wall": {"name": "south"}}') AS south \gset
SELECT game.spawn(:other, overrides => '{"wall": {"name": "elsewhere"}}') AS elsewhere \gset
COMMIT;
SELECT game.start_world(:w);
CALL wait_until('SELECT state = ''running'' FROM game.world WHERE name = ''fort''');
SELECT game.sync(:w) > 0 AS synced;
SELECT game.call(:w, 'hit', jsonb_build_object('target', :north)) - 'by' AS hit;
SELECT game.call(:w, 'hit', jsonb_build_object('target', :'north', 'tool', 'ram', 'power', 3)) - 'by' AS hit;
SELECT game.call(:w, 'hit', jsonb_build_object('target', :north, 'power', 0)) ->> 'by' = current_user AS is_caller;
SELECT game.call(:w, 'hit', '{"target": 999}') AS nothing_to_hit;
SELECT game.call(:w, 'repair', jsonb_build_object('target', :north)) AS void;
SELECT game.call(:w, 'whole') AS whole;
SELECT name, hp FROM regress_fort.wall WHERE world = :w ORDER BY name;

\pset format unaligned
\pset tuples_only
CREATE FUNCTION try(action text, args jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT outcome(format('SELECT game.call(%s, %L, %L)', (SELECT id FROM game.world WHERE name = 'fort'), action, args)) $$;
SELECT try('fly');
SELECT try('hit');
SELECT try('hit', '{"target": 1, "Power": 1}');
SELECT try('hit', '{"target": 1, "power": "much"}');
SELECT try('hit', '{"target": 1, "tool": "spoon"}');
SELECT try('hit', '[]');
SELECT try('repair', jsonb_build_object('target', :south));
-- What fails has changed nothing.
SELECT try('hit_twice', jsonb_build_object('target', :south)) ~ '23514.*wall_hp_check' AS is_refused;
SELECT name, hp FROM regress_fort.wall WHERE world = :w ORDER BY name;
-- A policy that says no, or nothing.
SELECT game.alter_action('regress_fort.hit', policy => 'careful');
SELECT game.sync(:w) > 0 AS synced;
SELECT game.call(:w, 'hit', jsonb_build_object('target', :north)) ->> 'hp' AS hp;
SELECT try('hit', jsonb_build_object('target', :north, 'power', 50));
-- A new body, a new default, a new parameter, at once.
CREATE OR REPLACE FUNCTION regress_fort.repair(target bigint) RETURNS void LANGUAGE sql BEGIN ATOMIC UPDATE regress_fort.wall SET hp = 100 WHERE entity = target; END;
SELECT game.call(:w, 'repair', jsonb_build_object('target', :north)) AS void;
DROP FUNCTION regress_fort.repair;
SELECT try('repair', jsonb_build_object('target', :north));
CREATE FUNCTION regress_fort.repair(target bigint, by int DEFAULT 7) RETURNS int LANGUAGE sql BEGIN ATOMIC UPDATE regress_fort.wall SET hp = by WHERE entity = target RETURNING hp; END;
SELECT try('repair', jsonb_build_object('target', :north));
SELECT game.create_action('regress_fort.repair');
SELECT game.call(:w, 'repair', jsonb_build_object('target', :north)) AS hp;

-- Who may: EXECUTE decides.
CREATE ROLE regress_gamelan_mason IN ROLE gamelan_player;
CREATE ROLE regress_gamelan_thief IN ROLE gamelan_player;
REVOKE EXECUTE ON FUNCTION regress_fort.repair FROM PUBLIC;
GRANT EXECUTE ON FUNCTION regress_fort.repair TO regress_gamelan_mason;
SET ROLE regress_gamelan_thief;
SELECT try('repair', jsonb_build_object('target', :north));
SELECT outcome(format('SELECT game.enqueue(%s, ''repair'', ''{"target": 1}'')', :w));
RESET ROLE;
SET ROLE regress_gamelan_mason;
SELECT game.call(:w, 'repair', jsonb_build_object('target', :north, 'by', 9)) AS hp;
SELECT game.call(:w, 'hit', jsonb_build_object('target', :north, 'power', 1)) ->> 'by' AS by;
RESET ROLE;
-- Gateways call for players: a batch answers one by one.
SELECT ordinal, result ->> 'by' AS by, sqlstate, message, detail, hint IS NOT NULL AS has_hint FROM game.calls(:w, '{banned,bob,bob,bob,bob}', '{hit,hit,hit,fly,hit}',
    ARRAY[jsonb_build_object('target', :north), jsonb_build_object('target', :north, 'power', 2), '{}', '{}', '{"target": "x"}'], '{1,1,2,3,4}');
-- A client that sends an act again: what was applied is not applied again, also when the world left memory meanwhile; what was refused may be.
CREATE FUNCTION numbered(numbers bigint[], powers text[]) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT coalesce(c.sqlstate, (c.result - 'by' - 'with')::text) FROM game.calls((SELECT id FROM game.world WHERE name = 'fort'), array_fill('ann'::text, ARRAY[cardinality(numbers)]),
        array_fill('hit'::text, ARRAY[cardinality(numbers)]),
        ARRAY(SELECT jsonb_build_object('target', (SELECT min(entity) FROM regress_fort.wall WHERE name = 'south'), 'power', p) FROM unnest(powers) AS p), numbers) AS c
    ORDER BY c.ordinal $$;
SELECT numbered('{1,1,3,2,4,4,5}', '{1,1,1,1,55,1,1}');
SELECT game.pause_world(:w);
CALL wait_until('SELECT state = ''paused'' FROM game.world WHERE name = ''fort''');
SELECT game.evict_world(:w);
CALL wait_until('SELECT state = ''evicted'' FROM game.world WHERE name = ''fort''');
SELECT game.resume_world(:w);
CALL wait_until('SELECT state = ''running'' FROM game.world WHERE name = ''fort''');
SELECT numbered('{5,6}', '{1,1}');
DROP FUNCTION numbered;

-- How often, in the world's time: twenty ticks a second, one call each.
SELECT game.pause_world(:w);
CALL wait_until('SELECT state = ''paused'' FROM game.world WHERE name = ''fort''');
SELECT game.alter_action('regress_fort.hit', policy => '', cooldown => '100 ms');
CREATE PROCEDURE paced(calls int, INOUT refused text DEFAULT '') LANGUAGE plpgsql AS $$
DECLARE
    w bigint := (SELECT id FROM game.world WHERE name = 'fort');
    before bigint;
BEGIN
    FOR i IN 1 .. calls LOOP
        SELECT count(*) INTO before FROM game.conflict AS c WHERE c.world = w;
        PERFORM game.enqueue(w, 'hit', '{"target": 999}');
        COMMIT;
        PERFORM game.step_world(w);
        COMMIT;
        refused := refused || (SELECT count(*) - before FROM game.conflict AS c WHERE c.world = w);
    END LOOP;
END
$$;
CALL paced(7);
SELECT DISTINCT sqlstate, message FROM game.conflict WHERE world = :w;
SELECT game.alter_action('regress_fort.hit', cooldown => '0', max_per_second => 5);
SELECT game.step_world(:w, 40) > 0 AS stepped;
CALL paced(13);
SELECT DISTINCT sqlstate, message, detail FROM game.conflict WHERE world = :w ORDER BY message;
SELECT game.drop_world(:w), game.drop_world(:other);
SELECT game.drop_game('regress_fort');
DROP PROCEDURE paced;
DROP FUNCTION try;
DROP ROLE regress_gamelan_mason, regress_gamelan_thief;
