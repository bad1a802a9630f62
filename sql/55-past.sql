-- The past of a world through the same tables: as of a tick, differences, the history of a row, a replay.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- What a statement raises; ids of worlds differ from run to run.
CREATE FUNCTION pg_temp.outcome(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ': ' || regexp_replace(sqlerrm, 'world \d+', 'world W');
END
$$;
SELECT game.create_game('regress_diary');
CREATE FOREIGN TABLE regress_diary.body (x int NOT NULL DEFAULT 0, name text) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE regress_diary.field (grass int NOT NULL DEFAULT 0) INHERITS (game.cell) SERVER gamelan;
CREATE PROCEDURE regress_diary.walk() LANGUAGE sql BEGIN ATOMIC
    UPDATE regress_diary.body SET x = x + 1 WHERE name <> 'rock';
END;
SELECT game.create_system('regress_diary.walk');
SELECT game.create_world('past', 'regress_diary', seed => 1, config => '{"n": 4}') AS w \gset
SELECT game.step_world(:w, 4);
-- In the world's tick 5 a walker and a rock are made, in 10 the walker gets a name, in 12 the rock goes.
BEGIN;
SELECT game.spawn(:w) AS walker \gset
SELECT game.spawn(:w) AS rock \gset
INSERT INTO regress_diary.body (world, entity, name) VALUES (:w, :walker, 'ada'), (:w, :rock, 'rock');
COMMIT;
SELECT game.step_world(:w, 5);
UPDATE regress_diary.body SET name = 'bob' WHERE world = :w AND entity = :walker;
SELECT game.step_world(:w, 2);
SELECT game.despawn(:w, :rock);
SELECT game.step_world(:w, 3);

SELECT x, name FROM regress_diary.body WHERE world = :w ORDER BY entity;
SET gamelan.as_of_tick = 14;
SELECT x, name FROM regress_diary.body WHERE world = :w ORDER BY entity;
SET gamelan.as_of_tick = 11;
SELECT x, name FROM regress_diary.body WHERE world = :w ORDER BY entity;
SELECT count(*), sum(x) FROM regress_diary.body WHERE world = :w;
SELECT name FROM regress_diary.body WHERE world = :w AND entity = :rock;
SELECT count(*) FROM game.entity WHERE world = :w;
SELECT tick FROM game.state_hash(:w);
SET gamelan.as_of_tick = 9;
SELECT x, name FROM regress_diary.body WHERE world = :w ORDER BY entity;
SET gamelan.as_of_tick = 4;
SELECT x, name FROM regress_diary.body WHERE world = :w ORDER BY entity;
SET gamelan.as_of_tick = 0;
SELECT count(*) FROM regress_diary.body WHERE world = :w;
SELECT count(*), sum(grass) FROM regress_diary.field WHERE world = :w;

-- Cursors keep the tick they began with, transactions in REPEATABLE READ see each tick that is asked for.
BEGIN;
SET gamelan.as_of_tick = 11;
DECLARE c CURSOR FOR SELECT x, name FROM regress_diary.body WHERE world = :w ORDER BY entity;
FETCH 1 FROM c;
SET gamelan.as_of_tick = 14;
FETCH 1 FROM c;
SELECT count(*) FROM regress_diary.body WHERE world = :w;
COMMIT;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SET LOCAL gamelan.as_of_tick = 11;
SELECT count(*) FROM regress_diary.body WHERE world = :w;
SET LOCAL gamelan.as_of_tick = 14;
SELECT count(*) FROM regress_diary.body WHERE world = :w;
RESET gamelan.as_of_tick;
SELECT count(*) FROM regress_diary.body WHERE world = :w;
COMMIT;

-- The past is read only, and ends at the present.
SET gamelan.as_of_tick = 11;
UPDATE regress_diary.body SET x = 0 WHERE world = :w;
INSERT INTO regress_diary.body (world, entity) VALUES (:w, :walker);
DELETE FROM regress_diary.body WHERE world = :w;
SELECT game.spawn(:w);
SELECT game.put(:w, :walker, 'regress_diary.body', '{"x": 1}');
SET gamelan.as_of_tick = 15;
SELECT pg_temp.outcome(format('SELECT FROM regress_diary.body WHERE world = %s', :w));
SET gamelan.as_of_tick = -1;
SET gamelan.as_of_tick = 'yesterday';
SET gamelan.as_of_tick = 99999999999999999999;
RESET gamelan.as_of_tick;
SET gamelan.as_of_time = 'never';
SET gamelan.as_of_time = 'infinity';
SET gamelan.as_of_time = '2000-01-01';
SELECT pg_temp.outcome(format('SELECT FROM regress_diary.body WHERE world = %s', :w));
RESET gamelan.as_of_time;
SELECT count(*) FROM regress_diary.body WHERE world = :w;

-- By time: the rows of the log tell when.
SELECT created_at AS made FROM game.tick_log WHERE world = :w AND tick = 10 \gset
SELECT set_config('gamelan.as_of_time', :'made', false) = '' AS unset;
SELECT x, name FROM regress_diary.body WHERE world = :w ORDER BY entity;
RESET gamelan.as_of_time;

SELECT game.row_at(:w, :walker, 'regress_diary.body', 9), game.row_at(:w, :walker, 'regress_diary.body', 4);
SELECT component, entity = :walker AS is_walker, change, before, after FROM game.diff(:w, 9, 14);
SELECT component, change, before, after FROM game.diff(:w, 4, 5, '{regress_diary.body}');
SELECT * FROM game.diff(:w, 13, 13);
SELECT tick, change, "row" FROM game.history(:w, :walker, 'regress_diary.body', 8, 12);
SELECT tick, change, "row" FROM game.history(:w, :rock, 'regress_diary.body');
SELECT tick, hash <> '' AS has_hash, events, is_stopped FROM game.replay(:w, 4, 14, step => 3);
SELECT tick, is_stopped FROM game.replay(:w, 0, 14, until => format('(SELECT x >= 3 FROM regress_diary.body WHERE world = %s AND name = ''ada'')', :w));
SELECT tick, is_stopped FROM game.replay(:w, 10, 14, until => '1/0 = 1');
SHOW gamelan.as_of_tick;
SELECT * FROM game.replay(:w, 1, 2, step => 0);
SELECT * FROM game.replay(:w, 1, 2, speed => 0);
SELECT pg_temp.outcome(format('SELECT game.diff(%s, 1, 99)', :w)), pg_temp.outcome('SELECT game.diff(0, 1, 2)');
SELECT * FROM game.history(:w, 1, 'game.world_head');
SELECT pg_temp.outcome(format('SELECT game.row_at(%s, 1, ''regress_diary.body'', 99)', :w));

-- A fork goes on from a past tick, alone.
SELECT game.fork_world(:w, 11, 'fork') AS f \gset
SELECT tick, (SELECT f.hash = (SELECT r.hash FROM game.replay(:w, 11, 11) AS r)) AS is_same FROM game.state_hash(:f) AS f;
SELECT name, durability, seed, config - 'cell_world' FROM game.world WHERE id = :f;
SELECT x, name FROM regress_diary.body WHERE world = :f ORDER BY entity;
SELECT game.step_world(:f, 3);
SELECT x, name FROM regress_diary.body WHERE world = :f ORDER BY entity;
SELECT (SELECT bool_and(a.cell = b.cell) FROM regress_diary.field AS a JOIN regress_diary.field AS b USING (cell) WHERE a.world = :w AND b.world = :f) AS same_cells;
UPDATE regress_diary.field SET grass = 5 WHERE world = :f AND cell = (SELECT min(cell) FROM regress_diary.field WHERE world = :w);
SELECT game.step_world(:f);
SELECT sum(grass) FROM regress_diary.field WHERE world = :f;
SELECT count(*) FROM game.diff(:f, 11, 14);
SET gamelan.as_of_tick = 10;
SELECT pg_temp.outcome(format('SELECT FROM regress_diary.body WHERE world = %s', :f));
RESET gamelan.as_of_tick;
SELECT game.fork_world(:f, 12, 'fork of a fork') AS ff \gset
SELECT x, name FROM regress_diary.body WHERE world = :ff ORDER BY entity;
SELECT pg_temp.outcome(format('SELECT game.fork_world(%s, 99, ''late'')', :w)), pg_temp.outcome(format('SELECT game.fork_world(%s, 1, ''fork'')', :w)),
    pg_temp.outcome('SELECT game.fork_world(0, 1, ''none'')'), pg_temp.outcome(format('SELECT game.fork_world(%s, -1, ''early'')', :w));
SELECT bool_and(ok) FROM game.verify(:f);
SELECT game.drop_world(:ff), game.drop_world(:f);
SELECT game.drop_world(:w);
SELECT game.drop_game('regress_diary');
