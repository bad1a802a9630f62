-- Declaring games: a game is a schema, its components are foreign tables in it.

CREATE FUNCTION game._fdw_handler() RETURNS fdw_handler
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'gamelan_fdw_handler';
COMMENT ON FUNCTION game._fdw_handler() IS 'the access to components';
CREATE FUNCTION game._fdw_validator(text[], oid) RETURNS void
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'gamelan_fdw_validator';
COMMENT ON FUNCTION game._fdw_validator(text[], oid) IS 'checks options: of columns of components, index ''hash'' or ''ordered''';

CREATE FOREIGN DATA WRAPPER gamelan HANDLER game._fdw_handler VALIDATOR game._fdw_validator;
COMMENT ON FOREIGN DATA WRAPPER gamelan IS 'components in shared memory';
CREATE SERVER gamelan FOREIGN DATA WRAPPER gamelan;
COMMENT ON SERVER gamelan IS 'the hot state of the worlds of this database; components are its foreign tables';

CREATE TABLE game.component (
    world bigint NOT NULL,
    entity bigint NOT NULL
);
COMMENT ON TABLE game.component IS
    'what all components of entities inherit from: SELECT tableoid::regclass, * FROM game.component WHERE world = 1 AND entity = 7 lists everything an entity has';
COMMENT ON COLUMN game.component.world IS 'id of the world (game.world)';
COMMENT ON COLUMN game.component.entity IS 'handle of the entity; a handle is never used again';

CREATE TABLE game.cell (
    world bigint NOT NULL,
    cell bigint NOT NULL
);
COMMENT ON TABLE game.cell IS 'what all components of a grid''s cells inherit from: every cell of a world has a row in each';
COMMENT ON COLUMN game.cell.world IS 'id of the world (game.world)';
COMMENT ON COLUMN game.cell.cell IS 'id of the cell';

CREATE FUNCTION game._refuse_row() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'game.% holds no rows of its own', TG_TABLE_NAME
        USING ERRCODE = 'feature_not_supported', HINT = 'Insert into a component: a foreign table that inherits from it.';
END
$$;
COMMENT ON FUNCTION game._refuse_row() IS 'keeps rows out of the parents of all components';
CREATE TRIGGER no_rows BEFORE INSERT ON game.component FOR EACH STATEMENT EXECUTE FUNCTION game._refuse_row();
COMMENT ON TRIGGER no_rows ON game.component IS 'rows are in the components';
CREATE TRIGGER no_rows BEFORE INSERT ON game.cell FOR EACH STATEMENT EXECUTE FUNCTION game._refuse_row();
COMMENT ON TRIGGER no_rows ON game.cell IS 'rows are in the components';

-- Only who owns a table may inherit from it.
ALTER TABLE game.component OWNER TO gamelan_admin;
ALTER TABLE game.cell OWNER TO gamelan_admin;

