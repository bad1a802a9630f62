-- How declarations of systems and actions follow DDL on the procedures and functions they name. The event triggers call these.

CREATE FUNCTION game._rename_routine(game text, old_name text, new_name text) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    schema_id oid := (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname = game);
BEGIN
    -- An overload may have kept the old name.
    IF NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = schema_id AND p.proname = old_name AND p.prokind = 'p' AND p.pronargs = 0) THEN
        UPDATE game.system AS s SET name = new_name WHERE s.game = game AND s.name = old_name AND s.kind = 'sql';
        IF FOUND THEN
            UPDATE game.system AS s SET after = array_replace(s.after, old_name, new_name), before = array_replace(s.before, old_name, new_name)
            WHERE s.game = game AND old_name = ANY (s.after || s.before);
            UPDATE game.world_system AS w SET name = new_name FROM game.world_definition AS d
            WHERE d.id = w.world AND d.game = game AND w.name = old_name;
        END IF;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = schema_id AND p.proname = old_name AND p.prokind = 'f') THEN
        UPDATE game.action AS a SET name = new_name WHERE a.game = game AND a.name = old_name;
        UPDATE game.action AS a SET policy = new_name WHERE a.game = game AND a.policy = old_name;
        UPDATE game.system AS s SET wake_when = new_name WHERE s.game = game AND s.wake_when = old_name;
    END IF;
END
$$;
COMMENT ON FUNCTION game._rename_routine(text, text, text) IS 'a renamed procedure or function stays what it was declared to be';

CREATE FUNCTION game._refuse_departure(name text) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    lost record;
BEGIN
    SELECT s.game, 'system' AS what INTO lost FROM game.system AS s JOIN pg_namespace AS n ON n.nspname = s.game
    WHERE s.name = name AND s.kind = 'sql'
      AND NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = n.oid AND p.proname = name AND p.prokind = 'p' AND p.pronargs = 0)
    UNION ALL
    SELECT a.game, 'action' FROM game.action AS a JOIN pg_namespace AS n ON n.nspname = a.game
    WHERE a.name = name AND NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = n.oid AND p.proname = name AND p.prokind = 'f')
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the routine of % "%" cannot leave its game', lost.what, name USING ERRCODE = 'dependent_objects_still_exist',
            HINT = format('Drop the %1$s first: SELECT game.drop_%1$s(%2$L);', lost.what, lost.game || '.' || name);
    END IF;
END
$$;
COMMENT ON FUNCTION game._refuse_departure(text) IS 'refuses to move a system or an action out of its game';

CREATE FUNCTION game._is_used_by_games(routine oid) RETURNS boolean
    LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE users(routine) AS (
        SELECT $1
        UNION
        SELECT d.objid FROM users AS u
        JOIN pg_depend AS d ON d.refclassid = 'pg_proc'::regclass AND d.refobjid = u.routine AND d.classid = 'pg_proc'::regclass)
    SELECT EXISTS (SELECT FROM users AS u JOIN pg_proc AS p ON p.oid = u.routine JOIN pg_namespace AS n ON n.oid = p.pronamespace
                   JOIN game.game AS g ON g.name = n.nspname)
$$;
COMMENT ON FUNCTION game._is_used_by_games(oid) IS 'whether a routine lies in the schema of a game, or is called by one that does';

CREATE FUNCTION game._require_owner_of_game(routine oid) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
               WHERE p.oid = routine AND NOT pg_has_role(p.proowner, n.nspowner, 'USAGE') AND NOT pg_has_role(n.nspowner, p.proowner, 'USAGE')) THEN
        RAISE EXCEPTION '% must belong to the owner of the game', routine::regprocedure USING ERRCODE = 'insufficient_privilege',
            DETAIL = 'A system or an action of the game names it.';
    END IF;
END
$$;
COMMENT ON FUNCTION game._require_owner_of_game(oid) IS 'keeps others from making the policy or the condition that somebody has dropped';

CREATE FUNCTION game._routine_changed(routine oid, old_name text, is_moved boolean) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    own record;
    a game.action;
