-- The past becomes the present: a whole world, entities, a component, a chunk of cells; as commands of the log.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.outcome(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ': ' || regexp_replace(regexp_replace(sqlerrm, 'world \d+', 'world W'), 'entity \d+', 'entity E');
END
$$;
SELECT game.create_game('regress_undo');
CREATE FOREIGN TABLE regress_undo.body (x int NOT NULL DEFAULT 0, name text) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE regress_undo.owned (player text NOT NULL) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE regress_undo.field (grass int NOT NULL DEFAULT 0) INHERITS (game.cell) SERVER gamelan;
SELECT game.create_world('undo', 'regress_undo', seed => 1, config => '{"n": 4}') AS w \gset
SELECT game.step_world(:w, 2);
-- Tick 3: two entities of Ada, one of Bob, grass.
BEGIN;
SELECT game.spawn(:w) AS a \gset
SELECT game.spawn(:w) AS b \gset
SELECT game.spawn(:w) AS c \gset
INSERT INTO regress_undo.body (world, entity, x, name) VALUES (:w, :a, 1, 'a'), (:w, :b, 2, NULL), (:w, :c, 3, 'c');
INSERT INTO regress_undo.owned (world, entity, player) VALUES (:w, :a, 'ada'), (:w, :b, 'ada'), (:w, :c, 'bob');
UPDATE regress_undo.field SET grass = 7 WHERE world = :w;
COMMIT;
SELECT game.step_world(:w);
-- What everything looks like now, to compare with.
CREATE TEMPORARY TABLE seen AS
SELECT 3 AS tick, 'body' AS part, entity AS handle, to_jsonb(t) - 'world' AS r FROM regress_undo.body AS t WHERE world = :w
UNION ALL SELECT 3, 'owned', entity, to_jsonb(t) - 'world' FROM regress_undo.owned AS t WHERE world = :w
UNION ALL SELECT 3, 'field', cell, to_jsonb(t) - 'world' FROM regress_undo.field AS t WHERE world = :w
UNION ALL SELECT 3, 'entity', entity, to_jsonb(t) - 'world' FROM game.entity AS t WHERE world = :w;
CREATE FUNCTION pg_temp.differences(world bigint) RETURNS TABLE (part text, seen bigint, now bigint) LANGUAGE sql AS $$
    WITH now AS (
        SELECT 'body' AS part, entity AS handle, to_jsonb(t) - 'world' AS r FROM regress_undo.body AS t WHERE t.world = $1
        UNION ALL SELECT 'owned', entity, to_jsonb(t) - 'world' FROM regress_undo.owned AS t WHERE t.world = $1
        UNION ALL SELECT 'field', cell, to_jsonb(t) - 'world' FROM regress_undo.field AS t WHERE t.world = $1
        UNION ALL SELECT 'entity', entity, to_jsonb(t) - 'world' FROM game.entity AS t WHERE t.world = $1)
    SELECT coalesce(s.part, n.part), count(s.handle), count(n.handle)
    FROM pg_temp.seen AS s FULL JOIN now AS n ON n.part = s.part AND n.handle = s.handle
    WHERE s.r IS DISTINCT FROM n.r GROUP BY 1 ORDER BY 1
$$;
SELECT * FROM pg_temp.differences(:w);
-- Tick 4: Bob's goes, another comes in its place; values change, a row goes, one comes, a chunk is mown.
SELECT game.despawn(:w, :c);
SELECT game.step_world(:w);
BEGIN;
SELECT game.spawn(:w) AS d \gset
SELECT game.spawn(:w) AS e \gset
INSERT INTO regress_undo.body (world, entity, x) VALUES (:w, :d, 40), (:w, :e, 50);
UPDATE regress_undo.body SET x = 100, name = 'changed' WHERE world = :w AND entity = :a;
DELETE FROM regress_undo.owned WHERE world = :w AND entity = :b;
UPDATE regress_undo.field SET grass = 0 WHERE world = :w AND cell % 4294967296 % 3 = 0;
COMMIT;
SELECT game.step_world(:w);
SELECT :d % 4294967296 = :c % 4294967296 AS is_same_slot, :d <> :c AS is_another_handle;
SELECT * FROM pg_temp.differences(:w);

-- The whole world. A transaction that is rolled back has done nothing.
BEGIN;
SELECT game.rewind(:w, 3) > 0 AS has_rows;
ROLLBACK;
SELECT game.step_world(:w);
SELECT * FROM pg_temp.differences(:w);
SELECT game.rewind(:w, 3) > 0 AS has_rows;
SELECT game.step_world(:w);
SELECT game.sync(:w);
SELECT * FROM pg_temp.differences(:w);
-- The slots are taken again: who spawns now gets others.
SELECT game.spawn(:w) AS f \gset
SELECT game.step_world(:w);
SELECT :f % 4294967296 NOT IN (:a % 4294967296, :b % 4294967296, :c % 4294967296) AS is_elsewhere;
SELECT count(*) FROM game.entity WHERE world = :w;
-- Undone: what the world was before it was rewound.
SELECT game.rewind(:w, 6) > 0 AS has_rows;
SELECT game.step_world(:w);
SELECT * FROM pg_temp.differences(:w);
SELECT entity = :d AS is_d, x FROM regress_undo.body WHERE world = :w AND entity IN (:d, :e) ORDER BY x;

-- Parts. An entity whose place another has is not brought back; one that is there gets its rows.
SELECT pg_temp.outcome(format('SELECT game.restore_entity(%s, %s, 3)', :w, :c));
SELECT game.restore_entity(:w, :a, 3, ARRAY['regress_undo.body'::regclass]);
SELECT game.step_world(:w);
SELECT x, name FROM regress_undo.body WHERE world = :w AND entity = :a;
SELECT game.despawn(:w, :d);
SELECT game.step_world(:w);
SELECT game.restore_entity(:w, :c, 3);
SELECT game.step_world(:w);
SELECT x, name, player FROM regress_undo.body JOIN regress_undo.owned USING (world, entity) WHERE world = :w AND entity = :c;
-- All of one player.
UPDATE regress_undo.body SET x = 0 WHERE world = :w;
SELECT game.step_world(:w);
SELECT game.restore_entities(:w, 3, $$SELECT entity FROM regress_undo.owned WHERE player = 'ada'$$);
SELECT game.step_world(:w);
SELECT x, name FROM regress_undo.body WHERE world = :w ORDER BY entity % 4294967296;
SELECT game.restore_entities(:w, 3, 'SELECT entity FROM regress_undo.owned WHERE false');
-- A component: rows that came since go, entities that are gone stay away.
SELECT game.despawn(:w, :a);
SELECT game.step_world(:w);
SELECT game.restore_component(:w, 'regress_undo.body', 3);
SELECT game.step_world(:w);
SELECT x, name FROM regress_undo.body WHERE world = :w ORDER BY entity % 4294967296;
-- A chunk of cells.
SELECT count(*) AS mown FROM regress_undo.field WHERE world = :w AND grass = 0 \gset
SELECT cell AS one FROM regress_undo.field WHERE world = :w AND grass = 0 ORDER BY cell LIMIT 1 \gset
SELECT game.restore_chunk(:w, game.chunk_of(:w, :one), 3) AS regrown \gset
SELECT game.step_world(:w);
SELECT :regrown > 0 AS has_regrown, count(*) = :mown - :regrown AS is_that_chunk_only FROM regress_undo.field WHERE world = :w AND grass = 0;

-- Definitions changed since: what came keeps its values, or has its default where a row comes back.
ALTER FOREIGN TABLE regress_undo.body ADD COLUMN hp int NOT NULL DEFAULT 9;
ALTER FOREIGN TABLE regress_undo.body RENAME COLUMN name TO title;
SELECT game.step_world(:w);
UPDATE regress_undo.body SET hp = 1 WHERE world = :w;
SELECT game.step_world(:w);
SELECT game.rewind(:w, 3) > 0 AS has_rows;
SELECT game.step_world(:w);
SELECT game.sync(:w);
SELECT x, title, hp FROM regress_undo.body WHERE world = :w ORDER BY entity % 4294967296;

-- Refused.
SELECT game.rewind(:w, 3) > 0 AS has_rows;
SELECT game.step_world(:w, 2);
SELECT game.spawn(:w) IS NOT NULL AS comes_first;
SELECT game.rewind(:w, 3) > 0 AS has_rows;
SELECT game.step_world(:w);
SELECT pg_temp.outcome(format('SELECT game.sync(%s)', :w));
SELECT pg_temp.outcome(format('SELECT game.rewind(%s, 3000)', :w));
SELECT pg_temp.outcome(format('SELECT game.rewind(%s, -1)', :w));
SELECT pg_temp.outcome(format('SELECT game.rewind(%s, NULL)', :w));
SELECT pg_temp.outcome('SELECT game.rewind(-1, 3)');
SELECT pg_temp.outcome(format('SELECT game.restore_entity(%s, 12345, 3)', :w));
SELECT pg_temp.outcome(format('SELECT game.restore_entity(%s, %s, 3, ARRAY[''regress_undo.field''::regclass])', :w, :a));
SELECT pg_temp.outcome(format('SELECT game.restore_component(%s, ''pg_class'', 3)', :w));
SELECT pg_temp.outcome(format('SELECT game.restore_entities(%s, 3, ''SELECT NULL::bigint'')', :w));
SET gamelan.as_of_tick = 3;
SELECT pg_temp.outcome(format('SELECT game.rewind(%s, 3)', :w));
RESET gamelan.as_of_tick;
SELECT game.start_world(:w);
SELECT pg_temp.outcome(format('SELECT game.rewind(%s, 3)', :w));
SELECT game.pause_world(:w);
SELECT what, message FROM game.verify(:w, true) WHERE NOT ok;

-- A game built into the server: cells go back, who plays stays.
SELECT game.create_world('undo-hex', 'hexfactory', seed => 3, config => '{"frequency": 4}') AS h \gset
SELECT game.step_world(:h, 5);
SELECT cell AS claimed FROM game.cells(:h) ORDER BY cell LIMIT 1 \gset
SELECT game.enqueue(:h, 'join', '{"name": "ada"}') IS NOT NULL AS is_queued;
SELECT game.enqueue(:h, 'claim', jsonb_build_object('cell', :claimed)) IS NOT NULL AS is_queued;
SELECT game.step_world(:h, 5);
SELECT name, claims FROM game.players(:h);
SELECT count(*) FROM game.cells(:h) WHERE owner <> 0;
SELECT game.rewind(:h, 5) > 0 AS has_rows;
SELECT game.step_world(:h);
SELECT game.sync(:h);
SELECT name, claims FROM game.players(:h);
SELECT count(*) FROM game.cells(:h) WHERE owner <> 0;
SELECT game.restore_chunk(:h, game.chunk_of(:h, :claimed), 9) > 0 AS has_rows;
SELECT game.step_world(:h);
SELECT count(*) FROM game.cells(:h) WHERE owner <> 0;
SELECT game.drop_world(w) FROM unnest(ARRAY[:w, :h]::bigint[]) AS w;
SELECT game.drop_game('regress_undo');
