-- What can be seen to be wrong, or slow, in the declarations of a game.

CREATE FUNCTION game._routines_of(game text, OUT kind text, OUT name text, OUT routine oid, OUT role text) RETURNS SETOF record
    LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'system', s.name, s.procedure, format('system "%s"', s.name) FROM game._ordered_systems($1) AS s WHERE s.kind = 'sql'
    UNION ALL
    SELECT 'condition', s.name, s.condition, format('condition "%s" of system "%s"', s.wake_when, s.name)
    FROM game._ordered_systems($1) AS s WHERE s.wake_when IS NOT NULL
    UNION ALL
    SELECT r.kind, a.name, (SELECT min(p.oid) FROM pg_proc AS p WHERE p.pronamespace = n.oid AND p.proname = r.function AND p.prokind = 'f'),
           CASE r.kind WHEN 'action' THEN format('action "%s"', a.name) ELSE format('policy "%s" of action "%s"', a.policy, a.name) END
    FROM game.action AS a CROSS JOIN LATERAL (VALUES ('action', a.name), ('policy', a.policy)) AS r(kind, function)
    LEFT JOIN pg_namespace AS n ON n.nspname = a.game
    WHERE a.game = $1 AND r.function IS NOT NULL
$$;
COMMENT ON FUNCTION game._routines_of(text) IS 'the procedures and functions a game is played by; null where there is none any more';

CREATE FUNCTION game._column_uses(game text, OUT kind text, OUT name text, OUT component oid, OUT "column" text, OUT access text) RETURNS SETOF record
    LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE seen(kind, name, relation, "column", access) AS (
        SELECT r.kind, r.name, c.relation, c."column", c.access
        FROM game._routines_of($1) AS r CROSS JOIN LATERAL game._body_columns(r.routine) AS c
        UNION
        -- What inherits from a component has its columns.
        SELECT s.kind, s.name, i.inhrelid, s."column", s.access FROM seen AS s JOIN pg_inherits AS i ON i.inhparent = s.relation)
    SELECT DISTINCT s.kind, s.name, s.relation, s."column", s.access FROM seen AS s WHERE game._handle_column(s.relation) IS NOT NULL
$$;
COMMENT ON FUNCTION game._column_uses(text) IS
    'which columns of components the systems, actions, conditions and policies of a game use, as far as that can be seen; null for rows as a whole';

CREATE FUNCTION game._lint_routines(game text) RETURNS TABLE (severity text, object text, message text, hint text)
    LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'error', r.role, 'its routine does not exist', CASE r.kind WHEN 'policy' THEN 'The action refuses all calls.'
        WHEN 'action' THEN 'Make it again, or game.drop_action().' ELSE 'Make it again, or game.drop_system().' END
    FROM game._routines_of($1) AS r WHERE r.routine IS NULL
    UNION ALL
    SELECT DISTINCT 'error', r.role, format('it uses %s', u.call), u.hint
    FROM game._routines_of($1) AS r CROSS JOIN LATERAL game._unsteady_calls(r.routine) AS u
    UNION ALL
    SELECT CASE WHEN t.call IS NULL THEN 'info' ELSE 'warning' END, r.role,
           CASE WHEN t.call IS NOT NULL THEN format('%s seems to use %s', CASE WHEN h.is_own THEN 'it' ELSE h.hidden::regprocedure::text END, t.call)
                WHEN h.is_own THEN 'its body is kept as text: it cannot be compiled, and what it uses cannot be seen'
                ELSE format('it calls %s, whose body is kept as text', h.hidden::regprocedure) END,
           CASE WHEN t.call IS NOT NULL THEN 'Each tick must follow from the state before it: use game.now() and game.random(key).'
                ELSE 'Write it in LANGUAGE sql with BEGIN ATOMIC … END, or RETURN.' END
    FROM game._routines_of($1) AS r CROSS JOIN LATERAL game._hidden_bodies(r.routine) AS h JOIN pg_proc AS p ON p.oid = h.hidden
    LEFT JOIN LATERAL (
        SELECT m[1] || '()' AS call FROM regexp_matches(p.prosrc,
            '(?:^|[^.\w]|pg_catalog\.)(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday|random|gen_random_uuid|nextval|pg_sleep)\s*\(', 'gi') AS m
        GROUP BY m[1]) AS t ON true