BEGIN
    SELECT n.nspname::text AS game, p.proname::text AS name INTO own
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE p.oid = routine;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF is_moved THEN
        PERFORM game._refuse_departure(own.name);
    END IF;
    IF NOT game._is_used_by_games(routine) THEN
        RETURN is_moved;
    END IF;
    IF old_name IS NOT NULL THEN
        PERFORM game._rename_routine(own.game, old_name, own.name);
    END IF;
    -- What it was declared to be, it must still be able to be.
    PERFORM game._system_procedure(s.game, s.name) FROM game.system AS s WHERE s.game = own.game AND s.name = own.name AND s.kind = 'sql';
    PERFORM game._require_owner_of_game(game._wake_condition(s.game, s.wake_when)) FROM game.system AS s
    WHERE s.game = own.game AND s.wake_when = own.name;
    FOR a IN SELECT * FROM game.action AS o WHERE o.game = own.game AND own.name IN (o.name, o.policy) LOOP
        PERFORM game._action_function(a.game, a.name);
        IF a.policy IS NOT NULL THEN
            PERFORM game._require_owner_of_game(game._policy_function(a.game, a.policy, game._action_function(a.game, a.name)));
        END IF;
    END LOOP;
    RETURN true;
END
$$;
COMMENT ON FUNCTION game._routine_changed(oid, text, boolean) IS
    'what creating, replacing or altering a procedure or function does beside: what it was declared to be is checked again; returns whether it concerns any game';

CREATE FUNCTION game._component_renamed(component oid, old_name text) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE game.system AS s SET components = array_replace(s.components, $2, c.relname::text)
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = $1 AND s.game = n.nspname AND $2 = ANY (s.components)
$$;
COMMENT ON FUNCTION game._component_renamed(oid, text) IS 'observers follow a component that is renamed';

CREATE FUNCTION game._declared_dropped() RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    o record;
    notice text;
BEGIN
    FOR o IN
        SELECT address_names[1] AS game, address_names[2] AS name, object_type AS kind FROM pg_event_trigger_dropped_objects()
        WHERE (object_type = 'function' OR object_type = 'procedure' AND cardinality(address_args) = 0)
          AND address_names[1] IN (SELECT g.name FROM game.game AS g)
    LOOP
        IF o.kind = 'function' THEN
            DELETE FROM game.action AS a WHERE a.game = o.game AND a.name = o.name;
        ELSE
            DELETE FROM game.system AS s WHERE s.game = o.game AND s.name = o.name AND s.kind = 'sql';
            PERFORM game._forget_flags(o.game, o.name);
        END IF;
    END LOOP;
    -- A name that others still give is kept: it may come back, as when a dump is restored over what is there.
    FOR notice IN
        WITH dropped AS (
            SELECT address_names[1] AS game, address_names[2] AS name, object_type AS kind, cardinality(address_args) AS arguments
            FROM pg_event_trigger_dropped_objects() WHERE object_type IN ('function', 'procedure', 'foreign table'))
        SELECT format('action "%s" has lost its policy, and refuses all calls until there is one', a.name)
        FROM dropped AS d JOIN game.action AS a ON a.game = d.game AND a.policy = d.name WHERE d.kind = 'function'
        UNION ALL
        SELECT CASE d.kind WHEN 'function' THEN format('system "%s" has lost its condition, and does not run until there is one', s.name)
               WHEN 'procedure' THEN format('system "%s" still names "%s" in after or before', s.name, d.name)
               ELSE format('system "%s" still observes component "%s"', s.name, d.name) END
        FROM dropped AS d JOIN game.system AS s ON s.game = d.game
         AND CASE d.kind WHEN 'function' THEN s.wake_when = d.name AND d.arguments = 0
             WHEN 'procedure' THEN d.name = ANY (s.after || s.before) AND d.arguments = 0 ELSE d.name = ANY (s.components) END
        ORDER BY 1
    LOOP
        RAISE NOTICE '%', notice;
    END LOOP;
END
$$;
COMMENT ON FUNCTION game._declared_dropped() IS
    'what dropping procedures, functions and components does beside: those that were systems or actions are none any more';
