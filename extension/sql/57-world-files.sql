-- One world as one file.

CREATE FUNCTION game._export_world(world bigint, header text) RETURNS bytea
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_export_world';
COMMENT ON FUNCTION game._export_world(bigint, text) IS 'the state of a world that the session sees, packed, behind a header';

CREATE FUNCTION game._world_file_header(file bytea, OUT tick bigint, OUT header text)
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'gamelan_world_file_header';
COMMENT ON FUNCTION game._world_file_header(bytea) IS 'checks a world file, and returns what stands before the state';

CREATE FUNCTION game._write_imported(file bytea, world bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_write_imported';
COMMENT ON FUNCTION game._write_imported(bytea, bigint) IS 'restores the state of a world file, checks its hash, and writes it as the first checkpoint of a world';

CREATE FUNCTION game.export_world(world bigint) RETURNS bytea
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    header jsonb;
BEGIN
    SELECT jsonb_build_object('name', d.name, 'game', d.game, 'seed', d.seed, 'tick_rate', d.tick_rate, 'time_scale', d.time_scale,
        'catch_up', d.catch_up, 'durability', d.durability,
        -- The state names cells, by the number of the world they were first of.
        'config', d.config || jsonb_build_object('cell_world', coalesce((d.config ->> 'cell_world')::bigint, world % 256)),
        'systems', (SELECT coalesce(jsonb_agg(to_jsonb(s) - 'world'), '[]') FROM game.world_system AS s WHERE s.world = d.id),
        'checkpoints', (SELECT to_jsonb(p) - 'world' FROM game.checkpoint_policy AS p WHERE p.world = d.id))
    INTO header FROM game.world_definition AS d WHERE d.id = world;
    PERFORM game._require_world(world, FOUND);
    RETURN game._export_world(world, header::text);
END
$$;
COMMENT ON FUNCTION game.export_world(bigint) IS
    'a world as one value, to be kept in a file: what it is, and its state at the tick that the session sees, which gamelan.as_of_tick chooses; without its log and events. Errors: WG001 no such world';

CREATE FUNCTION game.import_world(file bytea, name text DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    header jsonb;
    tick bigint;
    world bigint;
BEGIN
    SELECT h.tick, h.header::jsonb INTO tick, header FROM game._world_file_header(file) AS h;
    world := game.create_world(coalesce(name, header ->> 'name'), header ->> 'game', (header ->> 'seed')::bigint,
        (header ->> 'tick_rate')::int, header -> 'config', 
        -- Where there is no standby, a world cannot wait for one.
        CASE WHEN header ->> 'durability' = 'replicated' AND current_setting('synchronous_standby_names') = '' THEN 'sync'
             ELSE header ->> 'durability' END);
    PERFORM game._begin_at(world, tick, (header ->> 'time_scale')::double precision, header ->> 'catch_up');
    INSERT INTO game.world_system SELECT (jsonb_populate_record(NULL::game.world_system, s || jsonb_build_object('world', world))).*
    FROM jsonb_array_elements(header -> 'systems') AS s;
    INSERT INTO game.checkpoint_policy SELECT (jsonb_populate_record(NULL::game.checkpoint_policy, p || jsonb_build_object('world', world))).*
    FROM (SELECT header -> 'checkpoints') AS c (p) WHERE jsonb_typeof(p) = 'object';
    PERFORM game._write_imported(file, world);
    RETURN world;
END
$$;
COMMENT ON FUNCTION game.import_world(bytea, text) IS
    'makes a world of a world file, under its old name or another; its game must be there. It stands at its tick until game.start_world. Errors: WG019 the file is damaged, 0A000 it is of a newer version, WG015 undefined game, 42710 name taken';
