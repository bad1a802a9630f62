CREATE FUNCTION game.checkpoint(world bigint) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'gamelan_checkpoint';
COMMENT ON FUNCTION game.checkpoint(bigint) IS
    'writes a full checkpoint of the published tick as part of this transaction, without stopping the world; returns the tick';

CREATE FUNCTION game.evict_world(world bigint) RETURNS void
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'gamelan_evict_world';
COMMENT ON FUNCTION game.evict_world(bigint) IS
    'writes a checkpoint of a world that stands still, and gives its memory back when this transaction has committed; the world comes back when somebody touches it. Errors: 55000 it is running';
