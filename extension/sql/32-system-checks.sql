-- What can be declared to be a system, and in which order: shared by those who declare and by the event triggers.

CREATE FUNCTION game._name_in_game(INOUT name text, what text, INOUT game text DEFAULT NULL)
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    parts text[];
BEGIN
    IF name IS NULL THEN
        RAISE EXCEPTION '% needs a name', what USING ERRCODE = 'null_value_not_allowed';
    END IF;
    parts := parse_ident(regexp_replace(name, '\s*\(\s*\)\s*$', ''));
    IF cardinality(parts) = 2 AND parts[1] = coalesce(game, parts[1]) THEN
        game := parts[1];
        name := parts[2];
    ELSIF cardinality(parts) = 1 AND game IS NOT NULL THEN
        name := parts[1];
    ELSIF cardinality(parts) = 2 THEN
        RAISE EXCEPTION '% is not of game "%"', name, game USING ERRCODE = 'invalid_parameter_value',
            HINT = format('Name %s of the same game.', what);
    ELSE
        RAISE EXCEPTION '"%" does not say of which game it is', name USING ERRCODE = 'invalid_parameter_value',
            HINT = format('Put the game before the name of %s, as in arena.movement.', what);
    END IF;
END
$$;
COMMENT ON FUNCTION game._name_in_game(text, text, text) IS
    'takes arena.movement apart: the name within its game, and the game. A name alone is of the game given';

CREATE FUNCTION game._names_in_game(names text[], what text, game text) RETURNS text[]
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
    AS $$ SELECT coalesce(array_agg((game._name_in_game(n, what, game)).name ORDER BY i), '{}') FROM unnest(names) WITH ORDINALITY AS u(n, i) $$;
COMMENT ON FUNCTION game._names_in_game(text[], text, text) IS 'the same for a list; none for null';

CREATE FUNCTION game._lock_game(name text, role name) RETURNS oid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    schema_id oid;
    owner oid;
BEGIN
    SELECT n.oid, n.nspowner INTO schema_id, owner FROM pg_namespace AS n WHERE n.nspname = name;
    IF NOT game._game_exists(name) THEN
        RAISE EXCEPTION 'game "%" does not exist', name USING ERRCODE = 'WG015',
            HINT = CASE WHEN schema_id IS NOT NULL THEN format('SELECT game.create_game(%L) makes the schema one.', name)
                   ELSE 'SELECT name FROM game.game lists the games made with SQL.' END;
    END IF;
    -- Nobody acts for others: not the session, nor the role it has taken on.
    IF NOT pg_has_role(coalesce(nullif(current_setting('role'), 'none'), session_user), role, 'MEMBER') THEN
        RAISE EXCEPTION 'permission denied to act as role "%"', role USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NOT pg_has_role(role, owner, 'USAGE') THEN
        RAISE EXCEPTION 'must be owner of game %', name USING ERRCODE = 'insufficient_privilege',
            HINT = 'Who owns the schema declares what its worlds play by.';
    END IF;
    -- One declaration at a time, so that two cannot make a cycle of their order.
    PERFORM FROM game.game AS g WHERE g.name = name FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'game "%" does not exist', name USING ERRCODE = 'WG015', DETAIL = 'It was dropped meanwhile.';
    END IF;
    RETURN schema_id;
END
$$;
COMMENT ON FUNCTION game._lock_game(text, name) IS
    'refuses who does not own the game, and keeps others from declaring anything in it meanwhile; returns its schema';

CREATE FUNCTION game._unsteady_calls(routine oid, OUT statement int, OUT call text, OUT hint text) RETURNS SETOF record
    LANGUAGE c STABLE STRICT ROWS 1 AS 'MODULE_PATHNAME', 'gamelan_unsteady_calls';
COMMENT ON FUNCTION game._unsteady_calls(oid) IS
    'what the body of a routine, or of a function it calls, asks of the clock, of chance or of the session, as far as PostgreSQL keeps it analysed';

