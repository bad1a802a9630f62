-- What worlds play by, as declared: systems, actions, and what each world has of its own. The world worker reads them
-- when they change. No foreign keys, for the same reason as in 10-tables.sql.

CREATE TABLE game.system (
    game text NOT NULL,
    name text NOT NULL,
    phase text NOT NULL DEFAULT 'simulate' CHECK (phase IN ('input', 'pre_update', 'simulate', 'post_update', 'output')),
    priority int NOT NULL DEFAULT 100,
    run_on text NOT NULL DEFAULT 'tick' CHECK (run_on IN ('tick', 'create', 'update', 'destroy')),
    components text[] NOT NULL DEFAULT '{}',
    after text[] NOT NULL DEFAULT '{}',
    before text[] NOT NULL DEFAULT '{}',
    enabled boolean NOT NULL DEFAULT true,
    every_n_ticks int NOT NULL DEFAULT 1 CHECK (every_n_ticks >= 1),
    wake_when text,
    kind text NOT NULL DEFAULT 'sql' CHECK (kind IN ('sql', 'native')),
    library text,
    symbol text,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (game, name),
    CHECK (kind = 'sql' OR library IS NOT NULL AND symbol IS NOT NULL)
);
COMMENT ON TABLE game.system IS 'the systems of the games of this database: what runs in each tick, or when rows come, change or go';
COMMENT ON COLUMN game.system.name IS 'of the procedure without arguments in the schema of the game; of a native system any name';
COMMENT ON COLUMN game.system.priority IS 'lower runs first within a phase';
COMMENT ON COLUMN game.system.run_on IS 'tick, or which change of the rows of its components an observer waits for';
COMMENT ON COLUMN game.system.components IS 'of an observer: the components it observes';
COMMENT ON COLUMN game.system.after IS 'systems that run before this one';
COMMENT ON COLUMN game.system.before IS 'systems that run after this one';
COMMENT ON COLUMN game.system.enabled IS 'whether it runs in worlds that do not say otherwise (game.world_system)';
COMMENT ON COLUMN game.system.every_n_ticks IS 'runs in ticks whose number this divides';
COMMENT ON COLUMN game.system.wake_when IS 'a boolean function without arguments in the schema of the game: runs when it says yes; null = always';
COMMENT ON COLUMN game.system.kind IS 'sql: the procedure; native: a function of a shared library';
COMMENT ON COLUMN game.system.symbol IS 'name of the function in the library';

CREATE TABLE game.world_system (
    world bigint NOT NULL,
    name text NOT NULL,
    enabled boolean,
    suspended_reason text,
    PRIMARY KEY (world, name)
);
COMMENT ON TABLE game.world_system IS 'where worlds differ from their game: systems that are on or off there, or suspended because they failed';
COMMENT ON COLUMN game.world_system.enabled IS 'null = as game.system says';
COMMENT ON COLUMN game.world_system.suspended_reason IS 'why the world worker stopped running it; null = it did not. game.enable_system lifts it';

CREATE TABLE game.action (
    game text NOT NULL,
    name text NOT NULL,
    durable boolean NOT NULL DEFAULT true,
    cooldown interval CHECK (cooldown > interval '0'),
    max_per_second double precision CHECK (max_per_second > 0 AND max_per_second <= 1000000),
    policy text,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (game, name)
);
COMMENT ON TABLE game.action IS 'the actions of the games of this database: what players can do, by game.call and game.enqueue';
COMMENT ON COLUMN game.action.name IS 'of the function in the schema of the game';
COMMENT ON COLUMN game.action.durable IS 'whether the answer waits until the tick is on disk';
COMMENT ON COLUMN game.action.cooldown IS 'how long an actor waits between two calls, in simulated time; null = not at all';
COMMENT ON COLUMN game.action.max_per_second IS 'how often an actor may call it, on average over a second of simulated time; null = as often as it likes';
COMMENT ON COLUMN game.action.policy IS 'a boolean function in the schema of the game, whose parameters are actor and any of the action: may this call be made?';

