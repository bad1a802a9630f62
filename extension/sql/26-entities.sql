-- Entities and single rows of their components. INSERT, UPDATE, DELETE and COPY on components need nothing from here.

CREATE FUNCTION game._reserve_entities(world bigint, count int, template text) RETURNS bigint[]
    LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_reserve_entities';
COMMENT ON FUNCTION game._reserve_entities(bigint, int, text) IS
    'handles that no other session gets, of entities that exist from the first tick after this transaction commits';

CREATE FUNCTION game.despawn(world bigint, entity bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_despawn';
COMMENT ON FUNCTION game.despawn(bigint, bigint) IS
    'removes an entity with all its rows, at the first tick after this transaction commits. Errors: WG020 no such entity';

CREATE FUNCTION game.version(world bigint, entity bigint, component regclass) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_row_version';
COMMENT ON FUNCTION game.version(bigint, bigint, regclass) IS
    'the tick of the last change of a row, in the newest published tick; null when there is no such row. For a component of cells, entity is the cell';

CREATE FUNCTION game._write_mode(kind text, component regclass, version bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_write_mode';
COMMENT ON FUNCTION game._write_mode(text, regclass, bigint) IS 'says what becomes of the rows that the next statement writes to the component';

CREATE FUNCTION game._submit_writes(world bigint) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_submit_writes';
COMMENT ON FUNCTION game._submit_writes(bigint) IS 'has the world apply the guarded writes kept so far; returns the tick that did';

CREATE FUNCTION game._handle_column(component regclass) RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.attname::text FROM pg_attribute AS a JOIN pg_foreign_table AS f ON f.ftrelid = a.attrelid
    JOIN pg_foreign_server AS s ON s.oid = f.ftserver AND s.srvname = 'gamelan'
    WHERE a.attrelid = component AND a.attname IN ('entity', 'cell') AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION game._handle_column(regclass) IS 'entity or cell; null for what is no component';

CREATE FUNCTION game._require_component(component regclass) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    handle text := game._handle_column(component);
BEGIN
    IF handle IS NULL THEN
        RAISE EXCEPTION '% is no component', component USING ERRCODE = 'wrong_object_type',
            HINT = 'Components are foreign tables that inherit from game.component or game.cell.';
    END IF;
    RETURN handle;
END
$$;
COMMENT ON FUNCTION game._require_component(regclass) IS 'the column that names the rows of a component';

-- The columns that an object names, as lists for a statement: (names, "name = r.name", types).
CREATE FUNCTION game._named_columns(component regclass, "values" jsonb, OUT names text, OUT assignments text, OUT types text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    unknown text;
BEGIN
    PERFORM game._require_component(component);
    IF "values" IS NULL OR jsonb_typeof("values") <> 'object' THEN
        RAISE EXCEPTION 'the values of a row are a JSON object' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Name columns and values, for instance {"hp": 50}.';
    END IF;
    SELECT string_agg(k, ', ') INTO unknown FROM jsonb_object_keys("values") AS k
    WHERE NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = component AND a.attname = k AND a.attnum > 0
                      AND NOT a.attisdropped AND a.attgenerated = '' AND k NOT IN ('world', game._handle_column(component)));
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'component % has no column % that could be written', component, unknown USING ERRCODE = 'undefined_column';
    END IF;
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
           string_agg(format('%I = r.%I', a.attname, a.attname), ', ' ORDER BY a.attnum),
           string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
    INTO names, assignments, types
    FROM pg_attribute AS a WHERE a.attrelid = component AND a.attnum > 0 AND NOT a.attisdropped AND "values" ? a.attname::text;
END
$$;
COMMENT ON FUNCTION game._named_columns(regclass, jsonb) IS 'checks that all keys are columns that can be written, and lists them';

CREATE FUNCTION game.update(world bigint, entity bigint, component regclass, "values" jsonb, expected_version bigint)
    RETURNS bigint LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    columns record := game._named_columns(component, "values");
    rows_found bigint;
BEGIN
    IF columns.names IS NULL THEN
        RAISE EXCEPTION 'there is nothing to update' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Name columns and values, for instance {"hp": 50}.';
    END IF;
    PERFORM game._write_mode('guarded', component, expected_version);
    EXECUTE format('UPDATE %s AS t SET %s FROM jsonb_to_record($3) AS r(%s) WHERE t.world = $1 AND t.%I = $2',
                   component, columns.assignments, columns.types, game._handle_column(component))
        USING world, entity, "values";
    GET DIAGNOSTICS rows_found = ROW_COUNT;
    IF rows_found = 0 THEN
        PERFORM game._write_mode('queue', component, 0);
        RAISE EXCEPTION 'entity % of world % has no row in component %', entity, world, component USING ERRCODE = 'no_data_found',
            HINT = 'game.put() makes one.';
    END IF;
    RETURN game._submit_writes(world);
END
$$;
COMMENT ON FUNCTION game.update(bigint, bigint, regclass, jsonb, bigint) IS
    'changes columns of a row if its version is still the expected one, and waits until that is durable, like game.call; returns the new version. Errors: 40001 the row has changed and stays as it is, P0002 no such row';

CREATE FUNCTION game.put(world bigint, entity bigint, component regclass, "values" jsonb DEFAULT '{}') RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    columns record := game._named_columns(component, "values");
    handle text := game._handle_column(component);
    rows_found bigint := 0;
BEGIN
    PERFORM game._write_mode('put', component, 0);
    IF columns.names IS NOT NULL THEN
        EXECUTE format('UPDATE %s AS t SET %s FROM jsonb_to_record($3) AS r(%s) WHERE t.world = $1 AND t.%I = $2',
                       component, columns.assignments, columns.types, handle)
            USING world, entity, "values";
        GET DIAGNOSTICS rows_found = ROW_COUNT;
        IF rows_found = 0 THEN
            EXECUTE format('INSERT INTO %s (world, %I, %s) SELECT $1, $2, r.* FROM jsonb_to_record($3) AS r(%s)',
                           component, handle, columns.names, columns.types)
                USING world, entity, "values";
        END IF;
    ELSE
        EXECUTE format('INSERT INTO %s (world, %I) VALUES ($1, $2)', component, handle) USING world, entity;
    END IF;
    PERFORM game._write_mode('queue', component, 0);
END
$$;
COMMENT ON FUNCTION game.put(bigint, bigint, regclass, jsonb) IS
    'writes columns of a row, which need not be there yet: then the others get their defaults. Takes effect at the first tick after this transaction commits, whatever that finds';

-- The engine's own component of all worlds: which entities live.
CREATE FOREIGN TABLE game._entity (
    world bigint NOT NULL,
    entity bigint NOT NULL,
    created bigint,
    template text
) SERVER gamelan;
COMMENT ON FOREIGN TABLE game._entity IS 'the living entities of all worlds';
CREATE VIEW game.entity AS
    SELECT e.world, e.entity, e.created, e.template, 'alive'::text AS state FROM game._entity AS e;
COMMENT ON VIEW game.entity IS 'the entities of all worlds, in the newest published tick';
COMMENT ON COLUMN game.entity.entity IS 'handle: names this entity for ever, and never another';
COMMENT ON COLUMN game.entity.created IS 'the tick that made it';
COMMENT ON COLUMN game.entity.template IS 'what it was made from; null for a bare one';
COMMENT ON COLUMN game.entity.state IS 'alive; an entity whose spawn waits for a tick is not here yet, one that was despawned no more';
