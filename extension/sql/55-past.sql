-- The past: any tick that checkpoints and log lead to. SET gamelan.as_of_tick or gamelan.as_of_time shows it through the same tables.

CREATE FUNCTION game._changed_rows(world bigint, component regclass, from_tick bigint, to_tick bigint) RETURNS SETOF bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_changed_rows';
COMMENT ON FUNCTION game._changed_rows(bigint, regclass, bigint, bigint) IS
    'entities, or cells, whose row came, went or was written between two ticks';

CREATE FUNCTION game._row_ticks(world bigint, component regclass, entity bigint, from_tick bigint, to_tick bigint) RETURNS SETOF bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_row_ticks';
COMMENT ON FUNCTION game._row_ticks(bigint, regclass, bigint, bigint, bigint) IS
    'ticks in which a row came, went or was written; the first of them also if the row is there';

CREATE FUNCTION game.row_at(world bigint, entity bigint, component regclass, tick bigint) RETURNS jsonb
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
#variable_conflict use_variable
DECLARE
    handle text := game._require_component(component);
    before text := current_setting('gamelan.as_of_tick');
    found_row jsonb;
BEGIN
    PERFORM set_config('gamelan.as_of_tick', tick::text, true);
    EXECUTE format('SELECT to_jsonb(t) - ''world'' - %L FROM ONLY %s AS t WHERE t.world = $1 AND t.%I = $2', handle, component, handle)
        INTO found_row USING world, entity;
    PERFORM set_config('gamelan.as_of_tick', before, true);
    RETURN found_row;
END
$$;
COMMENT ON FUNCTION game.row_at(bigint, bigint, regclass, bigint) IS
    'the row of an entity, or of a cell, as it was after a tick; null when it had none';

CREATE FUNCTION game.diff(
    world bigint, from_tick bigint, to_tick bigint, components regclass[] DEFAULT NULL,
    OUT component regclass, OUT entity bigint, OUT change text, OUT before jsonb, OUT after jsonb)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
#variable_conflict use_variable
BEGIN
    IF components IS NULL THEN
        components := game._components_of_world(world);
    END IF;
    FOREACH component IN ARRAY components LOOP
        PERFORM game._require_component(component);
        FOR entity IN SELECT r FROM game._changed_rows(world, component, from_tick, to_tick) AS r LOOP
            before := game.row_at(world, entity, component, from_tick);
            after := game.row_at(world, entity, component, to_tick);
            CONTINUE WHEN before IS NOT DISTINCT FROM after;
            change := CASE WHEN before IS NULL THEN 'insert' WHEN after IS NULL THEN 'delete' ELSE 'update' END;
            RETURN NEXT;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION game.diff(bigint, bigint, bigint, regclass[]) IS
    'rows of components that are not the same after two ticks of a world, as they were after each; of all components of its game unless some are named';

CREATE FUNCTION game._components_of_world(world bigint, kind text DEFAULT NULL) RETURNS regclass[]
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(c.oid::regclass ORDER BY c.relname), '{}')
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = game._game_of(world) AND c.relkind = 'f' AND game._handle_column(c.oid) = coalesce(kind, game._handle_column(c.oid))
$$;
COMMENT ON FUNCTION game._components_of_world(bigint, text) IS 'the components of the game that a world plays; of entities or cells alone if kind says so (entity, cell)';

CREATE FUNCTION game.history(
    world bigint, entity bigint, component regclass, from_tick bigint DEFAULT NULL, to_tick bigint DEFAULT NULL,
    OUT tick bigint, OUT change text, OUT "row" jsonb)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
#variable_conflict use_variable
DECLARE
    before jsonb;
BEGIN
    PERFORM game._require_component(component);
    to_tick := coalesce(to_tick, (SELECT w.tick FROM game.world AS w WHERE w.id = world));
    from_tick := coalesce(from_tick, greatest(to_tick - 10000, 0));
    FOR tick IN SELECT t FROM game._row_ticks(world, component, entity, from_tick, to_tick) AS t LOOP
        "row" := game.row_at(world, entity, component, tick);
        CONTINUE WHEN "row" IS NOT DISTINCT FROM before;
        change := CASE WHEN before IS NULL THEN 'insert' WHEN "row" IS NULL THEN 'delete' ELSE 'update' END;
        before := "row";
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION game.history(bigint, bigint, regclass, bigint, bigint) IS
    'what a row was, tick by tick: each tick that changed it, over the newest 10,000 ticks unless told otherwise; a row that is there at the first tick comes as an insert';

