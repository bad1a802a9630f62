-- What CREATE EXTENSION brings, and that nothing of it goes without an explanation.
CREATE EXTENSION gamelan;
\dx+ gamelan
-- Only what is in the manual: every member has a comment.
SELECT pg_describe_object(classid, objid, 0) AS has_no_comment
FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
  AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'gamelan')
  AND coalesce(obj_description(objid, classid::regclass::name), '') = ''
ORDER BY 1;
-- The settings, and that each says what it is for.
SELECT name, coalesce(unit, '') AS unit, context, boot_val, min_val, max_val
FROM pg_settings WHERE name LIKE 'gamelan.%' ORDER BY name COLLATE "C";
SELECT name, short_desc, extra_desc FROM pg_settings WHERE name LIKE 'gamelan.%' ORDER BY name COLLATE "C" \gx
SET gamelan.no_such_setting = 1;
SET gamelan.max_queued_commands = 0;
-- Its place cannot be chosen, and there is one of it.
CREATE EXTENSION gamelan;
ALTER EXTENSION gamelan SET SCHEMA public;

-- For the tests that follow: runs a command and tells what became of it.
CREATE FUNCTION outcome(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    code text;
    message text;
    detail text;
    hint text;
BEGIN
    EXECUTE command;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
        detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n', code || ': ' || message, 'DETAIL: ' || nullif(detail, ''), 'HINT: ' || nullif(hint, ''));
END
$$;
-- Polls until the query is true; false when it has not become so in half a minute.
CREATE PROCEDURE wait_until(query text, INOUT became_true boolean DEFAULT false) LANGUAGE plpgsql AS $$
BEGIN
    FOR attempt IN 1..600 LOOP
        EXECUTE query INTO became_true;
        EXIT WHEN became_true;
        COMMIT;
        PERFORM pg_sleep(0.05);
    END LOOP;
    became_true := coalesce(became_true, false);
END
$$;
-- The worker has found the extension when it plays a world.
SELECT game.create_world('first', 'hexfactory', seed => 1, config => '{"frequency": 1}') AS world \gset
CALL wait_until('SELECT count(*) = 1 FROM game._world_runtime()');
SELECT game.step_world(:world);
SELECT game.drop_world(:world);
