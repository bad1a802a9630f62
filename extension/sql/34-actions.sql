-- Declaring actions. An action is a function in the schema of its game; its row in game.action says how it may be called.

CREATE FUNCTION game._match_arguments(function regprocedure, arguments jsonb, are_texts boolean DEFAULT false) RETURNS json
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_match_arguments';
COMMENT ON FUNCTION game._match_arguments(regprocedure, jsonb, boolean) IS
    'the arguments of a call as a command carries them: a text or null for each parameter. Errors: WG003 missing, WG004 unknown, WG005 of another type';

CREATE FUNCTION game._require_named_parameters(function oid, what text) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    p pg_proc;
    parameter record;
BEGIN
    SELECT * INTO p FROM pg_proc AS r WHERE r.oid = function;
    IF p.prokind <> 'f' OR p.proretset OR p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype) THEN
        RAISE EXCEPTION '% cannot be %', function::regprocedure, what USING ERRCODE = 'wrong_object_type',
            HINT = 'It must be a function that returns one value, or void.';
    END IF;
    IF p.proargmodes IS NOT NULL THEN
        RAISE EXCEPTION '% cannot have OUT, INOUT or VARIADIC parameters', what USING ERRCODE = 'invalid_function_definition',
            HINT = 'It returns one value; jsonb holds several.';
    END IF;
    FOR parameter IN
        SELECT i, p.proargnames[i] AS name, t.typtype, t.typrelid, t.oid AS type FROM generate_series(1, p.pronargs) AS i
        JOIN pg_type AS t ON t.oid = p.proargtypes[i - 1]
    LOOP
        IF coalesce(parameter.name, '') = '' THEN
            RAISE EXCEPTION 'parameter % of % needs a name', parameter.i, what USING ERRCODE = 'invalid_function_definition',
                HINT = 'Callers name the arguments.';
        END IF;
        IF parameter.typtype NOT IN ('b', 'd', 'e', 'r', 'm') THEN
            RAISE EXCEPTION 'parameter "%" of % cannot be of type %', parameter.name, what, format_type(parameter.type, NULL)
                USING ERRCODE = 'invalid_function_definition',
                    HINT = 'Callers send JSON: use scalar types, enums, domains, arrays of them, or jsonb.';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION game._require_named_parameters(oid, text) IS 'refuses functions whose arguments cannot be given by name in a JSON object';

CREATE FUNCTION game._action_function(game text, name text) RETURNS oid
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    function oid;
    functions bigint;
BEGIN
    SELECT min(p.oid), count(*) INTO function, functions
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = game AND p.proname = name;
    IF functions = 0 THEN
        RAISE EXCEPTION 'function %.% does not exist', quote_ident(game), quote_ident(name) USING ERRCODE = 'undefined_function',
            HINT = 'Make it first: CREATE FUNCTION … LANGUAGE sql BEGIN ATOMIC … END.';
    END IF;
    IF functions > 1 THEN
        RAISE EXCEPTION 'action "%" cannot be overloaded', name USING ERRCODE = 'ambiguous_function',
            DETAIL = format('There are %s of that name.', functions), HINT = 'Arguments are matched by name: give each action its own, and defaults to what may be left out.';
    END IF;
    PERFORM game._require_named_parameters(function, format('action "%s"', name));
    IF EXISTS (SELECT FROM pg_proc AS p WHERE p.oid = function AND 'actor' = ANY (p.proargnames)) THEN
        RAISE EXCEPTION 'action "%" cannot have a parameter "actor"', name USING ERRCODE = 'invalid_function_definition',
            HINT = 'Policies have one, which is the caller; an action asks game.actor().';
    END IF;
    PERFORM game._check_body(function, format('action "%s"', name));
    RETURN function;
END
$$;
COMMENT ON FUNCTION game._action_function(text, text) IS 'the function of an action; refuses those that cannot be one';

CREATE FUNCTION game._policy_function(game text, name text, action oid) RETURNS oid
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    policy oid;
    policies bigint;
    wrong record;
