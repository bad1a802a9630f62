CREATE FUNCTION game.checkpoint(world bigint) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'gamelan_checkpoint';
COMMENT ON FUNCTION game.checkpoint(bigint) IS
    'writes a full checkpoint of the published tick as part of this transaction, without stopping the world; returns the tick';