CREATE FUNCTION game.replay(
    world bigint, from_tick bigint, to_tick bigint, step bigint DEFAULT 1, speed double precision DEFAULT NULL, until text DEFAULT NULL,
    OUT tick bigint, OUT hash text, OUT events bigint, OUT is_stopped boolean)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
#variable_conflict use_variable
DECLARE
    before text := current_setting('gamelan.as_of_tick');
    last_tick bigint := from_tick;
    ticks_per_second double precision;
BEGIN
    IF step IS NULL OR step < 1 OR speed <= 0 THEN
        RAISE EXCEPTION 'a replay goes forwards' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'step is a number of ticks, 1 or more; speed is a factor greater than 0 of the world''s own, or null for as fast as possible.';
    END IF;
    SELECT w.tick_rate INTO ticks_per_second FROM game.world AS w WHERE w.id = world;
    FOR tick IN SELECT t FROM generate_series(from_tick, to_tick, step) AS t LOOP
        IF speed IS NOT NULL AND tick > from_tick THEN
            PERFORM pg_sleep((tick - last_tick) / (ticks_per_second * speed));
        END IF;
        PERFORM set_config('gamelan.as_of_tick', tick::text, true);
        hash := (game.state_hash(world)).hash;
        SELECT count(*) INTO events FROM game.event AS e
        WHERE e.world = world AND e.tick > last_tick - (tick = from_tick)::int AND e.tick <= tick;
        is_stopped := false;
        IF until IS NOT NULL THEN
            EXECUTE 'SELECT coalesce((' || until || '), false)' INTO is_stopped;
        END IF;
        IF speed IS NOT NULL THEN
            RAISE INFO 'tick %: state %, % events', tick, hash, events;
        END IF;
        RETURN NEXT;
        EXIT WHEN is_stopped;
        last_tick := tick;
    END LOOP;
    PERFORM set_config('gamelan.as_of_tick', before, true);
END
$$;
COMMENT ON FUNCTION game.replay(bigint, bigint, bigint, bigint, double precision, text) IS
    'plays past ticks of a world again, for this session alone: each step''s tick, state hash and events. until: a condition over components, as of each tick, that stops it; speed: as many times as fast as the world, told by INFO as it goes';

CREATE FUNCTION game._write_fork(world bigint, tick bigint, fork bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_write_fork';
COMMENT ON FUNCTION game._write_fork(bigint, bigint, bigint) IS 'writes a world''s state after a tick as the first checkpoint of another';

CREATE FUNCTION game._begin_at(world bigint, tick bigint, time_scale double precision, catch_up text) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    UPDATE game.world_definition AS d SET first_tick = tick, time_scale = _begin_at.time_scale, catch_up = _begin_at.catch_up WHERE d.id = world;
    UPDATE game.world_head AS h SET tick = _begin_at.tick, checksum = game._head_checksum(world, _begin_at.tick, 0, 0) WHERE h.world = _begin_at.world;
END
$$;
COMMENT ON FUNCTION game._begin_at(bigint, bigint, double precision, text) IS 'a world that was just made begins at a tick, with the state of its first checkpoint';

CREATE FUNCTION game.fork_world(world bigint, tick bigint, name text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    source record;
    fork bigint;
BEGIN
    IF tick IS NULL OR tick < 0 THEN
        RAISE EXCEPTION 'a world is forked at a tick' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'game.world has the tick that each world is at.';
    END IF;
    SELECT d.* INTO source FROM game.world_definition AS d WHERE d.id = world FOR KEY SHARE;
    PERFORM game._require_world(world, FOUND);
    -- The state names cells, by the number of the world they were first of.
    fork := game.create_world(name, source.game, source.seed, source.tick_rate,
        source.config || jsonb_build_object('cell_world', coalesce((source.config ->> 'cell_world')::bigint, world % 256)), source.durability);
    PERFORM game._begin_at(fork, tick, source.time_scale, source.catch_up);
    INSERT INTO game.world_system SELECT (jsonb_populate_record(s, jsonb_build_object('world', fork))).* FROM game.world_system AS s WHERE s.world = fork_world.world;
    INSERT INTO game.checkpoint_policy SELECT (jsonb_populate_record(p, jsonb_build_object('world', fork))).* FROM game.checkpoint_policy AS p WHERE p.world = fork_world.world;
    PERFORM game._write_fork(world, tick, fork);
    RETURN fork;
END
$$;
COMMENT ON FUNCTION game.fork_world(bigint, bigint, text) IS
    'makes a world that goes on from a past tick of another: same game, seed, entities and cells, a log of its own from there. It stands until game.start_world. Errors: WG001 no such world, 22023 it has not reached that tick, 42710 name taken';