CREATE TABLE game.system_error (
    world bigint NOT NULL,
    system text NOT NULL,
    sqlstate text NOT NULL,
    message text NOT NULL,
    message_hash bigint NOT NULL GENERATED ALWAYS AS (pg_catalog.hashtextextended(message, 0)) STORED,
    detail text,
    statement int,
    entity bigint,
    first_tick bigint NOT NULL,
    last_tick bigint NOT NULL,
    count bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (world, system, sqlstate, message_hash)
) WITH (fillfactor = 50);
COMMENT ON TABLE game.system_error IS 'what went wrong in systems, one row for each world, system and message';
COMMENT ON COLUMN game.system_error.detail IS 'of the newest';
COMMENT ON COLUMN game.system_error.statement IS 'of the procedure, the first is 1, at the newest; null = not known';
COMMENT ON COLUMN game.system_error.entity IS 'entity, or cell, at the newest; null = not known';

SELECT pg_catalog.pg_extension_config_dump('game.system', '');
SELECT pg_catalog.pg_extension_config_dump('game.world_system', '');
SELECT pg_catalog.pg_extension_config_dump('game.action', '');
SELECT pg_catalog.pg_extension_config_dump('game.system_error', '');

CREATE TRIGGER definitions_written AFTER INSERT OR UPDATE OR DELETE ON game.system
    FOR EACH STATEMENT EXECUTE FUNCTION game._definitions_written();
COMMENT ON TRIGGER definitions_written ON game.system IS 'the world worker reads the definitions again';
CREATE TRIGGER definitions_written AFTER INSERT OR UPDATE OR DELETE ON game.world_system
    FOR EACH STATEMENT EXECUTE FUNCTION game._definitions_written();
COMMENT ON TRIGGER definitions_written ON game.world_system IS 'the world worker reads the definitions again';
CREATE TRIGGER definitions_written AFTER INSERT OR UPDATE OR DELETE ON game.action
    FOR EACH STATEMENT EXECUTE FUNCTION game._definitions_written();
COMMENT ON TRIGGER definitions_written ON game.action IS 'the world worker reads the definitions again';

CREATE FUNCTION game._note_system_error(
    world bigint, system text, tick bigint, sqlstate text, message text, detail text, statement int, entity bigint) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    max_rows CONSTANT int := 1000;
    is_new boolean;
BEGIN
    INSERT INTO game.system_error AS e (world, system, sqlstate, message, detail, statement, entity, first_tick, last_tick)
    VALUES (world, system, sqlstate, message, detail, statement, entity, tick, tick)
    ON CONFLICT ON CONSTRAINT system_error_pkey DO UPDATE
    SET detail = excluded.detail, statement = excluded.statement, entity = excluded.entity, last_tick = excluded.last_tick, count = e.count + 1
    RETURNING e.count = 1 INTO is_new;
    IF is_new THEN
        DELETE FROM game.system_error AS e WHERE e.ctid IN (
            SELECT o.ctid FROM game.system_error AS o WHERE o.world = world ORDER BY o.last_tick DESC, o.system, o.sqlstate, o.message_hash OFFSET max_rows);
    END IF;
END
$$;
COMMENT ON FUNCTION game._note_system_error(bigint, text, bigint, text, text, text, int, bigint) IS
    'counts a failure of a system; of each world the 1,000 newest messages are kept';

CREATE FUNCTION game._phase_rank(phase text, run_on text DEFAULT 'tick') RETURNS int
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    AS $$ SELECT array_position('{input,pre_update,simulate,post_update,output}', $1) + CASE $2 WHEN 'tick' THEN 0 ELSE 5 END $$;
COMMENT ON FUNCTION game._phase_rank(text, text) IS 'place of a phase in a tick; those of observers come after all others';

CREATE FUNCTION game._system_names_in_order(game text) RETURNS text[]
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    wanted text[];   -- all systems by phase, priority and name
    earlier int[];   -- places in it of each pair that has an order
    later int[];
    waits_for int[]; -- how many must still come before each
    ordered text[] := '{}';
    placed int;
