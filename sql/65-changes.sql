-- game.changes: a snapshot first, then deltas; null when nothing is new. The message's head is read as docs/formats.md has it.
SELECT game.create_world('changes', 'hexfactory', seed => 3, config => '{"frequency": 4}') AS w \gset
CREATE FUNCTION little_endian(message bytea, at int, bytes int) RETURNS bigint LANGUAGE sql AS $$
    SELECT sum(get_byte(message, at + n)::bigint << (8 * n))::bigint FROM generate_series(0, bytes - 1) AS n
$$;
CREATE FUNCTION head(message bytea, OUT magic text, OUT version int, OUT kind text, OUT reserved bigint, OUT tick bigint, OUT base bigint,
    OUT columns bigint) LANGUAGE sql AS $$
    SELECT convert_from(substr(message, 1, 3), 'UTF8'), get_byte(message, 3), (ARRAY['snapshot', 'delta'])[get_byte(message, 4) + 1],
           little_endian(message, 5, 3), little_endian(message, 8, 8), little_endian(message, 16, 8), little_endian(message, 24, 2)
    WHERE message IS NOT NULL
$$;
-- Without a base: everything that clients may see, and nothing that they may not.
SELECT * FROM head(game.changes(:w, -1, 0));
SELECT name, position(name::bytea IN m) > 0 AS is_there
FROM game.changes(:w, -1, 0) AS m, unnest(ARRAY['cell.resource', 'cell.amount', 'cell.owner', 'player.name', 'player.score', 'actor', 'seq']) AS name;
-- Nothing new, nothing said, also after waiting.
SELECT game.changes(:w, 0, 0) IS NULL AS is_null, game.changes(:w, 0, 20) IS NULL AS is_null_after_waiting,
       game.changes(:w, 0, -5) IS NULL AS negative_wait_is_none;
-- A delta from the tick named to the newest, over any number of ticks.
SELECT game.step_world(:w);
SELECT * FROM head(game.changes(:w, 0, 0));
SELECT game.changes(:w, 1, 0) IS NULL AS is_null;
SELECT game.step_world(:w, 10);
SELECT * FROM head(game.changes(:w, 1, 0));
-- A base that the session does not hold gives a snapshot.
SELECT game.step_world(:w);
SELECT kind, tick, base FROM head(game.changes(:w, 5, 0));
SELECT game.step_world(:w);
SELECT kind, tick, base FROM head(game.changes(:w, 12, 0));
SELECT kind, tick, base FROM head(game.changes(:w, 9999, 0));
\c
SELECT game.step_world(:w);
SELECT kind, tick, base FROM head(game.changes(:w, 13, 0));
-- A delta carries the columns that changed.
SELECT game.enqueue(:w, 'join', '{"name": "Ada"}') > 0 AS queued;
SELECT game.step_world(:w);
SELECT kind, position('player.name'::bytea IN m) > 0 AS has_names, position('Ada'::bytea IN m) > 0 AS has_the_name
FROM game.changes(:w, 14, 0) AS m, head(m);
-- A long poll returns with the tick it waited for.
SELECT game.start_world(:w);
SELECT kind, base, tick > base AS is_newer FROM head(game.changes(:w, 15, 30000));
SELECT game.changes(NULL, -1, 0) IS NULL AS null_world;
SELECT game.drop_world(:w);
CALL wait_until('SELECT count(*) = 0 FROM game._world_runtime()');
SELECT regexp_replace(outcome(format('SELECT game.changes(%s, -1, 0)', :w)), 'world \d+', 'world N');
DROP FUNCTION head, little_endian;
