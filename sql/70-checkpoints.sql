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
SELECT base_tick IS NULL AND base_hash IS NULL AS has_no_base, chain_length, key_id FROM game.checkpoint WHERE world = :w;
SELECT last_checkpoint FROM game.world WHERE id = :w;

-- A second one at the same tick is the first; one that is rolled back never was.
SELECT game.checkpoint(:w);
SELECT game.step_world(:w);
BEGIN;
SELECT game.checkpoint(:w);
ROLLBACK;
SELECT array_agg(tick) AS ticks FROM game.checkpoint WHERE world = :w;
SELECT last_checkpoint FROM game.world WHERE id = :w;

-- Increments: what changed since the one before. Each names it.
SELECT game.checkpoint(:w, 'incremental');
SELECT game.step_world(:w), game.checkpoint(:w, kind => 'incremental');
SELECT c.tick, c.kind, c.base_tick, c.base_hash = b.manifest_hash AS names_base, c.chain_length, c.raw_bytes <= f.raw_bytes AS is_smaller
FROM game.checkpoint AS c LEFT JOIN game.checkpoint AS b ON b.world = c.world AND b.tick = c.base_tick, game.checkpoint AS f
WHERE c.world = :w AND f.world = :w AND f.tick = 10 ORDER BY c.tick;
SELECT game.step_world(:w), game.checkpoint(:w, 'full');
SELECT game.checkpoint(:w, 'partial');
SELECT what, tick, ok FROM game.verify(:w);
SELECT what, tick, ok FROM game.verify(:w, from_beginning => true) WHERE what = 'replay';
SELECT * FROM game.verify(-1);

-- As many full ones are kept as the policy says, with their increments, once the newer ones have been verified.
SELECT game.set_checkpoints(:w, strategy => 'full', every => '0', generations => 2);
SELECT strategy, every, every_ticks, full_every, generations, keep FROM game.checkpoint_policy WHERE world = :w;
SELECT game.step_world(:w), game.checkpoint(:w);
SELECT game.step_world(:w), game.checkpoint(:w);
CALL wait_until(format('SELECT min(tick) = 14 AND bool_and(verified_at IS NOT NULL) FROM game.checkpoint WHERE world = %s', :w));
SELECT tick, kind, verified_at IS NOT NULL AS is_verified FROM game.checkpoint WHERE world = :w ORDER BY tick;
SELECT array_agg(DISTINCT tick ORDER BY tick) AS ticks FROM game.checkpoint_chunk WHERE world = :w;
SELECT game.log_needed_after(:w);
SELECT last_checkpoint FROM game.world WHERE id = :w;
-- Younger ones than asked for stay in any case.
SELECT game.set_checkpoints(:w, strategy => 'full', every => '0', generations => 2, keep => '1 hour');
SELECT game.step_world(:w), game.checkpoint(:w);
CALL wait_until(format('SELECT count(*) = 3 AND bool_and(verified_at IS NOT NULL) FROM game.checkpoint WHERE world = %s', :w));

-- By ticks, and every third one full.
SELECT game.set_checkpoints(:w, strategy => 'hybrid', every => '0', every_ticks => 2, full_every => 3, generations => 2);
SELECT game.step_world(:w, 2);
CALL wait_until(format('SELECT count(*) = 1 FROM game.checkpoint WHERE world = %s AND tick = 18', :w));
SELECT game.step_world(:w);
SELECT game.step_world(:w);
CALL wait_until(format('SELECT count(*) = 1 FROM game.checkpoint WHERE world = %s AND tick = 20', :w));
SELECT game.step_world(:w, 2);
CALL wait_until(format('SELECT count(*) = 1 FROM game.checkpoint WHERE world = %s AND tick = 22', :w));
SELECT tick, kind, base_tick, chain_length FROM game.checkpoint WHERE world = :w AND tick > 16 ORDER BY tick;
SELECT game.set_checkpoints(:w, every => '0', every_log_bytes => 0);
SELECT game.set_checkpoints(:w, strategy => 'none');
SELECT game.set_checkpoints(:w, every => '-1s');
SELECT game.set_checkpoints(:w, full_every => 0);
SELECT game.set_checkpoints(:w, generations => 1);
SELECT game.set_checkpoints(-1);

SELECT state, chain, damage, ended_at IS NOT NULL AS has_ended FROM game.recovery WHERE world = :w;

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
CALL wait_until('SELECT count(*) = 0 FROM game.checkpoint_policy');