BEGIN
    SELECT coalesce(array_agg(s.name ORDER BY game._phase_rank(s.phase, s.run_on), s.priority, s.name COLLATE "C"), '{}') INTO wanted
    FROM game.system AS s WHERE s.game = game;
    -- Only within a phase: between phases there is nothing left to order.
    SELECT coalesce(array_agg(array_position(wanted, e.first)), '{}'), coalesce(array_agg(array_position(wanted, e.second)), '{}')
    INTO earlier, later
    FROM game._order_edges(game) AS e
    JOIN game.system AS a ON a.game = game AND a.name = e.first
    JOIN game.system AS b ON b.game = game AND b.name = e.second
    WHERE game._phase_rank(a.phase, a.run_on) = game._phase_rank(b.phase, b.run_on) AND a.name <> b.name;
    IF cardinality(earlier) = 0 THEN
        RETURN wanted;
    END IF;
    SELECT array_agg((SELECT count(*)::int FROM unnest(later) AS l WHERE l = i) ORDER BY i) INTO waits_for
    FROM generate_series(1, cardinality(wanted)) AS i;
    WHILE cardinality(ordered) < cardinality(wanted) LOOP
        -- Of those that can run next the most wanted one of the earliest phase; in a cycle, which only a restore can bring, of all.
        placed := array_position(waits_for, 0);
        placed := coalesce(placed, (SELECT min(i) FROM generate_series(1, cardinality(waits_for)) AS i WHERE waits_for[i] > 0));
        waits_for[placed] := NULL;
        ordered := ordered || wanted[placed];
        FOR i IN 1 .. cardinality(earlier) LOOP
            IF earlier[i] = placed THEN
                waits_for[later[i]] := waits_for[later[i]] - 1;
            END IF;
        END LOOP;
    END LOOP;
    -- A later phase may have been ready before an earlier one was done.
    RETURN (SELECT array_agg(o.name ORDER BY game._phase_rank(s.phase, s.run_on), o.place)
            FROM unnest(ordered) WITH ORDINALITY AS o(name, place) JOIN game.system AS s ON s.game = game AND s.name = o.name);
END
$$;
COMMENT ON FUNCTION game._system_names_in_order(text) IS
    'the systems of a game in the order in which they run: by phase, then so that after and before hold, then by priority and name; observers last';

CREATE FUNCTION game._order_edges(game text, OUT first text, OUT second text) RETURNS SETOF record
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT a, s.name FROM game.system AS s CROSS JOIN unnest(s.after) AS a WHERE s.game = $1
    UNION
    SELECT s.name, b FROM game.system AS s CROSS JOIN unnest(s.before) AS b WHERE s.game = $1
$$;
COMMENT ON FUNCTION game._order_edges(text) IS 'which system must run before which other';

CREATE FUNCTION game._ordered_systems(game text) RETURNS TABLE (
    "position" int, name text, procedure oid, condition oid, phase text, priority int, run_on text, components text[], after text[],
    before text[], enabled boolean, every_n_ticks int, wake_when text, kind text, library text, symbol text, created_at timestamptz)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.place::int, s.name, p.oid, c.oid, s.phase, s.priority, s.run_on, s.components, s.after, s.before, s.enabled, s.every_n_ticks,
           s.wake_when, s.kind, s.library, s.symbol, s.created_at
    FROM unnest(game._system_names_in_order($1)) WITH ORDINALITY AS o(name, place)
    JOIN game.system AS s ON s.game = $1 AND s.name = o.name
    LEFT JOIN pg_namespace AS n ON n.nspname = $1
    LEFT JOIN pg_proc AS p ON s.kind = 'sql' AND p.pronamespace = n.oid AND p.proname = s.name AND p.pronargs = 0 AND p.prokind = 'p'
    LEFT JOIN pg_proc AS c ON c.pronamespace = n.oid AND c.proname = s.wake_when AND c.pronargs = 0 AND c.prokind = 'f'
    ORDER BY o.place
$$;
COMMENT ON FUNCTION game._ordered_systems(text) IS
    'the systems of a game in the order in which they run, with their procedures and conditions (null where there is none, as in the middle of a restore)';