$$;
COMMENT ON FUNCTION game._lint_routines(text) IS 'the part of game.lint about single systems and actions';

CREATE FUNCTION game._lint_declarations(game text) RETURNS TABLE (severity text, object text, message text, hint text)
    LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'warning', format('system "%s"', s.name), format('there is no system "%s", which it names in %s', o.name, o.list),
           'Make that system, or take the name out with game.alter_system().'
    FROM game.system AS s
    CROSS JOIN LATERAL (SELECT unnest(s.after), 'after' UNION ALL SELECT unnest(s.before), 'before') AS o(name, list)
    WHERE s.game = $1 AND NOT EXISTS (SELECT FROM game.system AS t WHERE t.game = $1 AND t.name = o.name)
    UNION ALL
    SELECT 'warning', format('system "%s"', s.name), format('there is no component "%s" to observe', c.name), 'Make it, or observe another one with game.alter_system().'
    FROM game.system AS s CROSS JOIN LATERAL unnest(s.components) AS c(name)
    WHERE s.game = $1 AND NOT EXISTS (SELECT FROM pg_class AS k JOIN pg_namespace AS n ON n.oid = k.relnamespace
                                      WHERE n.nspname = $1 AND k.relname = c.name AND game._handle_column(k.oid) IS NOT NULL)
    UNION ALL
    SELECT 'warning', format('action "%s"', a.name), 'everybody may call it',
           format('REVOKE EXECUTE ON FUNCTION %I.%I FROM PUBLIC, and GRANT it to those who may.', a.game, a.name)
    FROM game.action AS a JOIN pg_namespace AS n ON n.nspname = a.game JOIN pg_proc AS p ON p.pronamespace = n.oid AND p.proname = a.name
    WHERE a.game = $1 AND a.policy IS NULL AND has_function_privilege('public', p.oid, 'EXECUTE')
    UNION ALL
    SELECT 'error', format('system "%s"', w.name), format('it is suspended in world %s: %s', w.world, w.suspended_reason),
           format('See game.system_error; game.enable_system(%s, %L) lets it run again.', w.world, w.name)
    FROM game.world_system AS w JOIN game.world_definition AS d ON d.id = w.world
    WHERE d.game = $1 AND w.suspended_reason IS NOT NULL
$$;
COMMENT ON FUNCTION game._lint_declarations(text) IS 'the part of game.lint about what declarations name';

