-- Declaring systems. A system is a procedure without arguments in the schema of its game; its row in game.system says
-- when it runs.

CREATE FUNCTION game._store_system(s game.system, role name) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    max_systems CONSTANT int := 512;
BEGIN
    PERFORM game._lock_game(s.game, role);
    IF EXISTS (SELECT FROM game.system AS o WHERE o.game = s.game AND o.name = s.name) THEN
        RAISE EXCEPTION 'system "%" already exists in game "%"', s.name, s.game USING ERRCODE = 'duplicate_object',
            HINT = format('game.alter_system(%L) changes it.', s.game || '.' || s.name);
    END IF;
    IF (SELECT count(*) FROM game.system AS o WHERE o.game = s.game) >= max_systems THEN
        RAISE EXCEPTION 'game "%" has too many systems', s.game USING ERRCODE = 'program_limit_exceeded',
            DETAIL = format('%s are the limit.', max_systems), HINT = 'A procedure can hold several statements.';
    END IF;
    s := game._checked_system(s, role);
    s.created_at := now();
    INSERT INTO game.system SELECT s.*;
    PERFORM game._check_order(s.game, s.name);
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
    'makes a procedure without arguments, as arena.movement, a system: worlds of its game run it in their ticks, from the next one after this transaction commits. Errors: WG015 no such game, 42883 no such procedure, 42P13 its body depends on more than the world, 42P17 the order would be a circle, 42710 it is one already, 42501 not the owner';

CREATE FUNCTION game._check_native_system(library text, symbol text) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_check_native_system';
COMMENT ON FUNCTION game._check_native_system(text, text) IS
    'raises 58P01 when there is no such library of native systems, 42883 when it has no such system, 0A000 when it was built for another version';

