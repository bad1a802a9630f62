-- Worlds: create, run, look at. Changes of a definition take effect when the transaction commits.

CREATE FUNCTION game._head_checksum(world bigint, tick bigint, log_tick bigint, row_hash bigint) RETURNS bigint
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'gamelan_head_checksum';
COMMENT ON FUNCTION game._head_checksum(bigint, bigint, bigint, bigint) IS 'the checksum of a row of game.world_head';

CREATE FUNCTION game._complete_config(game text, config jsonb) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'gamelan_complete_config';
COMMENT ON FUNCTION game._complete_config(text, jsonb) IS 'checks a configuration and fills in what is defaulted';

CREATE FUNCTION game._definitions_changed() RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_definitions_changed';
COMMENT ON FUNCTION game._definitions_changed() IS 'tells the world worker, when this transaction commits, to read the definitions again';

CREATE FUNCTION game._require_world(world bigint, is_found boolean) RETURNS void
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT is_found THEN
        RAISE EXCEPTION 'world % does not exist', world USING ERRCODE = 'WG001',
            HINT = 'SELECT id, name FROM game.world lists the worlds.';
    END IF;
END
$$;
COMMENT ON FUNCTION game._require_world(bigint, boolean) IS 'after a statement that had to find the row of a world';

CREATE FUNCTION game._definition_changed(world bigint, is_found boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
    PERFORM game._require_world(world, is_found);
    PERFORM game._definitions_changed();
END
$$;
COMMENT ON FUNCTION game._definition_changed(bigint, boolean) IS 'the same, after a statement that had to find the row of a world';

CREATE FUNCTION game._definitions_written() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'gamelan_definitions_written';
COMMENT ON FUNCTION game._definitions_written() IS 'does the same for rows that a restore brings';
CREATE TRIGGER definitions_written AFTER INSERT OR UPDATE OR DELETE ON game.world_definition
    FOR EACH STATEMENT EXECUTE FUNCTION game._definitions_written();
COMMENT ON TRIGGER definitions_written ON game.world_definition IS 'the world worker reads the definitions again';

CREATE FUNCTION game._world_runtime(
    OUT id bigint, OUT state text, OUT reason text, OUT tick bigint, OUT durable_tick bigint, OUT measured_rate double precision, OUT late_ticks bigint,
    OUT skipped_ticks bigint, OUT memory_bytes bigint, OUT last_checkpoint bigint, OUT commands_applied bigint,
    OUT waiting_requests int)
    RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE ROWS 10 AS 'MODULE_PATHNAME', 'gamelan_world_runtime';
COMMENT ON FUNCTION game._world_runtime() IS 'what the world worker is doing with each world in memory';

CREATE VIEW game.world AS
    SELECT d.id, d.name, d.game,
           coalesce(r.state, CASE WHEN d.desired_state = 'created' THEN 'created' ELSE 'starting' END) AS state,
           coalesce(r.tick, h.tick) AS tick, coalesce(r.durable_tick, h.tick) AS durable_tick, d.tick_rate, r.measured_rate, r.late_ticks, r.skipped_ticks, r.memory_bytes AS memory,
           r.last_checkpoint, r.commands_applied, r.waiting_requests, r.reason, d.durability, d.seed, d.config,
           d.created_at
    FROM game.world_definition AS d
    LEFT JOIN game.world_head AS h ON h.world = d.id
    LEFT JOIN game._world_runtime() AS r ON r.id = d.id;
COMMENT ON VIEW game.world IS 'the worlds of this database and how they are doing';
COMMENT ON COLUMN game.world.durable_tick IS 'the newest tick that is known to be durable; in a relaxed world it may be behind the tick that can be read';
COMMENT ON COLUMN game.world.measured_rate IS 'ticks per second over the last second';
COMMENT ON COLUMN game.world.late_ticks IS 'ticks that began more than one period late';
COMMENT ON COLUMN game.world.skipped_ticks IS 'ticks never run because more than gamelan.max_catch_up_ticks were overdue';
COMMENT ON COLUMN game.world.memory IS 'bytes of gamelan.memory the world holds';
COMMENT ON COLUMN game.world.last_checkpoint IS 'tick of the newest checkpoint';
COMMENT ON COLUMN game.world.reason IS 'why the world is waiting, stalled or failed';

CREATE FUNCTION game._require_durability(durability text) RETURNS void
    LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF durability IS NULL OR durability NOT IN ('sync', 'relaxed', 'replicated') THEN
        RAISE EXCEPTION 'there is no durability called "%"', durability USING ERRCODE = 'invalid_parameter_value',
            HINT = 'There are: sync (ticks are published when they are on disk), relaxed (published at once, answered when they are on disk), '
                   'replicated (when a synchronous standby has them, too).';
    END IF;
    IF durability = 'replicated' AND current_setting('synchronous_standby_names') = '' THEN
        RAISE EXCEPTION 'this server has no synchronous standby' USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Name at least one in synchronous_standby_names first.';
    END IF;
END
$$;
COMMENT ON FUNCTION game._require_durability(text) IS 'checks a durability, and that the server can keep it';

CREATE FUNCTION game.create_world(
    name text, game text, seed bigint DEFAULT NULL, tick_rate int DEFAULT 20, config jsonb DEFAULT '{}', durability text DEFAULT 'sync')
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    new_id bigint;
    complete jsonb;
BEGIN
    IF game IS NULL OR config IS NULL THEN
        RAISE EXCEPTION 'a world needs a game and a config' USING ERRCODE = 'null_value_not_allowed',
            HINT = 'The config may be an empty object.';
    END IF;
    -- Held until the end, so that the game is not dropped meanwhile.
    PERFORM FROM game.game AS g WHERE g.name = game FOR KEY SHARE;
    complete := CASE WHEN FOUND THEN game._complete_schema_config(config) ELSE game._complete_config(game, config) END;
    IF name IS NULL OR name !~ '\S' OR octet_length(name) > 63 THEN
        RAISE EXCEPTION 'a world needs a name of 1 to 63 bytes' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF tick_rate IS NULL OR tick_rate NOT BETWEEN 1 AND 240 THEN
        RAISE EXCEPTION 'tick rate % is out of range', tick_rate USING ERRCODE = 'invalid_parameter_value',
            HINT = 'A world ticks 1 to 240 times a second.';
    END IF;
    PERFORM game._require_durability(durability);
    IF EXISTS (SELECT FROM game.world_definition AS d WHERE d.name = create_world.name) THEN
        RAISE EXCEPTION 'world "%" already exists', name USING ERRCODE = 'duplicate_object';
    END IF;
    new_id := nextval('game.world_id_seq');
    INSERT INTO game.world_definition AS d (id, name, game, seed, config, tick_rate, durability)
    VALUES (new_id, name, game, coalesce(seed, (random() * 9007199254740991)::bigint), complete, tick_rate, durability);
    INSERT INTO game.world_head AS h (world, tick, log_tick, row_hash, checksum) VALUES (new_id, 0, 0, 0, game._head_checksum(new_id, 0, 0, 0));
    PERFORM game._definitions_changed();
    RETURN new_id;
END
$$;
COMMENT ON FUNCTION game.create_world(text, text, bigint, int, jsonb, text) IS
    'creates a world; it stands at tick 0 until game.start_world or game.step_world. Errors: WG015 undefined game, WG016 invalid config, 42710 name taken';

CREATE FUNCTION game._set_desired_state(world bigint, wanted text) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE game.world_definition AS d SET desired_state = wanted WHERE d.id = world;
    PERFORM game._definition_changed(world, FOUND);
END
$$;
COMMENT ON FUNCTION game._set_desired_state(bigint, text) IS 'what start, pause and resume share';

CREATE FUNCTION game.start_world(world bigint) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT game._set_desired_state(world, 'running') $$;
COMMENT ON FUNCTION game.start_world(bigint) IS 'lets a world tick by itself, from the commit on';

CREATE FUNCTION game.pause_world(world bigint) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT game._set_desired_state(world, 'paused') $$;
COMMENT ON FUNCTION game.pause_world(bigint) IS 'stops a world after the tick it is at; it stays in memory and readable';

CREATE FUNCTION game.resume_world(world bigint) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT game._set_desired_state(world, 'running') $$;
COMMENT ON FUNCTION game.resume_world(bigint) IS 'lets a paused world go on at the tick where it was';

CREATE FUNCTION game.set_tick_rate(world bigint, tick_rate int) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF tick_rate IS NULL OR tick_rate NOT BETWEEN 1 AND 240 THEN
        RAISE EXCEPTION 'tick rate % is out of range', tick_rate USING ERRCODE = 'invalid_parameter_value',
            HINT = 'A world ticks 1 to 240 times a second.';
    END IF;
    UPDATE game.world_definition AS d SET tick_rate = set_tick_rate.tick_rate WHERE d.id = world;
    PERFORM game._definition_changed(world, FOUND);
END
$$;
COMMENT ON FUNCTION game.set_tick_rate(bigint, int) IS 'changes how often a world ticks, 1 to 240 times a second';

CREATE FUNCTION game.set_time_scale(world bigint, factor double precision) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF factor IS NULL OR NOT (factor > 0 AND factor <= 100) THEN
        RAISE EXCEPTION 'time scale % is out of range', factor USING ERRCODE = 'invalid_parameter_value',
            HINT = 'It is more than 0 and at most 100; game.pause_world stops a world.';
    END IF;
    UPDATE game.world_definition AS d SET time_scale = factor WHERE d.id = world;
    PERFORM game._definition_changed(world, FOUND);
END
$$;
COMMENT ON FUNCTION game.set_time_scale(bigint, double precision) IS
    'makes time in a world pass faster or slower: its ticks come as often as before, and each lasts longer or shorter in the world (game.dt())';

CREATE FUNCTION game.set_catch_up(world bigint, policy text) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF policy IS NULL OR policy NOT IN ('bounded', 'skip', 'all') THEN
        RAISE EXCEPTION 'there is no way to catch up called "%"', policy USING ERRCODE = 'invalid_parameter_value',
            HINT = 'There are: bounded (runs up to gamelan.max_catch_up_ticks overdue ticks), skip (runs none), all (runs every one).';
    END IF;
    UPDATE game.world_definition AS d SET catch_up = policy WHERE d.id = world;
    PERFORM game._definition_changed(world, FOUND);
END
$$;
COMMENT ON FUNCTION game.set_catch_up(bigint, text) IS
    'says what becomes of ticks that could not run in time: bounded (up to gamelan.max_catch_up_ticks of them are run late, the rest never), skip (none is) or all';

CREATE FUNCTION game.set_durability(world bigint, durability text) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM game._require_durability(durability);
    UPDATE game.world_definition AS d SET durability = set_durability.durability WHERE d.id = world;
    PERFORM game._definition_changed(world, FOUND);
END
$$;
COMMENT ON FUNCTION game.set_durability(bigint, text) IS
    'says when ticks of a world are published and their commands answered: sync (when they are on disk), relaxed (published at once, answered when they are on disk) or replicated (when a synchronous standby has them, too)';

CREATE FUNCTION game.drop_world(world bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    DELETE FROM game.world_definition AS d WHERE d.id = world;
    PERFORM game._definition_changed(world, FOUND);
    -- The rest is the worker's: it may hold those rows, and must never wait for a transaction of ours.
    INSERT INTO game.dropped_world AS t (id) VALUES (world);
END
$$;
COMMENT ON FUNCTION game.drop_world(bigint) IS 'removes a world with its log, events and checkpoints';

CREATE FUNCTION game.step_world(world bigint, ticks bigint DEFAULT 1) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_step_world';
COMMENT ON FUNCTION game.step_world(bigint, bigint) IS
    'runs that many ticks now, as fast as possible, whether the world is running or not; returns the tick it reached';

CREATE FUNCTION game.state_hash(world bigint, OUT tick bigint, OUT hash text)
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'gamelan_state_hash';
COMMENT ON FUNCTION game.state_hash(bigint) IS 'the published tick and the hash of its whole state, 16 hex digits: equal states have equal hashes';

CREATE FUNCTION game.durable_tick(world bigint) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'gamelan_durable_tick';
COMMENT ON FUNCTION game.durable_tick(bigint) IS
    'the newest published tick that is known to be durable, as in game.world; in a relaxed world it may be behind the tick that can be read';

CREATE FUNCTION game.tick_lateness(world bigint, quantile double precision) RETURNS double precision
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'gamelan_tick_lateness';
COMMENT ON FUNCTION game.tick_lateness(bigint, double precision) IS
    'how late, in milliseconds, ticks begin: the given quantile (0.5 = median) since the world was loaded, within a third of an octave';
