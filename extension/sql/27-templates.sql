-- Templates: what an entity is made of when it is spawned.

CREATE TABLE game.template (
    game text NOT NULL,
    name text NOT NULL,
    components jsonb NOT NULL,
    inherits text,
    PRIMARY KEY (game, name)
);
COMMENT ON TABLE game.template IS 'templates of entities: their components and the values they start with';
COMMENT ON COLUMN game.template.components IS 'an object: component name to an object of values; columns that are not named get their defaults';
COMMENT ON COLUMN game.template.inherits IS 'the template of the same game whose components and values come first';
SELECT pg_catalog.pg_extension_config_dump('game.template', '');

CREATE FUNCTION game._template_name(INOUT name text, INOUT game text)
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF game IS NULL AND strpos(name, '.') > 1 THEN
        game := split_part(name, '.', 1);
    END IF;
    IF game IS NULL THEN
        RAISE EXCEPTION 'template "%" is of no game', name USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Put the game before its name, as in arena.orc, or name it with game => ''arena''.';
    END IF;
    IF starts_with(name, game || '.') THEN
        name := substr(name, length(game) + 2);
    END IF;
    IF name IS NULL OR name !~ '\S' OR octet_length(name) > 63 OR strpos(name, '.') > 0 THEN
        RAISE EXCEPTION 'a template needs a name of 1 to 63 bytes without dots' USING ERRCODE = 'invalid_parameter_value';
    END IF;
END
$$;
COMMENT ON FUNCTION game._template_name(text, text) IS 'takes arena.orc apart: the name within its game, and the game';

CREATE FUNCTION game._component_columns(game text, component text, "values" jsonb, OUT column_names text, OUT column_types text)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    component_oid oid;
    unknown text;
BEGIN
    SELECT c.oid INTO component_oid
    FROM pg_class AS c JOIN pg_foreign_table AS f ON f.ftrelid = c.oid JOIN pg_foreign_server AS s ON s.oid = f.ftserver
    WHERE c.relname = component AND c.relnamespace = (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname = game)
      AND s.srvname = 'gamelan'
      AND EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attname = 'entity' AND NOT a.attisdropped);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'game "%" has no component "%" of entities', game, component USING ERRCODE = 'undefined_table',
            HINT = coalesce('It has: ' || (
                SELECT string_agg(c.relname, ', ' ORDER BY c.relname)
                FROM pg_class AS c JOIN pg_foreign_table AS f ON f.ftrelid = c.oid
                JOIN pg_foreign_server AS s ON s.oid = f.ftserver
                JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'entity' AND NOT a.attisdropped
                WHERE c.relnamespace = (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname = game) AND s.srvname = 'gamelan'
                ) || '.', 'It has none yet; see CREATE FOREIGN TABLE … INHERITS (game.component) SERVER gamelan.');
    END IF;
    IF jsonb_typeof("values") IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'the values of component "%" must be a JSON object', component USING ERRCODE = 'invalid_parameter_value',
            HINT = 'An empty object takes the defaults of all columns.';
    END IF;
    SELECT k INTO unknown FROM jsonb_object_keys("values") AS k
    WHERE k IN ('world', 'entity') OR NOT EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = component_oid AND a.attname = k AND a.attnum > 0 AND NOT a.attisdropped)
    ORDER BY k LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'component "%" has no column "%" that could be given', component, unknown USING ERRCODE = 'undefined_column',
            HINT = coalesce('Its columns are: ' || (
                SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) FROM pg_attribute AS a
                WHERE a.attrelid = component_oid AND a.attnum > 0 AND NOT a.attisdropped
                  AND a.attname NOT IN ('world', 'entity')) || '.', 'It has no columns.');
    END IF;
    SELECT string_agg(format('%I', a.attname), ', ' ORDER BY a.attnum),
           string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
    INTO column_names, column_types
    FROM pg_attribute AS a
    WHERE a.attrelid = component_oid AND a.attnum > 0 AND NOT a.attisdropped AND "values" ? a.attname::text;
END
$$;
COMMENT ON FUNCTION game._component_columns(text, text, jsonb) IS
    'the columns of a component that values name, as lists for a statement; refuses components and columns that there are not';

CREATE FUNCTION game._template_rows(game text, name text, overrides jsonb DEFAULT '{}') RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    depth_limit CONSTANT int := 16;
    layers jsonb[] := ARRAY[overrides];
    layer jsonb;
    next_name text := name;
    step game.template;
    merged jsonb := '{}';
    component text;
    "values" jsonb;