CREATE FUNCTION game.create_native_system(
    name text, library text, symbol text, phase text DEFAULT 'simulate', priority int DEFAULT 100, run_on text DEFAULT 'tick',
    components text[] DEFAULT '{}', after text[] DEFAULT '{}', before text[] DEFAULT '{}', enabled boolean DEFAULT true,
    every_n_ticks int DEFAULT 1, wake_when text DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    own record := game._name_in_game(name, 'a system');
    s game.system;
BEGIN
    IF NOT (SELECT r.rolsuper FROM pg_roles AS r WHERE r.rolname = current_user) THEN
        RAISE EXCEPTION 'permission denied for native systems' USING ERRCODE = 'insufficient_privilege',
            HINT = 'The library becomes part of the server: only a superuser makes one.';
    END IF;
    IF own.name !~ '\S' OR library IS NULL OR symbol IS NULL OR library !~ '\S' OR symbol !~ '\S' THEN
        RAISE EXCEPTION 'a native system needs a name, a library and a symbol' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM game._check_native_system(library, symbol);
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
    s.kind := 'native';
    s.library := library;
    s.symbol := symbol;
    PERFORM game._store_system(s, current_user);
END
$$;
COMMENT ON FUNCTION game.create_native_system(text, text, text, text, int, text, text[], text[], text[], boolean, int, text) IS
    'makes a function of a shared library a system, named as one of its game; superusers only; see docs/native.md. Errors as of game.create_system, and 58P01 no such library, 42883 no such system in it, 0A000 it was built for another version';

CREATE FUNCTION game._change_system(changed game.system, role name) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s game.system;
BEGIN
    PERFORM game._lock_game(changed.game, role);
    SELECT * INTO s FROM game.system AS o WHERE o.game = changed.game AND o.name = changed.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'game "%" has no system "%"', changed.game, changed.name USING ERRCODE = 'undefined_object',
            HINT = format('SELECT name FROM game.system WHERE game = %L lists them.', changed.game);
    END IF;
    s.phase := coalesce(changed.phase, s.phase);
    s.priority := coalesce(changed.priority, s.priority);
    s.run_on := coalesce(changed.run_on, s.run_on);
    s.components := coalesce(changed.components, s.components);
    s.after := coalesce(changed.after, s.after);
    s.before := coalesce(changed.before, s.before);
    s.enabled := coalesce(changed.enabled, s.enabled);
    s.every_n_ticks := coalesce(changed.every_n_ticks, s.every_n_ticks);
    s.wake_when := nullif(coalesce(changed.wake_when, s.wake_when), '');
    s := game._checked_system(s, role);
    UPDATE game.system AS o
    SET phase = s.phase, priority = s.priority, run_on = s.run_on, components = s.components, after = s.after, before = s.before,
        enabled = s.enabled, every_n_ticks = s.every_n_ticks, wake_when = s.wake_when
    WHERE o.game = s.game AND o.name = s.name;
    PERFORM game._check_order(s.game, s.name);
END
$$;
COMMENT ON FUNCTION game._change_system(game.system, name) IS 'what game.alter_system does with more rights than its caller has';

CREATE FUNCTION game.alter_system(
    name text, phase text DEFAULT NULL, priority int DEFAULT NULL, run_on text DEFAULT NULL, components text[] DEFAULT NULL,
    after text[] DEFAULT NULL, before text[] DEFAULT NULL, enabled boolean DEFAULT NULL, every_n_ticks int DEFAULT NULL,
    wake_when text DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    own record := game._name_in_game(name, 'a system');
    changed game.system;
BEGIN
    changed.game := own.game;
    changed.name := own.name;
    changed.phase := phase;
    changed.priority := priority;
    changed.run_on := run_on;
    changed.components := components;
    changed.after := after;
    changed.before := before;
    changed.enabled := enabled;
    changed.every_n_ticks := every_n_ticks;
    changed.wake_when := wake_when;
    PERFORM game._change_system(changed, current_user);
END
$$;
COMMENT ON FUNCTION game.alter_system(text, text, int, text, text[], text[], text[], boolean, int, text) IS
    'changes what is given of a system, and leaves the rest; an empty wake_when takes the condition away. Errors as of game.create_system; 42704 no such system';

CREATE FUNCTION game._remove_system(game text, name text, role name) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    others text;
    one text;
BEGIN
    PERFORM game._lock_game(game, role);
    DELETE FROM game.system AS s WHERE s.game = game AND s.name = name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'game "%" has no system "%"', game, name USING ERRCODE = 'undefined_object',
            HINT = format('SELECT name FROM game.system WHERE game = %L lists them.', game);
    END IF;
    SELECT string_agg(s.name, ', ' ORDER BY s.name), min(s.name) INTO others, one FROM game.system AS s
    WHERE s.game = game AND name = ANY (s.after || s.before);
    IF others IS NOT NULL THEN
        RAISE EXCEPTION 'system "%" cannot be dropped because others name it in after or before', name
            USING ERRCODE = 'dependent_objects_still_exist', DETAIL = format('They are: %s.', others),
            HINT = format('Change them first, for instance: SELECT game.alter_system(%L, after => ''{}'', before => ''{}'');', game || '.' || one);
    END IF;
    PERFORM game._forget_flags(game, name);
END
$$;
COMMENT ON FUNCTION game._remove_system(text, text, name) IS 'what game.drop_system does with more rights than its caller has';

CREATE FUNCTION game._forget_flags(game text, name text) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM game.world_system AS w USING game.world_definition AS d WHERE w.world = d.id AND d.game = $1 AND w.name = $2
$$;
COMMENT ON FUNCTION game._forget_flags(text, text) IS 'removes what worlds say of a system that is gone';

CREATE FUNCTION game.drop_system(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own record := game._name_in_game(name, 'a system');
BEGIN
    PERFORM game._remove_system(own.game, own.name, current_user);
END
$$;
COMMENT ON FUNCTION game.drop_system(text) IS
    'makes a system a mere procedure again, which no world runs. Errors: 42704 no such system, 2BP01 others name it in after or before';

CREATE FUNCTION game._set_world_system(world bigint, name text, wanted boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    its_game text := game._game_of(world);
    own record := game._name_in_game(name, 'a system', its_game);
BEGIN
    PERFORM FROM game.system AS s WHERE s.game = its_game AND s.name = own.name FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'game "%" has no system "%"', its_game, own.name USING ERRCODE = 'undefined_object',
            HINT = format('SELECT name FROM game.system WHERE game = %L lists them.', its_game);
    END IF;
    INSERT INTO game.world_system AS w (world, name, enabled) VALUES (world, own.name, wanted)
    ON CONFLICT ON CONSTRAINT world_system_pkey DO UPDATE SET enabled = excluded.enabled, suspended_reason = NULL;
END
$$;
COMMENT ON FUNCTION game._set_world_system(bigint, text, boolean) IS 'what game.enable_system and game.disable_system share';

CREATE FUNCTION game.enable_system(world bigint, name text) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT game._set_world_system($1, $2, true) $$;
COMMENT ON FUNCTION game.enable_system(bigint, text) IS
    'lets one world run a system, whatever the game says, and also if it was suspended because it failed. Errors: WG001 no such world, 42704 no such system';

CREATE FUNCTION game.disable_system(world bigint, name text) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT game._set_world_system($1, $2, false) $$;
COMMENT ON FUNCTION game.disable_system(bigint, text) IS 'keeps one world from running a system. Errors: WG001 no such world, 42704 no such system';

CREATE VIEW game.system_state AS
    SELECT d.id AS world, d.game, o.name, o.position, o.phase, o.priority, o.run_on, o.every_n_ticks,
           CASE WHEN w.suspended_reason IS NOT NULL THEN 'suspended'
                WHEN coalesce(w.enabled, o.enabled) THEN 'enabled' ELSE 'disabled' END AS state,
           w.suspended_reason AS reason
    FROM game.world_definition AS d
    CROSS JOIN LATERAL game._ordered_systems(d.game) AS o
    LEFT JOIN game.world_system AS w ON w.world = d.id AND w.name = o.name;
COMMENT ON VIEW game.system_state IS 'which systems each world runs, in which order';
COMMENT ON COLUMN game.system_state.position IS 'place in the tick, from 1; observers come last';
COMMENT ON COLUMN game.system_state.state IS 'enabled, disabled, or suspended because it failed too often (see reason, and game.system_error)';
