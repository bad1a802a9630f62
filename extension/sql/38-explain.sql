-- How systems run, and why.

CREATE FUNCTION game._explain_procedure(
    procedure oid, game text, OUT statement int, OUT text text, OUT path text, OUT reason text, OUT steps text,
    OUT reads text[], OUT writes text[], OUT deterministic boolean, OUT estimated_ns double precision)
    RETURNS SETOF record
    LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'gamelan_explain_procedure';
COMMENT ON FUNCTION game._explain_procedure(oid, text) IS
    'what the compiler makes of a procedure: one row for each statement. Looks as the owner of the procedure; 55P03 when another session is changing what it names';

CREATE FUNCTION game.explain_system(
    name text, OUT statement int, OUT text text, OUT path text, OUT reason text, OUT steps text, OUT reads text[],
    OUT writes text[], OUT deterministic boolean, OUT estimated_ns double precision, OUT measured_ns double precision)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    own record := game._name_in_game(name, 'a system');
    procedure oid;
    measured double precision;
BEGIN
    SELECT sum(t.total_ms) * 1e6 / nullif(sum(t.entities), 0) INTO measured
    FROM game.pg_stat_gamelan_systems AS t JOIN game.world_definition AS d ON d.id = t.world
    WHERE d.game = own.game AND t.system = own.name;
    IF EXISTS (SELECT FROM game.system AS s WHERE s.game = own.game AND s.name = own.name AND s.kind = 'native') THEN
        RETURN QUERY SELECT 1, NULL::text, 'native'::text, NULL::text, NULL::text, NULL::text[], NULL::text[], true, NULL::double precision, measured;
        RETURN;
    END IF;
    SELECT p.oid INTO procedure FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname = own.game AND p.proname = own.name AND p.prokind = 'p' AND p.pronargs = 0;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'procedure %.%() does not exist', own.game, own.name USING ERRCODE = 'undefined_function';
    END IF;
    RETURN QUERY SELECT e.*, measured FROM game._explain_procedure(procedure, own.game) AS e;
END
$$;
COMMENT ON FUNCTION game.explain_system(text) IS
    'how a system runs, one row for each statement: path kernel (steps says what it does), executor (reason says why), or native; the columns it reads and writes, whether a replay could run it again, the nanoseconds that the statement is expected to take for each row it goes over, and those that the system took for each row it changed, in worlds in memory. The procedure need not be a system yet. Errors: 42883 no such procedure';