BEGIN
    WHILE next_name IS NOT NULL LOOP
        SELECT t.* INTO step FROM game.template AS t WHERE t.game = game AND t.name = next_name;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'game "%" has no template "%"', game, next_name USING ERRCODE = 'undefined_object',
                HINT = 'SELECT name FROM game.template WHERE game = ' || quote_literal(game) || ' lists them.';
        END IF;
        IF cardinality(layers) > depth_limit THEN
            RAISE EXCEPTION 'template "%" inherits from more than % others', name, depth_limit - 1
                USING ERRCODE = 'program_limit_exceeded', HINT = 'Let it inherit from one nearer to the root.';
        END IF;
        layers := step.components || layers;
        next_name := step.inherits;
    END LOOP;
    -- The root first; a component that is null is taken away, whatever it had before.
    FOREACH layer IN ARRAY layers LOOP
        IF jsonb_typeof(layer) IS DISTINCT FROM 'object' THEN
            RAISE EXCEPTION 'components must be a JSON object' USING ERRCODE = 'invalid_parameter_value',
                HINT = 'For instance {"health": {"hp": 50}}.';
        END IF;
        FOR component, "values" IN SELECT * FROM jsonb_each(layer) LOOP
            merged := CASE
                WHEN jsonb_typeof("values") = 'null' THEN merged - component
                WHEN jsonb_typeof("values") = 'object' AND merged ? component
                    THEN jsonb_set(merged, ARRAY[component], (merged -> component) || "values")
                ELSE merged || jsonb_build_object(component, "values") END;
        END LOOP;
    END LOOP;
    RETURN merged;
END
$$;
COMMENT ON FUNCTION game._template_rows(text, text, jsonb) IS
    'components and values of a template with those it inherits and with overrides; a component that is null is taken away';

CREATE FUNCTION game._check_values(game text, components jsonb) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    component text;
    "values" jsonb;
    columns record;
BEGIN
    FOR component, "values" IN SELECT * FROM jsonb_each(components) LOOP
        columns := game._component_columns(game, component, "values");
        IF columns.column_types IS NOT NULL THEN
            EXECUTE format('SELECT FROM jsonb_to_record($1) AS r(%s)', columns.column_types) USING "values";
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION game._check_values(text, jsonb) IS 'refuses values that do not fit their columns'' types and domains';

CREATE FUNCTION game._store_template(game text, name text, components jsonb, inherits text) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    -- Held until the end, so that neither is dropped meanwhile.
    PERFORM FROM game.game AS g WHERE g.name = game FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'game "%" does not exist', game USING ERRCODE = 'WG015',
            HINT = 'SELECT name FROM game.game lists the games made with SQL.';
    END IF;
    IF inherits IS NOT NULL THEN
        PERFORM FROM game.template AS t WHERE t.game = game AND t.name = inherits FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'game "%" has no template "%"', game, inherits USING ERRCODE = 'undefined_object',
                HINT = 'SELECT name FROM game.template WHERE game = ' || quote_literal(game) || ' lists them.';
        END IF;
    END IF;
    INSERT INTO game.template AS t (game, name, components, inherits) VALUES (game, name, components, inherits) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'template "%" already exists in game "%"', name, game USING ERRCODE = 'duplicate_object',
            HINT = 'Drop it first: SELECT game.drop_template(' || quote_literal(game || '.' || name) || ');';
    END IF;
END
$$;
COMMENT ON FUNCTION game._store_template(text, text, jsonb, text) IS 'what game.create_template does with more rights than its caller has';

