-- What the bodies of systems and actions call. Inside a tick these speak of the world that plays it; outside of one
-- most of them have nothing to say.

CREATE FUNCTION game.world_id() RETURNS bigint
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'gamelan_tick_world';
COMMENT ON FUNCTION game.world_id() IS 'in a system or action: its world; null outside of a tick';

CREATE FUNCTION game.actor() RETURNS text
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'gamelan_tick_actor';
COMMENT ON FUNCTION game.actor() IS 'in an action: who called it, a role or a guest; in a system null; outside of a tick the current role';

CREATE FUNCTION game.cause() RETURNS text
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'gamelan_tick_cause';
COMMENT ON FUNCTION game.cause() IS 'in a system or action: itself, as events have it: "system NAME", or "command N", the N-th of its tick in the log; null outside of a tick';

CREATE FUNCTION game.tick() RETURNS bigint
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'gamelan_tick_number';
COMMENT ON FUNCTION game.tick() IS 'in a system or action: the tick that is being played';

CREATE FUNCTION game.now() RETURNS timestamptz
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'gamelan_tick_now';
COMMENT ON FUNCTION game.now() IS 'in a system or action: simulated time; a world''s first tick begins on 2000-01-01 00:00 UTC. The same in every replay';

CREATE FUNCTION game.dt() RETURNS double precision
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'gamelan_tick_dt';
COMMENT ON FUNCTION game.dt() IS 'in a system or action: the simulated seconds that a tick takes';

CREATE FUNCTION game.random(key bigint) RETURNS double precision
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'gamelan_tick_random';
COMMENT ON FUNCTION game.random(bigint) IS
    'a number from 0 to below 1 that the world''s seed, the tick and the key decide: the same key gives the same number in the same tick, and in every replay';

CREATE FUNCTION game.random() RETURNS double precision
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'gamelan_tick_random_next';
COMMENT ON FUNCTION game.random() IS 'the next number of the system or action: it depends on how many were drawn before, so rows are better served by game.random(key)';

CREATE FUNCTION game.gauss(key bigint) RETURNS double precision
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'gamelan_tick_gauss';
COMMENT ON FUNCTION game.gauss(bigint) IS 'like game.random(key), normally distributed: mean 0, standard deviation 1';

CREATE FUNCTION game.gauss() RETURNS double precision
    LANGUAGE c VOLATILE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'gamelan_tick_gauss_next';
COMMENT ON FUNCTION game.gauss() IS 'like game.random(), normally distributed: mean 0, standard deviation 1';

CREATE FUNCTION game.emit(type text, entity bigint DEFAULT NULL, payload jsonb DEFAULT '{}') RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_tick_emit';
COMMENT ON FUNCTION game.emit(text, bigint, jsonb) IS
    'in a system or action: something happened. It becomes a row of game.event when the tick is durable, unless the system or action fails';

CREATE FUNCTION game.observed() RETURNS SETOF bigint
    LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 100 AS 'MODULE_PATHNAME', 'gamelan_tick_observed';
COMMENT ON FUNCTION game.observed() IS 'in an observer: the entities or cells whose rows came, changed or went in this tick';

CREATE FUNCTION game.neighbors(world bigint, cell bigint) RETURNS SETOF bigint
    LANGUAGE c STABLE STRICT PARALLEL SAFE ROWS 6 AS 'MODULE_PATHNAME', 'gamelan_neighbors';
COMMENT ON FUNCTION game.neighbors(bigint, bigint) IS 'the cells that share an edge with a cell, of the same layer: six, or five around a pentagon';

CREATE FUNCTION game.neighbors(cell bigint) RETURNS SETOF bigint
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED ROWS 6 AS 'MODULE_PATHNAME', 'gamelan_tick_neighbors';
COMMENT ON FUNCTION game.neighbors(bigint) IS 'in a system or action: the same, of the world that is being played';

CREATE FUNCTION game.spawn(template text, overrides jsonb DEFAULT '{}') RETURNS bigint
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$ SELECT (game._spawn(game.world_id(), 1, $1, $2))[1] $$;
COMMENT ON FUNCTION game.spawn(text, jsonb) IS 'in a system or action: makes an entity from a template; it is there for the next statement';

CREATE FUNCTION game.spawn_many(count int, template text) RETURNS SETOF bigint
    LANGUAGE sql VOLATILE ROWS 1000 SET search_path = pg_catalog, pg_temp
    AS $$ SELECT unnest(game._spawn(game.world_id(), $1, $2, '{}')) $$;
COMMENT ON FUNCTION game.spawn_many(int, text) IS 'in a system or action: makes that many entities from a template';

CREATE FUNCTION game.despawn(entity bigint) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$ SELECT game.despawn(game.world_id(), $1) $$;
COMMENT ON FUNCTION game.despawn(bigint) IS 'in a system or action: removes an entity with all its rows';

-- A row written in a tick is of its world; elsewhere the world has to be named.
ALTER TABLE game.component ALTER COLUMN world SET DEFAULT game.world_id();
ALTER TABLE game.cell ALTER COLUMN world SET DEFAULT game.world_id();