BEGIN
    SELECT min(p.oid), count(*) INTO policy, policies
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = game AND p.proname = name;
    IF policies <> 1 THEN
        RAISE EXCEPTION 'there is not one function %.%', quote_ident(game), quote_ident(name) USING ERRCODE = 'undefined_function',
            DETAIL = format('There are %s.', policies),
            HINT = 'A policy is a boolean function whose parameters are actor text, or named like parameters of the action.';
    END IF;
    IF (SELECT p.prorettype <> 'boolean'::regtype FROM pg_proc AS p WHERE p.oid = policy) THEN
        RAISE EXCEPTION '% does not return boolean', policy::regprocedure USING ERRCODE = 'wrong_object_type',
            HINT = 'A policy says whether a call may be made.';
    END IF;
    PERFORM game._require_named_parameters(policy, format('policy "%s"', name));
    PERFORM game._check_body(policy, format('policy "%s"', name));
    SELECT u.name, u.type, a.type AS wanted INTO wrong
    FROM pg_proc AS p CROSS JOIN unnest(p.proargnames, p.proargtypes::oid[]) AS u(name, type)
    LEFT JOIN (SELECT v.name, v.type FROM pg_proc AS q CROSS JOIN unnest(q.proargnames, q.proargtypes::oid[]) AS v(name, type)
               WHERE q.oid = action
               UNION ALL SELECT 'actor', 'text'::regtype::oid) AS a ON a.name = u.name
    WHERE p.oid = policy AND a.type IS DISTINCT FROM u.type LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'policy "%" has a parameter "%" of type %, which the action does not have', name, wrong.name, format_type(wrong.type, NULL)
            USING ERRCODE = 'invalid_function_definition',
                DETAIL = CASE WHEN wrong.wanted IS NOT NULL THEN format('There it is of type %s.', format_type(wrong.wanted, NULL)) ELSE
                    format('The action is %s(%s).', (SELECT p.proname FROM pg_proc AS p WHERE p.oid = action), pg_get_function_arguments(action)) END,
                HINT = 'The parameters of a policy are actor text, and any of those of the action, of the same types.';
    END IF;
    RETURN policy;
END
$$;
COMMENT ON FUNCTION game._policy_function(text, text, oid) IS 'the function that policy names; refuses those that cannot judge calls of the action';

CREATE FUNCTION game._checked_action(a game.action, role name) RETURNS game.action
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    function oid := game._action_function(a.game, a.name);
BEGIN
    PERFORM game._require_routine_owner(function, role);
    IF a.durable IS NULL THEN
        RAISE EXCEPTION 'an action is durable or not' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF a.cooldown <= interval '0' OR a.cooldown > interval '1000 years' THEN
        RAISE EXCEPTION 'a cooldown of % is out of range', a.cooldown USING ERRCODE = 'invalid_parameter_value',
            HINT = 'It is more than nothing; null is for none.';
    END IF;
    IF NOT (a.max_per_second > 0 AND a.max_per_second <= 1000000) THEN
        RAISE EXCEPTION '% calls a second are out of range', a.max_per_second USING ERRCODE = 'invalid_parameter_value',
            HINT = 'It is more than 0 and at most 1000000; null is for any number.';
    END IF;
    IF a.policy IS NOT NULL THEN
        a.policy := (game._name_in_game(regexp_replace(a.policy, '\(.*\)\s*$', ''), 'a policy', a.game)).name;
        PERFORM game._require_routine_owner(game._policy_function(a.game, a.policy, function), role);
    END IF;
    RETURN a;
END
$$;
COMMENT ON FUNCTION game._checked_action(game.action, name) IS 'the declaration with names as the table keeps them; refuses what cannot be an action';

CREATE FUNCTION game._store_action(a game.action, role name) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    max_actions CONSTANT int := 1000;
BEGIN
    PERFORM game._lock_game(a.game, role);
    IF EXISTS (SELECT FROM game.action AS o WHERE o.game = a.game AND o.name = a.name) THEN
        RAISE EXCEPTION 'action "%" already exists in game "%"', a.name, a.game USING ERRCODE = 'duplicate_object',
            HINT = format('game.alter_action(%L) changes it.', a.game || '.' || a.name);
    END IF;
    IF (SELECT count(*) FROM game.action AS o WHERE o.game = a.game) >= max_actions THEN
        RAISE EXCEPTION 'game "%" has too many actions', a.game USING ERRCODE = 'program_limit_exceeded',
            DETAIL = format('%s are the limit.', max_actions);
    END IF;
    a := game._checked_action(a, role);
    a.created_at := now();
    INSERT INTO game.action SELECT a.*;
END
$$;
COMMENT ON FUNCTION game._store_action(game.action, name) IS 'what game.create_action does with more rights than its caller has';

CREATE FUNCTION game._action_name(INOUT name text, OUT game text)
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own record := game._name_in_game(regexp_replace(name, '\(.*\)\s*$', ''), 'an action');
BEGIN
    name := own.name;
    game := own.game;
END
$$;
COMMENT ON FUNCTION game._action_name(text) IS 'takes arena.fire, or arena.fire(bigint), apart';

