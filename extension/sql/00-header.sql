\echo Use "CREATE EXTENSION gamelan" to load this file. \quit
SET LOCAL search_path TO pg_catalog, pg_temp;

-- Roles belong to the cluster, not to the extension: they may exist already, and outlive it.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['gamelan_player', 'gamelan_gateway', 'gamelan_admin'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) name) THEN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', name);
        END IF;
    END LOOP;
END
$$;
GRANT gamelan_player TO gamelan_gateway, gamelan_admin;

REVOKE ALL ON SCHEMA game FROM PUBLIC;
GRANT USAGE ON SCHEMA game TO gamelan_player, gamelan_gateway, gamelan_admin;
COMMENT ON SCHEMA game IS 'Gamelan: worlds, the commands that change them, and what is kept of them';

CREATE FUNCTION game._library_version() RETURNS text
    LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'gamelan_library_version';
COMMENT ON FUNCTION game._library_version() IS 'the version of the library that the server runs';