CREATE FUNCTION game.create_template(name text, components jsonb, inherits text DEFAULT NULL, game text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    own record := game._template_name(name, game);
    parent record;
BEGIN
    IF components IS NULL THEN
        RAISE EXCEPTION 'a template needs components' USING ERRCODE = 'null_value_not_allowed',
            HINT = 'They may be an empty object.';
    END IF;
    IF inherits IS NOT NULL THEN
        parent := game._template_name(inherits, own.game);
        IF parent.name = own.name THEN
            RAISE EXCEPTION 'template "%" cannot inherit from itself', own.name USING ERRCODE = 'invalid_object_definition';
        END IF;
        inherits := parent.name;
    END IF;
    PERFORM game._store_template(own.game, own.name, components, inherits);
    -- As the caller: types and domains may run code of whoever made them.
    PERFORM game._check_values(own.game, game._template_rows(own.game, own.name));
END
$$;
COMMENT ON FUNCTION game.create_template(text, jsonb, text, text) IS
    'makes a template, named arena.orc or orc with game => ''arena'': components and the values they start with, after those of the template it inherits. Errors: WG015 no such game, 42P01 and 42703 no such component or column, 42704 no such parent, 42710 name taken, 54000 too deep';

CREATE FUNCTION game.drop_template(name text, game text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    own record := game._template_name(name, game);
    heirs text;
BEGIN
    DELETE FROM game.template AS t WHERE t.game = own.game AND t.name = own.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'game "%" has no template "%"', own.game, own.name USING ERRCODE = 'undefined_object',
            HINT = 'SELECT name FROM game.template WHERE game = ' || quote_literal(own.game) || ' lists them.';
    END IF;
    SELECT string_agg(t.name, ', ' ORDER BY t.name) INTO heirs FROM game.template AS t WHERE t.game = own.game AND t.inherits = own.name;
    IF heirs IS NOT NULL THEN
        RAISE EXCEPTION 'template "%" cannot be dropped because others inherit from it', own.name
            USING ERRCODE = 'dependent_objects_still_exist', DETAIL = 'They are: ' || heirs || '.', HINT = 'Drop those first.';
    END IF;
END
$$;
COMMENT ON FUNCTION game.drop_template(text, text) IS 'removes a template; entities that were made from it stay. Errors: 42704 no such template, 2BP01 others inherit from it';

CREATE FUNCTION game._game_of(world bigint) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    its_game text;
BEGIN
    SELECT d.game INTO its_game FROM game.world_definition AS d WHERE d.id = world;
    PERFORM game._require_world(world, FOUND);
    RETURN its_game;
END
$$;
COMMENT ON FUNCTION game._game_of(bigint) IS 'the game a world is of';

CREATE FUNCTION game._insert_components(world bigint, entities bigint[], game text, components jsonb) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    component text;
    "values" jsonb;
    columns record;
BEGIN
    FOR component, "values" IN SELECT c.key, c.value FROM jsonb_each(components) AS c ORDER BY c.key LOOP
        columns := game._component_columns(game, component, "values");
        IF columns.column_names IS NULL THEN
            EXECUTE format('INSERT INTO %I.%I (world, entity) SELECT $1, e FROM unnest($2) AS e', game, component)
                USING world, entities;
        ELSE
            EXECUTE format('INSERT INTO %I.%I (world, entity, %s) SELECT $1, e, r.* FROM jsonb_to_record($3) AS r(%s), unnest($2) AS e',
                           game, component, columns.column_names, columns.column_types)
                USING world, entities, "values";
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION game._insert_components(bigint, bigint[], text, jsonb) IS
    'gives the same components and values to all entities named, one statement a component; other columns get their defaults';

CREATE FUNCTION game._spawn(world bigint, count int, template text, overrides jsonb) RETURNS bigint[]
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    its_game text := game._game_of(world);
    own record;
    components jsonb;
    entities bigint[];
BEGIN
    IF count IS NULL OR count < 0 THEN
        RAISE EXCEPTION 'cannot spawn % entities', coalesce(count::text, 'null') USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF template IS NOT NULL THEN
        own := game._template_name(template, its_game);
        template := own.name;
    END IF;
    components := game._template_rows(its_game, template, coalesce(overrides, '{}'));
    entities := game._reserve_entities(world, count, template);
    PERFORM game._insert_components(world, entities, its_game, components);
    RETURN entities;
END
$$;
COMMENT ON FUNCTION game._spawn(bigint, int, text, jsonb) IS 'what game.spawn and game.spawn_many share';

CREATE FUNCTION game.spawn(world bigint, template text DEFAULT NULL, overrides jsonb DEFAULT '{}') RETURNS bigint
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$ SELECT (game._spawn($1, 1, $2, $3))[1] $$;
COMMENT ON FUNCTION game.spawn(bigint, text, jsonb) IS
    'makes an entity from a template, with other values where overrides names them, for instance {"health": {"hp": 50}}; returns its handle. It exists from the first tick after this transaction commits';

CREATE FUNCTION game.spawn_many(world bigint, count int, template text DEFAULT NULL) RETURNS SETOF bigint
    LANGUAGE sql VOLATILE ROWS 1000 SET search_path = pg_catalog, pg_temp
    AS $$ SELECT unnest(game._spawn($1, $2, $3, '{}')) $$;
COMMENT ON FUNCTION game.spawn_many(bigint, int, text) IS 'makes that many entities from a template; returns their handles';