CREATE FUNCTION game.create_action(
    function text, durable boolean DEFAULT true, cooldown interval DEFAULT NULL, max_per_second double precision DEFAULT NULL,
    policy text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    own record := game._action_name(function);
    a game.action;
BEGIN
    a.game := own.game;
    a.name := own.name;
    a.durable := durable;
    a.cooldown := cooldown;
    a.max_per_second := max_per_second;
    a.policy := policy;
    PERFORM game._store_action(a, current_user);
    IF (SELECT has_function_privilege('public', p.oid, 'EXECUTE') FROM pg_proc AS p
        WHERE p.proname = own.name AND p.pronamespace = (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname = own.game)) THEN
        RAISE NOTICE 'everybody may call action "%"', own.name
            USING HINT = format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC, and GRANT it to those who may.',
                                quote_ident(own.game) || '.' || quote_ident(own.name));
    END IF;
END
$$;
COMMENT ON FUNCTION game.create_action(text, boolean, interval, double precision, text) IS
    'makes a function, as arena.fire, an action: who has EXECUTE on it can call it in worlds of its game, if the policy agrees. Errors: WG015 no such game, 42883 no such function, 42P13 its parameters or its body are not for actions, 42725 it is overloaded, 42710 it is one already, 42501 not the owner';

CREATE FUNCTION game._change_action(
    game text, name text, durable boolean, cooldown interval, max_per_second double precision, policy text, role name) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    a game.action;
BEGIN
    PERFORM game._lock_game(game, role);
    SELECT * INTO a FROM game.action AS o WHERE o.game = game AND o.name = name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'game "%" has no action "%"', game, name USING ERRCODE = 'undefined_object',
            HINT = format('SELECT name FROM game.action WHERE game = %L lists them.', game);
    END IF;
    a.durable := coalesce(durable, a.durable);
    a.cooldown := nullif(coalesce(cooldown, a.cooldown), interval '0');
    a.max_per_second := nullif(coalesce(max_per_second, a.max_per_second), 0);
    a.policy := nullif(coalesce(policy, a.policy), '');
    a := game._checked_action(a, role);
    UPDATE game.action AS o
    SET durable = a.durable, cooldown = a.cooldown, max_per_second = a.max_per_second, policy = a.policy
    WHERE o.game = game AND o.name = name;
END
$$;
COMMENT ON FUNCTION game._change_action(text, text, boolean, interval, double precision, text, name) IS
    'what game.alter_action does with more rights than its caller has';

CREATE FUNCTION game.alter_action(
    name text, durable boolean DEFAULT NULL, cooldown interval DEFAULT NULL, max_per_second double precision DEFAULT NULL,
    policy text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    own record := game._action_name(name);
BEGIN
    PERFORM game._change_action(own.game, own.name, durable, cooldown, max_per_second, policy, current_user);
END
$$;
COMMENT ON FUNCTION game.alter_action(text, boolean, interval, double precision, text) IS
    'changes what is given of an action, and leaves the rest; a cooldown or rate of 0 and an empty policy take them away. Errors as of game.create_action; 42704 no such action';

CREATE FUNCTION game._remove_action(game text, name text, role name) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM game._lock_game(game, role);
    DELETE FROM game.action AS a WHERE a.game = game AND a.name = name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'game "%" has no action "%"', game, name USING ERRCODE = 'undefined_object',
            HINT = format('SELECT name FROM game.action WHERE game = %L lists them.', game);
    END IF;
END
$$;
COMMENT ON FUNCTION game._remove_action(text, text, name) IS 'what game.drop_action does with more rights than its caller has';

CREATE FUNCTION game.drop_action(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own record := game._action_name(name);
BEGIN
    PERFORM game._remove_action(own.game, own.name, current_user);
END
$$;
COMMENT ON FUNCTION game.drop_action(text) IS 'makes an action a mere function again, which nobody calls by game.call. Errors: 42704 no such action';

CREATE FUNCTION game._describe_actions(game text) RETURNS jsonb
    LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'name', a.name,
        'summary', coalesce(obj_description(p.oid, 'pg_proc'), ''),
        'params', coalesce((
            SELECT jsonb_agg(jsonb_build_object('name', p.proargnames[i], 'type', format_type(p.proargtypes[i - 1], NULL))
                             || CASE WHEN i > p.pronargs - p.pronargdefaults THEN '{"optional": true}'::jsonb ELSE '{}' END ORDER BY i)
            FROM generate_series(1, p.pronargs) AS i), '[]')) ORDER BY a.name COLLATE "C"), '[]')
    FROM game.action AS a JOIN pg_namespace AS n ON n.nspname = a.game
    JOIN pg_proc AS p ON p.pronamespace = n.oid AND p.proname = a.name AND p.prokind = 'f'
    WHERE a.game = $1
$$;
COMMENT ON FUNCTION game._describe_actions(text) IS 'the actions of a game with their parameters, for game.describe; summaries are the comments of the functions';