CREATE FUNCTION game._body_columns(routine oid, OUT statement int, OUT relation oid, OUT "column" text, OUT access text) RETURNS SETOF record
    LANGUAGE c STABLE STRICT ROWS 10 AS 'MODULE_PATHNAME', 'gamelan_body_columns';
COMMENT ON FUNCTION game._body_columns(oid) IS
    'the columns that the body of a routine reads, inserts, updates or deletes, as far as PostgreSQL keeps it analysed; null for a row as a whole';

CREATE FUNCTION game._hidden_bodies(routine oid, OUT hidden oid, OUT is_own boolean) RETURNS SETOF record
    LANGUAGE c STABLE STRICT ROWS 1 AS 'MODULE_PATHNAME', 'gamelan_hidden_bodies';
COMMENT ON FUNCTION game._hidden_bodies(oid) IS
    'the routine itself, or functions it calls, whose bodies are kept as text and say nothing of what they use';

CREATE FUNCTION game._check_body(routine oid, what text) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unsteady record;
    language name;
BEGIN
    SELECT l.lanname INTO language FROM pg_proc AS p JOIN pg_language AS l ON l.oid = p.prolang WHERE p.oid = routine;
    IF language NOT IN ('sql', 'plpgsql') THEN
        RAISE EXCEPTION '% cannot be in language %', what, language USING ERRCODE = 'feature_not_supported',
            HINT = 'Write it in LANGUAGE sql with BEGIN ATOMIC … END, which can be compiled, or in plpgsql.';
    END IF;
    SELECT * INTO unsteady FROM game._unsteady_calls(routine) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% cannot use %', what, unsteady.call USING ERRCODE = 'invalid_function_definition',
            DETAIL = format('Statement %s does.', unsteady.statement), HINT = unsteady.hint;
    END IF;
END
$$;
COMMENT ON FUNCTION game._check_body(oid, text) IS 'refuses what ticks cannot run again with the same result';

CREATE FUNCTION game._require_routine_owner(routine oid, role name) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pg_has_role(role, (SELECT p.proowner FROM pg_proc AS p WHERE p.oid = routine), 'USAGE') THEN
        RAISE EXCEPTION 'must be owner of %', routine::regprocedure USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;
COMMENT ON FUNCTION game._require_routine_owner(oid, name) IS 'worlds run it as its owner: only the owner says so';

CREATE FUNCTION game._system_procedure(game text, name text) RETURNS oid
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    routine record;
BEGIN
    SELECT p.oid, p.prokind, p.pronargs + cardinality(coalesce(p.proallargtypes, '{}')) AS arguments INTO routine
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname = game AND p.proname = name
    -- A name can be overloaded: the one without arguments is meant.
    ORDER BY p.pronargs + cardinality(coalesce(p.proallargtypes, '{}')), p.oid LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'procedure %.%() does not exist', quote_ident(game), quote_ident(name) USING ERRCODE = 'undefined_function',
            HINT = 'Make it first: CREATE PROCEDURE … LANGUAGE sql BEGIN ATOMIC … END.';
    END IF;
    IF routine.prokind <> 'p' THEN
        RAISE EXCEPTION '% is no procedure', routine.oid::regprocedure USING ERRCODE = 'wrong_object_type',
            HINT = 'Systems are procedures: CREATE PROCEDURE … LANGUAGE sql BEGIN ATOMIC … END.';
    END IF;
    IF routine.arguments > 0 THEN
        RAISE EXCEPTION 'system "%" cannot have arguments', name USING ERRCODE = 'invalid_function_definition',
            DETAIL = format('There is %s.', routine.oid::regprocedure), HINT = 'Nobody passes any: a system works on all rows of its world.';
    END IF;
    PERFORM game._check_body(routine.oid, format('system "%s"', name));
    RETURN routine.oid;
END
$$;
COMMENT ON FUNCTION game._system_procedure(text, text) IS 'the procedure of a system; refuses those that cannot be one';