CREATE TABLE game.game (
    name text PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE game.game IS 'the games of this database: each is the schema of that name';
SELECT pg_catalog.pg_extension_config_dump('game.game', '');
CREATE TRIGGER definitions_written AFTER INSERT OR UPDATE OR DELETE ON game.game
    FOR EACH STATEMENT EXECUTE FUNCTION game._definitions_written();
COMMENT ON TRIGGER definitions_written ON game.game IS 'the world worker reads the definitions again';

CREATE FUNCTION game._is_native_game(name text) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'gamelan_is_native_game';
COMMENT ON FUNCTION game._is_native_game(text) IS 'whether the name is that of a game built into this server';

CREATE FUNCTION game._check_game_name(name text) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF name IS NULL OR name !~ '\S' OR octet_length(name) > 63 THEN
        RAISE EXCEPTION 'a game needs a name of 1 to 63 bytes' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF name IN ('game', 'public', 'information_schema') OR name LIKE 'pg\_%' OR game._is_native_game(name) THEN
        RAISE EXCEPTION 'a game cannot be called "%"', name USING ERRCODE = 'reserved_name',
            DETAIL = CASE WHEN game._is_native_game(name) THEN 'It is a game built into this server.'
                          ELSE 'It is the name of a schema with another purpose.' END,
            HINT = 'Choose another name; the game becomes a schema of that name.';
    END IF;
END
$$;
COMMENT ON FUNCTION game._check_game_name(text) IS 'refuses names that no game can have';

CREATE FUNCTION game._register_game(name text, owner name) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    schema_owner oid;
BEGIN
    PERFORM game._check_game_name(name);
    IF NOT pg_has_role(session_user, owner, 'MEMBER') THEN
        RAISE EXCEPTION 'permission denied to act as role "%"', owner USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT n.nspowner INTO schema_owner FROM pg_namespace AS n WHERE n.nspname = name;
    IF NOT FOUND THEN
        EXECUTE format('CREATE SCHEMA %I AUTHORIZATION %I', name, owner);
    ELSIF NOT pg_has_role(owner, schema_owner, 'USAGE') THEN
        RAISE EXCEPTION 'must be owner of schema %', name USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO game.game AS g (name) VALUES (name) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'game "%" already exists', name USING ERRCODE = 'duplicate_object';
    END IF;
    PERFORM game._definitions_changed();
END
$$;
COMMENT ON FUNCTION game._register_game(text, name) IS 'makes the schema of a game, and its row in game.game';

CREATE FUNCTION game.create_game(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM game._register_game(name, current_user);
END
$$;
COMMENT ON FUNCTION game.create_game(text) IS
    'makes a game: a schema of that name, which may exist already if you own it. Its components are foreign tables in it. Errors: 42939 reserved name, 42710 name taken';

CREATE FUNCTION game._forget_game(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    worlds text;
BEGIN
    DELETE FROM game.game AS g WHERE g.name = name;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT string_agg(format('%s (%s)', d.id, d.name), ', ' ORDER BY d.id) INTO worlds
    FROM game.world_definition AS d WHERE d.game = name;
    IF worlds IS NOT NULL THEN
        RAISE EXCEPTION 'game "%" cannot be dropped because it has worlds', name
            USING ERRCODE = 'dependent_objects_still_exist', DETAIL = 'Worlds: ' || worlds || '.',
            HINT = 'Drop them first: SELECT game.drop_world(id) FROM game.world WHERE game = ' || quote_literal(name) || ';';
    END IF;
    DELETE FROM game.template AS t WHERE t.game = name;
    DELETE FROM game.system AS s WHERE s.game = name;
    DELETE FROM game.action AS a WHERE a.game = name;
    PERFORM game._definitions_changed();
END
$$;
COMMENT ON FUNCTION game._forget_game(text) IS 'what dropping the schema of a game does beside: removes its row, templates, systems and actions; refuses while it has worlds';

CREATE FUNCTION game._rename_game(old_name text, new_name text) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE game.game AS g SET name = new_name WHERE g.name = old_name;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM game._check_game_name(new_name);
    IF EXISTS (SELECT FROM game.world_definition AS d WHERE d.game = old_name) THEN
        RAISE EXCEPTION 'game "%" cannot be renamed because it has worlds', old_name
            USING ERRCODE = 'dependent_objects_still_exist',
            HINT = 'SELECT id, name FROM game.world WHERE game = ' || quote_literal(old_name) || ' lists them.';
    END IF;
    UPDATE game.template AS t SET game = new_name WHERE t.game = old_name;
    UPDATE game.system AS s SET game = new_name WHERE s.game = old_name;
    UPDATE game.action AS a SET game = new_name WHERE a.game = old_name;
    PERFORM game._definitions_changed();
END
$$;
COMMENT ON FUNCTION game._rename_game(text, text) IS 'what renaming the schema of a game does beside; refuses while it has worlds';

CREATE FUNCTION game.drop_game(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF NOT game._game_exists(name) THEN
        RAISE EXCEPTION 'game "%" does not exist', name USING ERRCODE = 'WG015',
            HINT = 'SELECT name FROM game.game lists the games made with SQL.';
    END IF;
    -- The event trigger does the rest, as it does for a plain DROP SCHEMA.
    EXECUTE format('DROP SCHEMA %I CASCADE', name);
END
$$;
COMMENT ON FUNCTION game.drop_game(text) IS
    'drops a game: its schema with all that is in it, its templates, systems and actions. Errors: WG015 no such game, 2BP01 it has worlds';

CREATE FUNCTION game._game_exists(name text) RETURNS boolean
    LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT EXISTS (SELECT FROM game.game AS g WHERE g.name = $1) $$;
COMMENT ON FUNCTION game._game_exists(text) IS 'whether a game made with SQL has that name';

CREATE FUNCTION game._complete_schema_config(config jsonb) RETURNS jsonb
    LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'gamelan_complete_schema_config';
COMMENT ON FUNCTION game._complete_schema_config(jsonb) IS
    'the same for games made with SQL: n, how fine the grid of hexagons is (0 = none, else a power of two), and layers';

CREATE FUNCTION game._ddl_ended() RETURNS event_trigger
    LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'gamelan_ddl_ended';
COMMENT ON FUNCTION game._ddl_ended() IS 'checks components that were created or altered, and the rows they have; systems and actions that were replaced or altered';
CREATE FUNCTION game._objects_dropped() RETURNS event_trigger
    LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'gamelan_objects_dropped';
COMMENT ON FUNCTION game._objects_dropped() IS 'follows what is dropped: components, systems, actions, and schemas that are games';

CREATE EVENT TRIGGER gamelan_ddl_ended ON ddl_command_end
    WHEN TAG IN ('CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE', 'CREATE TABLE', 'ALTER TABLE', 'CREATE SCHEMA', 'ALTER SCHEMA',
                 'ALTER TYPE', 'ALTER DOMAIN', 'CREATE FUNCTION', 'ALTER FUNCTION', 'CREATE PROCEDURE', 'ALTER PROCEDURE', 'ALTER ROUTINE')
    EXECUTE FUNCTION game._ddl_ended();
COMMENT ON EVENT TRIGGER gamelan_ddl_ended IS 'checks what is declared to be a component, a system or an action';
CREATE EVENT TRIGGER gamelan_objects_dropped ON sql_drop EXECUTE FUNCTION game._objects_dropped();
COMMENT ON EVENT TRIGGER gamelan_objects_dropped IS 'tells the world worker of dropped components; refuses to drop the schema of a game that has worlds';
