-- game.enqueue: part of the transaction; game.sync: waits, and raises what was refused.
SELECT game.create_world('queue', 'hexfactory', seed => 5, config => '{"frequency": 2}') AS w \gset
SELECT game.step_world(:w);
SELECT cell AS c0 FROM game.cells(:w) WHERE slot = 0 \gset
SELECT cell AS c1 FROM game.cells(:w) WHERE slot = 1 \gset

-- A world that stands still takes queued commands and applies them when it is stepped or started.
SELECT game.enqueue(:w, 'join', '{"name": "Ada"}') > 0 AS queued;
SELECT count(*) AS waiting FROM game.inbox WHERE world = :w;
SELECT count(*) FROM game.players(:w);
SELECT outcome(format('SELECT game.sync(%s)', :w));
SELECT game.step_world(:w);
SELECT count(*) AS waiting FROM game.inbox WHERE world = :w;
SELECT name FROM game.players(:w);
SELECT game.sync(:w);

-- Nothing of a transaction or savepoint that is rolled back.
BEGIN;
SELECT game.enqueue(:w, 'join', '{"name": "Aborted"}') > 0 AS queued;
ROLLBACK;
BEGIN;
SELECT game.enqueue(:w, 'claim', at_cell(:c0)) > 0 AS queued;
SAVEPOINT one;
SELECT game.enqueue(:w, 'join', '{"name": "Undone"}') > 0 AS queued;
SAVEPOINT two;
SELECT game.enqueue(:w, 'join', '{"name": "Undone as well"}') > 0 AS queued;
RELEASE two;
ROLLBACK TO one;
SAVEPOINT three;
SELECT game.enqueue(:w, 'claim', at_cell(:c1)) > 0 AS queued;
RELEASE three;
COMMIT;
SELECT count(*) AS transactions FROM game.inbox WHERE world = :w;
SELECT game.step_world(:w);
SELECT kind, payload - 'cell' AS payload FROM game.event WHERE world = :w ORDER BY tick, ordinal;
SELECT slot, owner FROM game.cells(:w) WHERE owner <> 0 ORDER BY slot;

-- Handles are counted up, and gone ones leave gaps.
BEGIN;
SELECT game.enqueue(:w, 'join', '{"name": "A"}') AS first, game.enqueue(:w, 'join', '{"name": "B"}') AS second \gset
ROLLBACK;
SELECT :second > :first AS counted_up;

-- Refused when queued: what can be seen without the state.
SELECT outcome(format('SELECT game.enqueue(%s, ''fly'')', :w));
SELECT outcome(format('SELECT game.enqueue(%s, ''join'', ''{}'')', :w));
-- Refused by its tick: a row in game.conflict, raised by game.sync, each once, the oldest first, in the session that queued it.
BEGIN;
SELECT game.enqueue(:w, 'claim', at_cell(:c0)) AS first \gset
SELECT game.enqueue(:w, 'join', '{"name": " "}') AS second \gset
COMMIT;
SELECT game.step_world(:w);
SELECT handle = :first AS is_first, handle = :second AS is_second, tick, session = game._session_id() AS is_mine, actor = current_user AS is_me,
       action, sqlstate, message, detail, hint
FROM game.conflict WHERE world = :w ORDER BY handle;
SELECT regexp_replace(outcome(format('SELECT game.sync(%s)', :w)), 'command \d+', 'command N');
SELECT regexp_replace(outcome(format('SELECT game.sync(%s)', :w)), 'command \d+', 'command N');
SELECT regexp_replace(outcome(format('SELECT game.sync(%s)', :w)), 'command \d+', 'command N');
\c
SELECT outcome(format('SELECT game.sync(%s)', :w));

-- One transaction's commands are applied in one tick, in their order; another world's apart from them.
SELECT game.create_world('queue too', 'hexfactory', seed => 5, config => '{"frequency": 2}') AS w2 \gset
SELECT game.step_world(:w2);
BEGIN;
SELECT count(game.enqueue(CASE WHEN n % 2 = 0 THEN :w ELSE :w2 END, 'join', jsonb_build_object('name', 'name ' || n)))
FROM generate_series(1, 100) AS n;
COMMIT;
SELECT count(*) AS rows FROM game.inbox;
SELECT game.step_world(:w), game.step_world(:w2);
SELECT payload ->> 'name' AS last_name, count(*) OVER () AS events, count(*) OVER () - ordinal AS from_end
FROM game.event WHERE world = :w AND tick = (SELECT tick FROM game.world WHERE id = :w) ORDER BY ordinal DESC LIMIT 1;
SELECT name FROM game.players(:w2);

-- The limit on what one transaction may queue.
SET gamelan.max_queued_commands = 3;
SELECT outcome(format($$SELECT game.enqueue(%s, 'join', '{"name": "x"}') FROM generate_series(1, 4)$$, :w));
SELECT outcome(format($$SELECT game.enqueue(%s, 'join', '{"name": "x"}') FROM generate_series(1, 3)$$, :w));
RESET gamelan.max_queued_commands;

-- Queued work does not survive two-phase commit, and says so; nor do changes of worlds.
BEGIN;
SELECT game.enqueue(:w, 'join', '{"name": "Prepared"}') > 0 AS queued;
PREPARE TRANSACTION 'gamelan';
BEGIN;
SELECT game.set_tick_rate(:w, 30);
PREPARE TRANSACTION 'gamelan';
SELECT count(*) FROM pg_prepared_xacts;
-- A read-only transaction queues nothing.
BEGIN READ ONLY;
SELECT game.enqueue(:w, 'join', '{"name": "Read only"}');
ROLLBACK;

-- On a running world sync waits for the tick that applied it.
SELECT game.step_world(:w);
SELECT game.set_tick_rate(:w, 100), game.start_world(:w);
CALL wait_until('SELECT state = ''running'' FROM game.world WHERE name = ''queue''');
SELECT game.enqueue(:w, 'join', '{"name": "Last"}') > 0 AS queued;
SELECT game.sync(:w) >= max(tick) AS waited FROM game.event WHERE world = :w;
SELECT name FROM game.players(:w);

SELECT game.drop_world(id) FROM game.world ORDER BY id;
CALL wait_until('SELECT count(*) = 0 FROM game.world');
