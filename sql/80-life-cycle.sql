-- Worlds run, pause, change their pace, and go without a trace.
SELECT game.create_world('life', 'hexfactory', seed => 21, config => '{"frequency": 4}') AS w \gset
CREATE FUNCTION life() RETURNS game.world LANGUAGE sql AS $$ SELECT * FROM game.world WHERE name = 'life' $$;
CALL wait_until('SELECT memory > 0 AND state = ''created'' FROM life()');
SELECT state, tick FROM life();
SELECT game.start_world(:w);
CALL wait_until('SELECT state = ''running'' AND tick > 2 FROM life()');

-- Started in a transaction that rolls back: not started.
SELECT game.pause_world(:w);
CALL wait_until('SELECT state = ''paused'' FROM life()');
BEGIN;
SELECT game.resume_world(:w);
ROLLBACK;
-- A paused world stands where it is, readable; its tick is durable; it can be stepped and queued for.
SELECT tick AS paused_at FROM life() \gset
SELECT state, tick = :paused_at AS stands FROM life();
CALL wait_until(format('SELECT tick = %s FROM game.world_head WHERE world = %s', :paused_at, :w));
SELECT count(*) FROM game.cells(:w);
SELECT game.step_world(:w, 5) = :paused_at + 5 AS stepped;
SELECT state FROM life();
SELECT regexp_replace(outcome(format('SELECT game.call(%s, ''join'', ''{"name": "Ada"}'')', :w)), 'world \d+', 'world N');
SELECT game.enqueue(:w, 'join', '{"name": "Ada"}') > 0 AS queued;
SELECT game.resume_world(:w);
CALL wait_until('SELECT state = ''running'' FROM life()');
SELECT game.sync(:w) > :paused_at + 5 AS applied;
SELECT name FROM game.players(:w);
-- A running world can be stepped too; the ticks are extra.
SELECT game.step_world(:w, 100) >= :paused_at + 100 AS stepped;
-- Starting what runs and pausing what is paused changes nothing.
SELECT game.start_world(:w), game.resume_world(:w);
SELECT state, commands_applied FROM life();

-- The pace.
SELECT game.set_tick_rate(:w, 240);
CALL wait_until('SELECT tick_rate = 240 AND measured_rate > 0 FROM life()');
SELECT outcome(format('SELECT game.set_tick_rate(%s, 0)', :w));
SELECT outcome(format('SELECT game.set_tick_rate(%s, 241)', :w));
SELECT outcome(format('SELECT game.set_tick_rate(%s, NULL)', :w));
SELECT tick_rate FROM life();
SELECT game.set_tick_rate(:w, 1);
SELECT tick_rate, measured_rate >= 0 AS has_rate, skipped_ticks >= 0 AS has_skipped, late_ticks >= 0 AS has_late FROM life();

-- Dropped with all that was kept of it; a world beside it keeps everything.
SELECT game.create_world('neighbour', 'hexfactory', seed => 22, config => '{"frequency": 4}') AS n \gset
SELECT game.enqueue(:n, 'join', '{"name": "Bob"}') > 0 AS queued;
SELECT game.step_world(:n, 3), game.checkpoint(:n);
SELECT game.enqueue(:n, 'join', '{"name": "still queued"}') > 0 AS queued;
SELECT game.pause_world(:w);
CALL wait_until('SELECT state = ''paused'' FROM life()');
SELECT game.checkpoint(:w) > 0 AS saved;
SELECT game.enqueue(:w, 'claim', '{"cell": 0}') > 0 AS queued;
SELECT game.step_world(:w) > 0 AS stepped;
SELECT game.enqueue(:w, 'join', '{"name": "never applied"}') > 0 AS queued;
CREATE VIEW kept AS
    SELECT world, 'event' AS what FROM game.event UNION ALL SELECT world, 'log' FROM game.tick_log UNION ALL
    SELECT world, 'conflict' FROM game.conflict UNION ALL SELECT world, 'inbox' FROM game.inbox UNION ALL
    SELECT world, 'head' FROM game.world_head UNION ALL SELECT world, 'checkpoint' FROM game.checkpoint UNION ALL
    SELECT DISTINCT world, 'chunks' FROM game.checkpoint_chunk UNION ALL SELECT id, 'definition' FROM game.world_definition UNION ALL
    SELECT id, 'memory' FROM game._world_runtime() UNION ALL SELECT id, 'dropped' FROM game.dropped_world;
SELECT what, count(*) FROM kept WHERE world = :w GROUP BY what ORDER BY what;
SELECT what, count(*) AS before FROM kept WHERE world = :n GROUP BY what ORDER BY what;
BEGIN;
SELECT game.drop_world(:w);
ROLLBACK;
SELECT state FROM life();
SELECT game.drop_world(:w);
SELECT count(*) FROM life() WHERE id IS NOT NULL;
CALL wait_until(format('SELECT count(*) = 0 FROM kept WHERE world = %s', :w));
SELECT what, count(*) AS after FROM kept WHERE world = :n GROUP BY what ORDER BY what;
-- Its name is free again, its id is not used again.
SELECT game.create_world('life', 'hexfactory', config => '{"frequency": 1}') > :n AS new_id;
CALL wait_until('SELECT memory > 0 AND state = ''created'' FROM life()');
SELECT state, tick FROM life();

-- Created and dropped in one transaction: nothing remains.
BEGIN;
SELECT game.create_world('brief', 'hexfactory', config => '{"frequency": 1}') AS brief \gset
SELECT game.drop_world(:brief);
COMMIT;
CALL wait_until(format('SELECT count(*) = 0 FROM kept WHERE world = %s', :brief));

SELECT game.drop_world(id) FROM game.world ORDER BY id;
CALL wait_until('SELECT count(*) = 0 FROM kept');
DROP VIEW kept;
DROP FUNCTION life;