CREATE FUNCTION game._wake_condition(game text, name text) RETURNS oid
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    routine record;
BEGIN
    SELECT p.oid, p.prokind, p.prorettype, p.proretset INTO routine
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname = game AND p.proname = name AND p.pronargs = 0;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'function %.%() does not exist', quote_ident(game), quote_ident(name) USING ERRCODE = 'undefined_function',
            HINT = 'wake_when names a function without arguments that returns boolean.';
    END IF;
    IF routine.prokind <> 'f' OR routine.proretset OR routine.prorettype <> 'boolean'::regtype THEN
        RAISE EXCEPTION '% is no condition', routine.oid::regprocedure USING ERRCODE = 'wrong_object_type',
            HINT = 'wake_when names a function without arguments that returns boolean.';
    END IF;
    PERFORM game._check_body(routine.oid, format('condition "%s"', name));
    RETURN routine.oid;
END
$$;
COMMENT ON FUNCTION game._wake_condition(text, text) IS 'the function that wake_when names; refuses those that cannot be one';

CREATE FUNCTION game._check_observed(game text, run_on text, components text[]) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    component text;
    handle text;
BEGIN
    IF (run_on = 'tick') <> (cardinality(components) = 0) THEN
        RAISE EXCEPTION '%', CASE WHEN run_on = 'tick' THEN 'a system that runs on ticks observes no components'
                             ELSE 'an observer needs components to observe' END
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'With run_on create, update or destroy, components names what is observed, for instance {health}.';
    END IF;
    FOREACH component IN ARRAY components LOOP
        SELECT game._handle_column(c.oid) INTO handle FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = game AND c.relname = component;
        IF handle IS NULL THEN
            RAISE EXCEPTION 'game "%" has no component "%"', game, component USING ERRCODE = 'undefined_table',
                HINT = coalesce('It has: ' || (
                    SELECT string_agg(c.relname, ', ' ORDER BY c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                    WHERE n.nspname = game AND c.relkind = 'f' AND game._handle_column(c.oid) IS NOT NULL) || '.',
                    'It has none yet; see CREATE FOREIGN TABLE … INHERITS (game.component) SERVER gamelan.');
        END IF;
        IF handle = 'cell' AND run_on <> 'update' THEN
            RAISE EXCEPTION 'rows of component "%" neither come nor go', component USING ERRCODE = 'invalid_parameter_value',
                DETAIL = 'Every cell has one from the start.', HINT = 'Observe them with run_on => ''update''.';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION game._check_observed(text, text, text[]) IS 'refuses observers of what cannot be observed';

CREATE FUNCTION game._check_order(game text, name text) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    edge record;
    reached text[] := ARRAY[name];
    came_from jsonb := '{}';
    i int := 0;
    step text;
    circle text;
BEGIN
    SELECT e.first, e.second, a.phase AS first_phase, b.phase AS second_phase, a.run_on INTO edge
    FROM game._order_edges(game) AS e
    JOIN game.system AS a ON a.game = game AND a.name = e.first
    JOIN game.system AS b ON b.game = game AND b.name = e.second
    WHERE game._phase_rank(a.phase, a.run_on) > game._phase_rank(b.phase, b.run_on) AND name IN (e.first, e.second)
    ORDER BY 1, 2 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'system "%" cannot run before "%"', edge.first, edge.second USING ERRCODE = 'invalid_object_definition',
            DETAIL = CASE WHEN edge.run_on <> 'tick' AND game._phase_rank(edge.first_phase) <= game._phase_rank(edge.second_phase)
                     THEN format('"%s" is an observer; observers run after all other systems.', edge.first)
                     ELSE format('"%s" is in phase %s, "%s" in %s.', edge.first, edge.first_phase, edge.second, edge.second_phase) END,
            HINT = 'Phases run in this order: input, pre_update, simulate, post_update, output; after and before order systems within one.';
    END IF;
    -- There was no cycle before: a new one leads through this system.
    WHILE i < cardinality(reached) LOOP
        i := i + 1;
        FOR step IN SELECT e.second FROM game._order_edges(game) AS e WHERE e.first = reached[i] ORDER BY 1 LOOP
            IF step = name THEN
                circle := name;
                step := reached[i];
                WHILE step <> name LOOP
                    circle := step || ' -> ' || circle;
                    step := came_from ->> step;
                END LOOP;
                RAISE EXCEPTION 'the order of systems would be a circle: %', name || ' -> ' || circle
                    USING ERRCODE = 'invalid_object_definition', HINT = 'Take one of them out of after or before.';
            END IF;
            IF NOT came_from ? step THEN
                came_from := came_from || jsonb_build_object(step, reached[i]);
                reached := reached || step;
            END IF;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION game._check_order(text, text) IS 'refuses an order that cannot be kept, with the circle spelled out';

CREATE FUNCTION game._checked_system(s game.system, role name) RETURNS game.system
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    max_names CONSTANT int := 64;
    condition oid;
    unknown text;
BEGIN
    s.after := game._names_in_game(s.after, 'a system', s.game);
    s.before := game._names_in_game(s.before, 'a system', s.game);
    s.components := game._names_in_game(s.components, 'a component', s.game);
    IF s.wake_when IS NOT NULL THEN
        s.wake_when := (game._name_in_game(s.wake_when, 'a condition', s.game)).name;
    END IF;
    IF game._phase_rank(s.phase) IS NULL THEN
        RAISE EXCEPTION 'there is no phase "%"', s.phase USING ERRCODE = 'invalid_parameter_value',
            HINT = 'The phases are: input, pre_update, simulate, post_update, output.';
    END IF;
    IF s.run_on IS NULL OR s.run_on NOT IN ('tick', 'create', 'update', 'destroy') THEN
        RAISE EXCEPTION 'systems cannot run on "%"', s.run_on USING ERRCODE = 'invalid_parameter_value',
            HINT = 'They run on tick, or as observers on create, update or destroy of rows of components.';
    END IF;
    IF s.priority IS NULL OR s.enabled IS NULL THEN
        RAISE EXCEPTION 'a system needs a priority, and to be enabled or not' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF s.every_n_ticks IS NULL OR s.every_n_ticks < 1 OR (s.run_on <> 'tick' AND s.every_n_ticks <> 1) THEN
        RAISE EXCEPTION 'a system cannot run every % ticks', coalesce(s.every_n_ticks::text, 'null') USING ERRCODE = 'invalid_parameter_value',
            HINT = CASE WHEN s.run_on = 'tick' THEN 'It runs every 1 or more.' ELSE 'An observer runs whenever there is something to observe.' END;
    END IF;
    IF greatest(cardinality(s.after), cardinality(s.before), cardinality(s.components)) > max_names THEN
        RAISE EXCEPTION 'system "%" names more than % others', s.name, max_names USING ERRCODE = 'program_limit_exceeded';
    END IF;
    IF s.kind = 'sql' THEN
        PERFORM game._require_routine_owner(game._system_procedure(s.game, s.name), role);
    END IF;
    IF s.wake_when IS NOT NULL THEN
        condition := game._wake_condition(s.game, s.wake_when);
        PERFORM game._require_routine_owner(condition, role);
    END IF;
    PERFORM game._check_observed(s.game, s.run_on, s.components);
    SELECT n INTO unknown FROM unnest(s.after || s.before) AS n
    WHERE n <> s.name AND NOT EXISTS (SELECT FROM game.system AS o WHERE o.game = s.game AND o.name = n) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'game "%" has no system "%"', s.game, unknown USING ERRCODE = 'undefined_object',
            HINT = 'after and before name systems that there are; the other one can also name this one when it is made.';
    END IF;
    RETURN s;
END
$$;
COMMENT ON FUNCTION game._checked_system(game.system, name) IS 'the declaration with names as the table keeps them; refuses what cannot be a system';
