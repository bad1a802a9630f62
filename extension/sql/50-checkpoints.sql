CREATE FUNCTION game.checkpoint(world bigint, kind text DEFAULT NULL) RETURNS bigint
    LANGUAGE c VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'gamelan_checkpoint';
COMMENT ON FUNCTION game.checkpoint(bigint, text) IS
    'writes a checkpoint of the published tick as part of this transaction, without stopping the world; returns the tick. kind: full, incremental (full where there is nothing to build on), or null for what the world''s strategy says';

CREATE FUNCTION game.set_checkpoints(world bigint, strategy text DEFAULT NULL, every interval DEFAULT NULL,
    every_ticks bigint DEFAULT NULL, every_log_bytes bigint DEFAULT NULL, full_every int DEFAULT NULL,
    generations int DEFAULT NULL, keep interval DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF strategy NOT IN ('full', 'incremental', 'hybrid') THEN
        RAISE EXCEPTION 'there is no strategy "%"', strategy USING ERRCODE = 'invalid_parameter_value',
            HINT = 'There are: full, incremental, hybrid.';
    ELSIF every < interval '0' OR every_ticks < 0 OR every_log_bytes < 0 OR keep < interval '0' THEN
        RAISE EXCEPTION 'a time, a number of ticks or of bytes is negative' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'every, every_ticks and every_log_bytes may be 0: then no checkpoint is written for that reason.';
    ELSIF full_every NOT BETWEEN 1 AND 100 THEN
        RAISE EXCEPTION 'full_every % is out of range', full_every USING ERRCODE = 'invalid_parameter_value', HINT = 'It is 1 to 100.';
    ELSIF generations NOT BETWEEN 2 AND 1000 THEN
        RAISE EXCEPTION 'generations % is out of range', generations USING ERRCODE = 'invalid_parameter_value', HINT = 'It is 2 to 1000.';
    END IF;
    PERFORM FROM game.world_definition AS d WHERE d.id = world FOR KEY SHARE;
    PERFORM game._require_world(world, FOUND);
    INSERT INTO game.checkpoint_policy AS p (world, strategy, every, every_ticks, every_log_bytes, full_every, generations, keep)
        VALUES (world, strategy, every, every_ticks, every_log_bytes, full_every, generations, keep)
        ON CONFLICT ON CONSTRAINT checkpoint_policy_pkey DO UPDATE SET strategy = excluded.strategy, every = excluded.every,
            every_ticks = excluded.every_ticks, every_log_bytes = excluded.every_log_bytes, full_every = excluded.full_every,
            generations = excluded.generations, keep = excluded.keep;
END
$$;
COMMENT ON FUNCTION game.set_checkpoints(bigint, text, interval, bigint, bigint, int, int, interval) IS
    'says when a world gets checkpoints by itself, of which kind, and how many full ones are kept with their increments (and all that are younger than keep); what is left out or null follows the settings gamelan.checkpoint_*';

CREATE FUNCTION game.verify(world bigint, from_beginning boolean DEFAULT false, OUT what text, OUT tick bigint, OUT ok boolean, OUT message text)
    RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 20
    AS 'MODULE_PATHNAME', 'gamelan_verify';
COMMENT ON FUNCTION game.verify(bigint, boolean) IS
    'checks what is stored of a world without touching the live one: the head, the hash chain of the log, every checkpoint, and a replay in memory of this session, from the oldest checkpoint that is sound or from the beginning, which has to come by the state of every later checkpoint';

CREATE FUNCTION game.log_needed_after(world bigint) RETURNS bigint
    LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN pg_catalog.count(*) >= 2 AND pg_catalog.bool_and(c.verified_at IS NOT NULL) THEN pg_catalog.min(c.tick) ELSE 0 END
    FROM game.checkpoint AS c WHERE c.world = log_needed_after.world AND c.kind = 'full'
$$;
COMMENT ON FUNCTION game.log_needed_after(bigint) IS
    'rows of a world''s log up to this tick are not needed to recover it from any checkpoint that is kept; 0 while there are less than two full ones, or one that has not been verified. They are needed to look at ticks before it, and to recover from the beginning';

CREATE FUNCTION game._recovery(OUT world bigint, OUT state text, OUT from_tick bigint, OUT tick bigint, OUT target bigint,
    OUT chain text, OUT damage text, OUT started_at timestamptz, OUT ended_at timestamptz, OUT ticks_per_second double precision)
    RETURNS SETOF record LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED ROWS 10 AS 'MODULE_PATHNAME', 'gamelan_recovery';
COMMENT ON FUNCTION game._recovery() IS 'the rows of game.recovery';

CREATE VIEW game.recovery AS
    SELECT r.world, d.name, r.state, r.from_tick, r.tick, r.target, r.chain, r.damage, r.started_at, r.ended_at, r.ticks_per_second
    FROM game._recovery() AS r LEFT JOIN game.world_definition AS d ON d.id = r.world;
COMMENT ON VIEW game.recovery IS 'how each world came into memory, or is coming';
COMMENT ON COLUMN game.recovery.state IS 'loading: a checkpoint is read; replaying: the log behind it is played; done; failed: game.world says why';
COMMENT ON COLUMN game.recovery.from_tick IS 'where the replay began';
COMMENT ON COLUMN game.recovery.target IS 'where it ends';
COMMENT ON COLUMN game.recovery.chain IS 'the checkpoints that were loaded, memory (after the death of the world worker alone), or beginning';
COMMENT ON COLUMN game.recovery.damage IS 'checkpoints that could not be used, and why';

CREATE FUNCTION game.evict_world(world bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'gamelan_evict_world';
COMMENT ON FUNCTION game.evict_world(bigint) IS
    'writes a checkpoint of a world that stands still, and gives its memory back when this transaction has committed; the world comes back when somebody touches it. Errors: 55000 it is running';
