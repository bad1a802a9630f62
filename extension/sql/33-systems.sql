-- Declaring systems. A system is a procedure without arguments in the schema of its game; its row in game.system says
-- when it runs.

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

CREATE FUNCTION game._lock_game(name text, role name) RETURNS oid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    schema_id oid;
    owner oid;
BEGIN
    -- One declaration at a time, so that two cannot make a cycle of their order.
    PERFORM FROM game.game AS g WHERE g.name = name FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'game "%" does not exist', name USING ERRCODE = 'WG015',
            HINT = CASE WHEN EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = name)
                   THEN format('SELECT game.create_game(%L) makes the schema one.', name)
                   ELSE 'SELECT name FROM game.game lists the games made with SQL.' END;
    END IF;
    SELECT n.oid, n.nspowner INTO schema_id, owner FROM pg_namespace AS n WHERE n.nspname = name;
    IF NOT pg_has_role(session_user, role, 'MEMBER') THEN
        RAISE EXCEPTION 'permission denied to act as role "%"', role USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NOT pg_has_role(role, owner, 'USAGE') THEN
        RAISE EXCEPTION 'must be owner of game %', name USING ERRCODE = 'insufficient_privilege',
            HINT = 'Who owns the schema declares what its worlds play by.';
    END IF;
    RETURN schema_id;
END
$$;
COMMENT ON FUNCTION game._lock_game(text, name) IS 'refuses who does not own the game, and keeps others from declaring anything in it meanwhile; returns its schema';

CREATE FUNCTION game._store_system(s game.system, role name) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM game._lock_game(s.game, role);
    s.created_at := now();
    INSERT INTO game.system SELECT s.* ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'system "%" already exists in game "%"', s.name, s.game USING ERRCODE = 'duplicate_object',
            HINT = format('game.alter_system(%L) changes it.', s.game || '.' || s.name);
    END IF;
END
$$;
COMMENT ON FUNCTION game._store_system(game.system, name) IS 'what game.create_system does with more rights than its caller has';

CREATE FUNCTION game.create_system(
    procedure text, phase text DEFAULT 'simulate', priority int DEFAULT 100, run_on text DEFAULT 'tick', components text[] DEFAULT '{}',
    after text[] DEFAULT '{}', before text[] DEFAULT '{}', enabled boolean DEFAULT true, every_n_ticks int DEFAULT 1,
    wake_when text DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    own record := game._name_in_game(procedure, 'a system');
    s game.system;
BEGIN
    s.game := own.game;
    s.name := own.name;
    s.phase := phase;
    s.priority := priority;
    s.run_on := run_on;
    s.components := components;
    s.after := after;
    s.before := before;
    s.enabled := enabled;
    s.every_n_ticks := every_n_ticks;
    s.wake_when := wake_when;
    s.kind := 'sql';
    PERFORM game._store_system(s, current_user);
END
$$;
COMMENT ON FUNCTION game.create_system(text, text, int, text, text[], text[], text[], boolean, int, text) IS
    'makes a procedure a system: worlds of its game run it in their ticks';

CREATE FUNCTION game._remove_system(game text, name text, role name) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM game._lock_game(game, role);
    DELETE FROM game.system AS s WHERE s.game = game AND s.name = name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'game "%" has no system "%"', game, name USING ERRCODE = 'undefined_object',
            HINT = format('SELECT name FROM game.system WHERE game = %L lists them.', game);
    END IF;
    DELETE FROM game.world_system AS w USING game.world_definition AS d WHERE w.world = d.id AND d.game = game AND w.name = name;
END
$$;
COMMENT ON FUNCTION game._remove_system(text, text, name) IS 'what game.drop_system does with more rights than its caller has';

CREATE FUNCTION game.drop_system(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own record := game._name_in_game(name, 'a system');
BEGIN
    PERFORM game._remove_system(own.game, own.name, current_user);
END
$$;
COMMENT ON FUNCTION game.drop_system(text) IS 'makes a procedure a mere procedure again';
