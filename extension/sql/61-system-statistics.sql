-- How systems are doing.

CREATE FUNCTION game._system_statistics(OUT world bigint, OUT system text, OUT path text, OUT calls bigint, OUT entities bigint,
    OUT blocks_written bigint, OUT errors bigint, OUT duration_ns double precision, OUT p99_ns double precision)
    RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED ROWS 100 AS 'MODULE_PATHNAME', 'gamelan_system_statistics';
COMMENT ON FUNCTION game._system_statistics() IS 'counters of the systems of the worlds in memory, since the server started';

CREATE VIEW game.pg_stat_gamelan_systems AS
    SELECT world, system, path, calls, entities, blocks_written, errors, duration_ns / 1e6 AS total_ms,
           duration_ns / 1e3 / nullif(calls, 0) AS mean_us, p99_ns / 1e3 AS p99_us, duration_ns / nullif(entities, 0) AS ns_per_entity
    FROM game._system_statistics();
COMMENT ON VIEW game.pg_stat_gamelan_systems IS 'what the systems of each world in memory have done and cost, since the server started';
COMMENT ON COLUMN game.pg_stat_gamelan_systems.path IS 'kernel: compiled; executor: played by PostgreSQL''s executor; native: a function of a shared library';
COMMENT ON COLUMN game.pg_stat_gamelan_systems.entities IS 'rows that it changed';
COMMENT ON COLUMN game.pg_stat_gamelan_systems.blocks_written IS 'blocks of columns that kernels wrote; of systems that ran fused, an equal share';
COMMENT ON COLUMN game.pg_stat_gamelan_systems.mean_us IS 'microseconds a call; of systems that ran fused, an equal share';
COMMENT ON COLUMN game.pg_stat_gamelan_systems.p99_us IS '99 of 100 calls took less, to within a third of an octave';
