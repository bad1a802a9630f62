-- The past that becomes the present: rows of a past tick, queued like writes to components, so that the first tick
-- after the commit takes them in, and the log has them.

CREATE FUNCTION game._rewind(world bigint, tick bigint, extent text, handles bigint[], components regclass[], game text) RETURNS bigint
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_rewind';
COMMENT ON FUNCTION game._rewind(bigint, bigint, text, bigint[], regclass[], text) IS
    'queues the rows that make a world (extent world), entities or rows what they were after a tick; returns their number';

CREATE FUNCTION game._require_tick(world bigint, tick bigint) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF tick IS NULL OR tick < 0 THEN
        RAISE EXCEPTION 'the past has ticks from 0' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'game.world has the tick that each world is at.';
    END IF;
    RETURN game._game_of(world);
END
$$;
COMMENT ON FUNCTION game._require_tick(bigint, bigint) IS 'checks what is asked for of the past; returns the game that the world plays';

CREATE FUNCTION game.rewind(world bigint, tick bigint) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
    RETURN game._rewind(world, tick, 'world', NULL, NULL, game._require_tick(world, tick));
END
$$;
COMMENT ON FUNCTION game.rewind(bigint, bigint) IS
    'makes a paused world what it was after a past tick, with the first tick after this transaction commits: entities, cells and rows of all components; returns how many rows that takes. The log keeps what was undone: to rewind to the tick before takes it back. Errors: WG001 no such world, 55000 it ticks, 22023 it has not reached that tick';

CREATE FUNCTION game.restore_entity(world bigint, entity bigint, tick bigint, components regclass[] DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
    RETURN game._restore(world, tick, ARRAY[entity], components);
END
$$;
COMMENT ON FUNCTION game.restore_entity(bigint, bigint, bigint, regclass[]) IS
    'makes an entity what it was after a past tick, with its handle if it has gone since; all its components, or those named. Returns how many rows that takes. Errors: WG020 it did not exist then, 23505 another has its place by now';

CREATE FUNCTION game.restore_entities(world bigint, tick bigint, query text, components regclass[] DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
#variable_conflict use_variable
DECLARE
    before text := current_setting('gamelan.as_of_tick');
    handles bigint[];
BEGIN
    PERFORM game._require_tick(world, tick);
    PERFORM set_config('gamelan.as_of_tick', tick::text, true);
    EXECUTE format('SELECT coalesce(array_agg(handle), ''{}'') FROM (%s) AS chosen (handle)', query) INTO handles;
    PERFORM set_config('gamelan.as_of_tick', before, true);
    RETURN game._restore(world, tick, handles, components);
END
$$;
COMMENT ON FUNCTION game.restore_entities(bigint, bigint, text, regclass[]) IS
    'game.restore_entity for each entity that a query returns, which sees components as of that tick: a player''s entities, those in a region';

CREATE FUNCTION game._restore(world bigint, tick bigint, entities bigint[], components regclass[]) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
    played text := game._require_tick(world, tick);
BEGIN
    IF entities IS NULL OR array_position(entities, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'an entity is NULL' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF cardinality(entities) = 0 THEN
        RETURN 0;
    END IF;
    PERFORM game._require_of(component, 'entity') FROM unnest(components) AS component;
    RETURN game._rewind(world, tick, 'entities', entities, coalesce(components, game._components_of_world(world, 'entity')), played);
END
$$;
COMMENT ON FUNCTION game._restore(bigint, bigint, bigint[], regclass[]) IS 'game.restore_entity for several';

CREATE FUNCTION game._require_of(component regclass, kind text) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF game._require_component(component) <> kind THEN
        RAISE EXCEPTION '% is a component of %', component, CASE kind WHEN 'cell' THEN 'entities' ELSE 'cells' END
            USING ERRCODE = 'wrong_object_type';
    END IF;
END
$$;
COMMENT ON FUNCTION game._require_of(regclass, text) IS 'raises unless it is a component of that kind: entity, cell';

CREATE FUNCTION game.restore_component(world bigint, component regclass, tick bigint) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
BEGIN
    PERFORM game._require_component(component);
    RETURN game._rewind(world, tick, 'rows', NULL, ARRAY[component], game._require_tick(world, tick));
END
$$;
COMMENT ON FUNCTION game.restore_component(bigint, regclass, bigint) IS
    'makes a component what it was after a past tick, as far as the entities exist now: rows that came since go. Returns how many rows that takes';

CREATE FUNCTION game.restore_chunk(world bigint, chunk bigint, tick bigint, components regclass[] DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
#variable_conflict use_variable
DECLARE
    played text := game._require_tick(world, tick);
    cells bigint[];
BEGIN
    SELECT array_agg(c) INTO cells FROM game.chunk_cells(world, chunk) AS c;
    PERFORM game._require_of(component, 'cell') FROM unnest(components) AS component;
    RETURN game._rewind(world, tick, 'cells', cells, coalesce(components, game._components_of_world(world, 'cell')), played);
END
$$;
COMMENT ON FUNCTION game.restore_chunk(bigint, bigint, bigint, regclass[]) IS
    'makes the cells of a chunk what they were after a past tick: all components of cells, or those named. Returns how many rows that takes. game.chunk_of() says which chunk a cell lies in';
