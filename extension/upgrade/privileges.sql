
-- Functions that were not there before have no privileges of their own yet. What an operator has granted or revoked
-- since stays as it is.
DO $$
DECLARE
    added regprocedure;
BEGIN
    FOR added IN
        SELECT p.oid FROM pg_proc AS p
        JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
        JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND e.extname = 'gamelan'
        WHERE p.proacl IS NULL
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', added);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO gamelan_admin', added);
    END LOOP;
END
$$;

