\echo Use "ALTER EXTENSION gamelan UPDATE" to load this file. \quit
SET LOCAL search_path TO pg_catalog, pg_temp;

-- A server that was not restarted still runs the library of before.
DO $$
BEGIN
    CREATE OR REPLACE FUNCTION game._library_version() RETURNS text
        LANGUAGE c STABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'gamelan_library_version';
    IF game._library_version() <> '@VERSION@' THEN
        RAISE undefined_function;
    END IF;
EXCEPTION WHEN undefined_function THEN
    RAISE EXCEPTION 'the server does not run the library of version @VERSION@'
        USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Install it, restart the server, and try again.';
END
$$;

