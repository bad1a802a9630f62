-- What the log and the events tell an operator, how long they are kept, and keys that queue a command once.
SELECT game.create_world('store', 'hexfactory', seed => 31, config => '{"frequency": 4}') AS w \gset
CALL wait_until(format('SELECT memory > 0 FROM game.world WHERE id = %s', :w));

-- A key: the same call again is the first one; another one is refused; each role has its own keys.
SELECT game.enqueue(:w, 'join', '{"name": "Ada"}', idempotency_key => 'first') AS ada \gset
SELECT game.enqueue(:w, 'join', '{"name": "Ada"}', idempotency_key => 'first') = :ada AS is_the_same;
SELECT outcome(format('SELECT game.enqueue(%s, ''join'', ''{"name": "Bob"}'', idempotency_key => ''first'')', :w)) ~ 'WG024.*"first" was used' AS is_refused;
SELECT outcome(format('SELECT game.enqueue(%s, ''plant'', ''{"cell": 1, "resource": 1}'', idempotency_key => ''first'')', :w)) ~ 'WG024' AS is_refused;
SELECT outcome(format('SELECT game.enqueue(%s, ''join'', ''{"name": "Bob"}'', idempotency_key => '''')', :w)) ~ '22023' AS is_refused;
SELECT outcome(format('SELECT game.enqueue(%s, ''join'', ''{"name": "Bob"}'', idempotency_key => %L)', :w, repeat('x', 201))) ~ '22023' AS is_refused;
SELECT outcome(format('SELECT game.enqueue(%s, ''fly'', ''{}'', idempotency_key => ''never'')', :w)) ~ 'WG002' AS is_refused;
SELECT count(*) FROM game.idempotency_key WHERE world = :w;
-- What was undone leaves the key free.
BEGIN;
SELECT game.enqueue(:w, 'join', '{"name": "Bob"}', idempotency_key => 'second') > :ada AS queued;
ROLLBACK;
SELECT game.enqueue(:w, 'join', '{"name": "Cleo"}', idempotency_key => 'second') > :ada AS queued;
SELECT game.enqueue(:w, 'claim', '{"cell": 0}') > :ada AS queued;
SELECT game.step_world(:w);
CREATE ROLE regress_store IN ROLE gamelan_player;
SET ROLE regress_store;
SELECT game.enqueue(:w, 'join', '{"name": "Ada"}', idempotency_key => 'first') > :ada AS is_another;
RESET ROLE;
-- A key that is old enough stands for nothing.
UPDATE game.idempotency_key SET created_at = created_at - interval '2 days' WHERE world = :w AND key = 'second';
SELECT game.enqueue(:w, 'join', '{"name": "Dora"}', idempotency_key => 'second') > :ada AS queued;
SELECT game.step_world(:w);
SELECT tick, ordinal, kind, payload ->> 'name' AS name, cause, handle IS NOT NULL AS has_handle FROM game.event WHERE world = :w ORDER BY tick, ordinal;

-- Nobody has more than so many, or a few more.
ALTER SYSTEM SET gamelan.max_idempotency_keys = 100;
SELECT pg_reload_conf();
-- The postmaster takes the signal in before it accepts a connection.
\c -
SHOW gamelan.max_idempotency_keys;
SELECT outcome(format('SELECT count(game.enqueue(%s, ''join'', ''{"name": "Eve"}'', idempotency_key => ''many '' || i)) FROM generate_series(1, 300) AS i', :w)) ~ '53400.*too many idempotency keys' AS is_refused;
ALTER SYSTEM RESET gamelan.max_idempotency_keys;
SELECT pg_reload_conf();

-- The log, command by command, and what became of them.
SELECT tick, position, kind, action, handle IS NOT NULL AS has_handle FROM game.command WHERE world = :w ORDER BY tick, position;
SELECT e.tick, e.ordinal, c.action FROM game.event AS e JOIN game.command AS c
    ON c.world = e.world AND c.tick = e.tick AND e.cause = 'command ' || c.position WHERE e.world = :w ORDER BY 1, 2;
SELECT action, applied, actors, refused, last_sqlstate FROM game.command_statistics WHERE world = :w ORDER BY action;
SELECT kind, events, actors, by_systems, first_at <= last_at AS in_order FROM game.event_kinds WHERE world = :w ORDER BY kind;
SELECT kind, sum(events) AS events FROM game.event_rate WHERE world = :w GROUP BY kind ORDER BY kind;

-- Partitions are there for now and ahead; a row finds its own by its time.
CALL wait_until('SELECT count(*) >= 12 FROM game.partition');
SELECT parent, count(*) FILTER (WHERE from_at <= now() AND to_at > now()) AS now, count(*) FILTER (WHERE from_at > now()) >= 4 AS ahead,
       count(*) FILTER (WHERE from_at IS NULL) AS default FROM game.partition GROUP BY parent ORDER BY parent;
SELECT count(*) FROM game.maintain_partitions();
SELECT (p.from_at, p.to_at) IS NOT NULL AND e.created_at >= p.from_at AND e.created_at < p.to_at AS is_its_own
    FROM game.event AS e JOIN game._partitions() AS p ON p.relation = e.tableoid WHERE e.world = :w GROUP BY 1;
-- No partition is looked at that has another time.
CREATE FUNCTION partitions_read(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    line text;
    found bigint := 0;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
        found := found + (line ~ 'on (event|tick_log)_')::int;
    END LOOP;
    RETURN found;
END
$$;
SELECT partitions_read('SELECT FROM game.event WHERE created_at >= now() - interval ''1 microsecond'' AND created_at <= now() + interval ''1 microsecond''') < 4 AS few;

-- How long things are kept.
SELECT outcome('SELECT game.set_retention(0, ''1 day'')') ~ 'WG001' AS is_refused;
SELECT outcome(format('SELECT game.set_retention(%s, ''-1 day'')', :w)) ~ '22023' AS is_refused;
SELECT game.set_retention(:w, keep_log => '30 days');
SELECT keep_log, keep_events FROM game.retention WHERE world = :w;
SELECT game.set_retention(:w, keep_events => '1 year');
SELECT keep_log, keep_events FROM game.retention WHERE world = :w;
SELECT count(*) FROM game.apply_retention();
SELECT outcome('SELECT game.archive_partition(''event_default'')') ~ '42P01' AS is_refused;
SELECT outcome(format('SELECT game.archive_partition(%L)', (SELECT partition FROM game.partition WHERE parent = 'event' AND from_at <= now() AND to_at > now()))) ~ '22023.*no folder' AS is_refused;
SELECT outcome('SELECT game.restore_archive(''../x'')') ~ '22023' AS is_refused;
SELECT outcome('SELECT game.drop_restored(''event'')') ~ '42P01' AS is_refused;

-- With the world goes what was kept for it.
SELECT game.drop_world(:w);
CALL wait_until(format('SELECT count(*) = 0 FROM game.idempotency_key WHERE world = %s', :w));
SELECT count(*) FROM game.retention WHERE world = :w;
DROP FUNCTION partitions_read;
DROP ROLE regress_store;