CREATE FUNCTION game._lint_columns(game text) RETURNS TABLE (severity text, object text, message text, hint text)
    LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE uses AS MATERIALIZED (SELECT * FROM game._column_uses($1)),
    -- Bodies that cannot be seen may use whatever they mention.
    texts AS MATERIALIZED (
        SELECT DISTINCT p.prosrc FROM game._routines_of($1) AS r CROSS JOIN LATERAL game._hidden_bodies(r.routine) AS h JOIN pg_proc AS p ON p.oid = h.hidden),
    components AS MATERIALIZED (
        SELECT c.oid, c.relname::text AS name FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relkind = 'f' AND game._handle_column(c.oid) IS NOT NULL),
    runs_before(first, second) AS (
        SELECT e.first, e.second FROM game._order_edges($1) AS e
        UNION SELECT r.first, e.second FROM runs_before AS r JOIN game._order_edges($1) AS e ON e.first = r.second),
    races AS (
        SELECT a.name AS one, b.name AS other, string_agg(DISTINCT c.name || coalesce('.' || coalesce(u."column", v."column"), ''), ', ') AS columns
        FROM game.system AS a
        JOIN game.system AS b ON b.game = a.game AND b.name > a.name AND (b.phase, b.run_on, b.priority) = (a.phase, a.run_on, a.priority)
        JOIN uses AS u ON u.kind = 'system' AND u.name = a.name AND u.access <> 'read'
        JOIN uses AS v ON v.kind = 'system' AND v.name = b.name AND v.access <> 'read' AND v.component = u.component
            AND (u."column" = v."column" OR u."column" IS NULL OR v."column" IS NULL)
        JOIN components AS c ON c.oid = u.component
        WHERE a.game = $1 AND NOT EXISTS (SELECT FROM runs_before AS r WHERE (r.first, r.second) IN ((a.name, b.name), (b.name, a.name)))
        GROUP BY a.name, b.name)
    SELECT 'warning', format('systems "%s" and "%s"', r.one, r.other), format('both write %s, and only their names order them', r.columns),
           format('Say which comes first: SELECT game.alter_system(%L, after => ''{%s}'');', $1 || '.' || r.other, r.one)
    FROM races AS r
    UNION ALL
    SELECT 'info', format('component "%s"', c.name), 'no system and no action uses it', 'Drop it if nothing else does.'
    FROM components AS c
    WHERE NOT EXISTS (SELECT FROM uses AS u WHERE u.component = c.oid)
      AND NOT EXISTS (SELECT FROM game.system AS s WHERE s.game = $1 AND c.name = ANY (s.components))
      AND NOT EXISTS (SELECT FROM texts AS t WHERE t.prosrc ~ ('\m' || regexp_replace(c.name, '(\W)', '\\\1', 'g') || '\M'))
    UNION ALL
    SELECT 'info', format('system "%s"', s.name), format('no system and no action makes what it observes: %s of component "%s"', s.run_on, o.name),
           'It runs only for what other SQL does.'
    FROM game.system AS s CROSS JOIN LATERAL unnest(s.components) AS o(name) JOIN components AS c ON c.name = o.name
    WHERE s.game = $1
      AND NOT EXISTS (SELECT FROM uses AS u WHERE u.component = c.oid
                      AND u.access = CASE s.run_on WHEN 'create' THEN 'insert' WHEN 'update' THEN 'update' ELSE 'delete' END)
      AND NOT (s.run_on = 'create' AND EXISTS (SELECT FROM game.template AS t WHERE t.game = $1 AND t.components ? o.name))
      AND s.run_on <> 'destroy'
      AND NOT EXISTS (SELECT FROM texts AS t WHERE t.prosrc ~ ('\m' || regexp_replace(o.name, '(\W)', '\\\1', 'g') || '\M'))
$$;
COMMENT ON FUNCTION game._lint_columns(text) IS 'the part of game.lint about who uses which components';

CREATE FUNCTION game._lint_paths(game text) RETURNS TABLE (severity text, object text, message text, hint text)
    LANGUAGE sql VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'info', r.role, format('statement %s is run by the executor: %s', e.statement, e.reason),
           format('Kernels are many times faster; SELECT * FROM game.explain_system(%L) tells more.', quote_ident($1) || '.' || quote_ident(r.name))
    FROM game._routines_of($1) AS r CROSS JOIN LATERAL game._explain_procedure(r.routine, $1) AS e
    WHERE r.kind = 'system' AND e.path = 'executor' AND NOT EXISTS (SELECT FROM game._hidden_bodies(r.routine) AS h WHERE h.is_own)
$$;
COMMENT ON FUNCTION game._lint_paths(text) IS 'the part of game.lint about what is not compiled';

CREATE FUNCTION game.lint(game text) RETURNS TABLE (severity text, object text, message text, hint text)
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF NOT game._game_exists($1) THEN
        RAISE EXCEPTION 'game "%" does not exist', $1 USING ERRCODE = 'WG015',
            HINT = 'SELECT name FROM game.game lists the games made with SQL.';
    END IF;
    RETURN QUERY SELECT * FROM (
        SELECT * FROM game._lint_routines($1)
        UNION ALL SELECT * FROM game._lint_paths($1)
        UNION ALL SELECT * FROM game._lint_declarations($1)
        UNION ALL SELECT * FROM game._lint_columns($1)) AS l(severity, object, message, hint)
    ORDER BY array_position('{error,warning,info}', l.severity), l.object, l.message;
END
$$;
COMMENT ON FUNCTION game.lint(text) IS
    'what seems wrong (error), risky (warning) or worth knowing (info) in the systems, actions and components of a game. Errors: WG015 no such game';
