-- Who holds gamelan.memory.

CREATE FUNCTION game._memory(OUT part text, OUT world bigint, OUT component text, OUT bytes bigint, OUT items bigint)
    RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED ROWS 100 AS 'MODULE_PATHNAME', 'gamelan_memory';
COMMENT ON FUNCTION game._memory() IS 'the rows of game.pg_stat_gamelan_memory';

CREATE VIEW game.pg_stat_gamelan_memory AS SELECT part, world, component, bytes, items FROM game._memory();
COMMENT ON VIEW game.pg_stat_gamelan_memory IS 'who holds gamelan.memory';
COMMENT ON COLUMN game.pg_stat_gamelan_memory.part IS
    'pool: all of it; free: not given to any world; pins: readers that hold a tick; world: what a world has taken; history: of that, what only readers of older ticks can still see; component: blocks of a component in the published tick; heap: its values that do not fit into their slots; index: its secondary indexes';
COMMENT ON COLUMN game.pg_stat_gamelan_memory.items IS 'rows of a component; for pins, how many';
