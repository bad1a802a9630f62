-- Checkpoints: what is written, when, and how many are kept.
SELECT game.create_world('saved', 'hexfactory', seed => 11, config => '{"frequency": 8}') AS w \gset
SELECT game.step_world(:w, 7);
SELECT game.enqueue(:w, 'join', '{"name": "Ada"}') > 0 AS queued;
SELECT game.step_world(:w, 3);
SELECT game.checkpoint(:w);
SELECT kind, tick, format_version, codec, definition - 'seed' AS definition, spaces, log_tick, chunks > 0 AS has_chunks,
       raw_bytes > stored_bytes AS is_compressed, duration_ms >= 0 AS has_duration
FROM game.checkpoint WHERE world = :w;
-- The manifest's hash is the state's; its place in the log is the newest row's.
SELECT c.state_hash::bit(64) = ('x' || h.hash)::bit(64) AS same_hash, c.row_hash = l.row_hash AS same_place
FROM game.checkpoint AS c JOIN game.tick_log AS l ON l.world = c.world AND l.tick = c.log_tick, game.state_hash(:w) AS h
WHERE c.world = :w;
SELECT count(*) = c.chunks AS all_there, sum(k.raw_bytes) = c.raw_bytes AS raw_bytes, sum(length(k.data)) = c.stored_bytes AS stored_bytes,
       min(k.ordinal) = 0 AND max(k.ordinal) = c.chunks - 1 AS numbered
FROM game.checkpoint AS c JOIN game.checkpoint_chunk AS k USING (world, tick) WHERE c.world = :w GROUP BY c.world, c.tick;
SELECT column_name, sum(slots) AS slots FROM game.checkpoint_chunk WHERE world = :w GROUP BY column_name ORDER BY column_name COLLATE "C";
SELECT last_checkpoint FROM game.world WHERE id = :w;

-- A second one at the same tick is the first; one that is rolled back never was.
SELECT game.checkpoint(:w);
SELECT game.step_world(:w);
BEGIN;
SELECT game.checkpoint(:w);
ROLLBACK;
SELECT array_agg(tick) AS ticks FROM game.checkpoint WHERE world = :w;
SELECT last_checkpoint FROM game.world WHERE id = :w;

-- gamelan.checkpoint_generations of them are kept, and the chunks of no other.
SELECT game.checkpoint(:w);
SELECT game.step_world(:w), game.checkpoint(:w);
SELECT game.step_world(:w), game.checkpoint(:w);
SELECT game.step_world(:w), game.checkpoint(:w);
SHOW gamelan.checkpoint_generations;
SELECT array_agg(tick ORDER BY tick) AS ticks FROM game.checkpoint WHERE world = :w;
SELECT array_agg(DISTINCT tick ORDER BY tick) AS ticks FROM game.checkpoint_chunk WHERE world = :w;
SELECT last_checkpoint FROM game.world WHERE id = :w;

-- The log of a tick is seen by the checkpoint that follows it, which a snapshot from before would not allow.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT game.checkpoint(:w);
ROLLBACK;
BEGIN READ ONLY;
SELECT game.checkpoint(:w);
ROLLBACK;

-- Larger worlds have several chunks a column.
SELECT game.create_world('large', 'hexfactory', seed => 11, config => '{"frequency": 128, "layers": 8}') AS large \gset
SELECT game.step_world(:large, 2);
SELECT game.checkpoint(:large);
SELECT column_name, count(*) > 1 AS has_several, sum(slots) >= 8 * (10 * 128 * 128 + 2) AS is_whole
FROM game.checkpoint_chunk WHERE world = :large AND column_name LIKE 'cell.%' GROUP BY column_name ORDER BY column_name COLLATE "C";

SELECT game.drop_world(id) FROM game.world ORDER BY id;
CALL wait_until('SELECT count(*) = 0 FROM game.world');
