-- A world's state is a pure function of its definition and its commands.
SELECT game.create_world('golden', 'hexfactory', seed => 42, config => '{"frequency": 8}') AS golden,
       game.create_world('twin', 'hexfactory', seed => 42, tick_rate => 1, config => '{"frequency": 8}') AS twin,
       game.create_world('other', 'hexfactory', seed => 43, config => '{"frequency": 8}') AS other,
       game.create_world('layered', 'hexfactory', seed => 42, config => '{"frequency": 4, "layers": 3}') AS layered \gset
-- All start at tick 0, generated from their seeds.
SELECT tick, hash FROM game.state_hash(:golden);
SELECT (game.state_hash(:golden)).hash = (game.state_hash(:twin)).hash AS same_seed_same_state,
       (game.state_hash(:golden)).hash <> (game.state_hash(:other)).hash AS other_seed_other_state;

SELECT game.step_world(:golden, 100);
-- The same ticks in other portions.
SELECT game.step_world(:twin, 0);
SELECT game.step_world(:twin);
SELECT game.step_world(:twin, 98);
SELECT (game.state_hash(:golden)).hash <> (game.state_hash(:twin)).hash AS one_tick_apart;
SELECT game.step_world(:twin, 1);
SELECT (game.state_hash(:golden)).hash = (game.state_hash(:twin)).hash AS same_again;
SELECT game.step_world(:other, 100);
SELECT (game.state_hash(:golden)).hash <> (game.state_hash(:other)).hash AS still_different;
SELECT game.step_world(:layered, 50);

-- These values may change only with the rules of the game, and then the version of its format with them.
SELECT tick, hash FROM game.state_hash(:golden);
SELECT tick, hash FROM game.state_hash(:other);
SELECT tick, hash FROM game.state_hash(:layered);
SELECT resource, count(*), sum(amount) FROM game.cells(:golden) GROUP BY resource ORDER BY resource;

-- Commands are part of it: the same at the same tick leads to the same state, another does not.
SELECT game.enqueue(w, 'join', '{"name": "Ada"}') > 0 AS queued FROM unnest(ARRAY[:golden, :twin]) AS w;
SELECT game.step_world(:golden), game.step_world(:twin);
SELECT (game.state_hash(:golden)).hash = (game.state_hash(:twin)).hash AS same_after_commands;
SELECT game.enqueue(:golden, 'join', '{"name": "Grace"}') > 0 AS queued;
SELECT game.step_world(:golden), game.step_world(:twin);
SELECT (game.state_hash(:golden)).hash <> (game.state_hash(:twin)).hash AS different_after_a_command;

SELECT outcome(format('SELECT game.step_world(%s, -1)', :golden));
SELECT game.step_world(NULL) IS NULL AS null_world, game.step_world(:golden, NULL) IS NULL AS null_ticks;
SELECT game.drop_world(id) FROM game.world ORDER BY id;
CALL wait_until('SELECT count(*) = 0 FROM game.world');
