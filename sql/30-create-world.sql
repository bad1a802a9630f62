-- What makes a world, and what a world cannot be.
SELECT outcome($$SELECT game.create_world('w', 'chess')$$);
SELECT outcome($$SELECT game.create_world('w', 'hexfactory', config => '{"frequency": 3}')$$);
SELECT outcome($$SELECT game.create_world('w', 'hexfactory', config => '{"frequency": 0}')$$);
SELECT outcome($$SELECT game.create_world('w', 'hexfactory', config => '{"frequency": 2048}')$$);
SELECT outcome($$SELECT game.create_world('w', 'hexfactory', config => '{"frequency": "8"}')$$);
SELECT outcome($$SELECT game.create_world('w', 'hexfactory', config => '{"frequency": 8.5}')$$);
SELECT outcome($$SELECT game.create_world('w', 'hexfactory', config => '{"frequency": null}')$$);
SELECT outcome($$SELECT game.create_world('w', 'hexfactory', config => '{"frequency": [8]}')$$);
SELECT outcome($$SELECT game.create_world('w', 'hexfactory', config => '{"layers": 9}')$$);
SELECT outcome($$SELECT game.create_world('w', 'hexfactory', config => '{"max_players": 0}')$$);
SELECT outcome($$SELECT game.create_world('w', 'hexfactory', config => '{"layer_stride": 7}')$$);
SELECT outcome($$SELECT game.create_world('w', 'hexfactory', config => '{"gravity": 1}')$$);
SELECT outcome($$SELECT game.create_world('w', 'hexfactory', config => '[]')$$);
SELECT outcome($$SELECT game.create_world('w', 'hexfactory', config => '8')$$);
SELECT outcome($$SELECT game.create_world('w', 'hexfactory', config => NULL)$$) <> 'done' AS is_refused;
SELECT outcome($$SELECT game.create_world('w', NULL)$$) <> 'done' AS is_refused;
SELECT outcome($$SELECT game.create_world(NULL, 'hexfactory')$$);
SELECT outcome($$SELECT game.create_world('', 'hexfactory')$$);
SELECT outcome($$SELECT game.create_world(E' \t', 'hexfactory')$$);
SELECT outcome(format($$SELECT game.create_world(%L, 'hexfactory')$$, repeat('x', 64)));
SELECT outcome($$SELECT game.create_world('w', 'hexfactory', tick_rate => 0)$$);
SELECT outcome($$SELECT game.create_world('w', 'hexfactory', tick_rate => 241)$$);
SELECT outcome($$SELECT game.create_world('w', 'hexfactory', tick_rate => NULL)$$);
-- None of these left anything behind.
SELECT count(*) FROM game.world;

-- The defaults are written into the configuration, so that they may change later without changing this world.
SELECT game.create_world('a world', 'hexfactory') AS world \gset
SELECT name, game, tick_rate, config, seed BETWEEN 0 AND 9007199254740991 AS has_seed FROM game.world WHERE id = :world;
CALL wait_until('SELECT state = ''created'' AND tick = 0 AND memory > 0 FROM game.world WHERE name = ''a world''');
SELECT state, tick, measured_rate, late_ticks, skipped_ticks, last_checkpoint, commands_applied, waiting_requests, reason
FROM game.world WHERE id = :world;
SELECT outcome($$SELECT game.create_world('a world', 'hexfactory')$$);
-- A full name of multibyte characters.
SELECT game.create_world(repeat('é', 31), 'hexfactory', config => '{"frequency": 1}') AS wide \gset
SELECT octet_length(name), char_length(name) FROM game.world WHERE id = :wide;

-- A world is there for others, and for its maker's own calls, once its transaction has committed.
BEGIN;
SELECT game.create_world('uncommitted', 'hexfactory', config => '{"frequency": 1}') AS early \gset
SELECT name, state FROM game.world WHERE name = 'uncommitted';
SELECT outcome(format('SELECT game.step_world(%s)', :early)) ~ '^WG001: world \d+ does not exist' AS is_unknown;
ROLLBACK;
SELECT count(*) FROM game.world WHERE name = 'uncommitted';

-- Worlds that are not there: one error, with what to do, from every function.
SELECT command, outcome('SELECT game.' || command) FROM unnest(ARRAY['start_world(999)', 'pause_world(999)',
    'resume_world(999)', 'set_tick_rate(999, 20)', 'drop_world(999)']) AS command;
SELECT command, split_part(outcome('SELECT game.' || command), E'\n', 1) AS outcome
FROM unnest(ARRAY['step_world(999)', 'state_hash(999)', 'tick_lateness(999, 0.5)', 'cells(999)', 'cells_in_chunk(999, 1)',
    'cells_in_disc(999, 1, 1)', 'chunk_of(999, 1)', 'players(999)', 'call(999, ''join'')', 'enqueue(999, ''join'')', 'sync(999)',
    'checkpoint(999)', 'changes(999, -1, 0)', 'describe(999)', 'calls(999, ''{}'', ''{}'', ''{}'', ''{}'')']) AS command;
SELECT outcome('SELECT game.step_world(999)');

SELECT game.drop_world(:world);
SELECT game.drop_world(:wide);
CALL wait_until('SELECT count(*) = 0 FROM game.world');
