-- Declaring actions. An action is a function in the schema of its game; its row in game.action says how it may be called.

CREATE FUNCTION game._match_arguments(function regprocedure, arguments jsonb, are_texts boolean DEFAULT false) RETURNS json
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_match_arguments';
COMMENT ON FUNCTION game._match_arguments(regprocedure, jsonb, boolean) IS
    'the arguments of a call as a command carries them: a text or null for each parameter. Errors: WG003 missing, WG004 unknown, WG005 of another type';

CREATE FUNCTION game._store_action(a game.action, role name) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM game._lock_game(a.game, role);
    a.created_at := now();
    INSERT INTO game.action SELECT a.* ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'action "%" already exists in game "%"', a.name, a.game USING ERRCODE = 'duplicate_object',
            HINT = format('game.alter_action(%L) changes it.', a.game || '.' || a.name);
    END IF;
END
$$;
COMMENT ON FUNCTION game._store_action(game.action, name) IS 'what game.create_action does with more rights than its caller has';

CREATE FUNCTION game.create_action(
    function text, durable boolean DEFAULT true, cooldown interval DEFAULT NULL, max_per_second double precision DEFAULT NULL,
    policy text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    own record := game._name_in_game(function, 'an action');
    a game.action;
BEGIN
    a.game := own.game;
    a.name := own.name;
    a.durable := durable;
    a.cooldown := cooldown;
    a.max_per_second := max_per_second;
    a.policy := policy;
    PERFORM game._store_action(a, current_user);
END
$$;
COMMENT ON FUNCTION game.create_action(text, boolean, interval, double precision, text) IS
    'makes a function an action: who may execute it can call it in worlds of its game';

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
    own record := game._name_in_game(name, 'an action');
BEGIN
    PERFORM game._remove_action(own.game, own.name, current_user);
END
$$;
COMMENT ON FUNCTION game.drop_action(text) IS 'makes a function a mere function again';
