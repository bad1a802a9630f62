-- Reading the published state. Each call sees one tick.

CREATE FUNCTION game.cells(world bigint, cells bigint[] DEFAULT NULL,
    OUT cell bigint, OUT slot int, OUT resource int, OUT amount int, OUT owner int)
    RETURNS SETOF record
    LANGUAGE c VOLATILE PARALLEL RESTRICTED ROWS 1000 AS 'MODULE_PATHNAME', 'gamelan_cells';
COMMENT ON FUNCTION game.cells(bigint, bigint[]) IS
    'the cells named by their ids, in that order, or all cells; owner is 0 or the number of a player. WG006: no such cell';

CREATE FUNCTION game.cells_in_chunk(world bigint, chunk bigint,
    OUT cell bigint, OUT slot int, OUT resource int, OUT amount int, OUT owner int)
    RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED ROWS 256 AS 'MODULE_PATHNAME', 'gamelan_cells_in_chunk';
COMMENT ON FUNCTION game.cells_in_chunk(bigint, bigint) IS 'the cells of a chunk (a square of up to 16 × 16 cells) by its id; see game.chunk_of';

CREATE FUNCTION game.chunk_cells(world bigint, chunk bigint) RETURNS SETOF bigint
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED ROWS 256 AS 'MODULE_PATHNAME', 'gamelan_chunk_cells';
COMMENT ON FUNCTION game.chunk_cells(bigint, bigint) IS 'the ids of the cells of a chunk, whatever the game';

CREATE FUNCTION game.cells_in_disc(world bigint, center bigint, radius int,
    OUT cell bigint, OUT slot int, OUT resource int, OUT amount int, OUT owner int)
    RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED ROWS 100 AS 'MODULE_PATHNAME', 'gamelan_cells_in_disc';
COMMENT ON FUNCTION game.cells_in_disc(bigint, bigint, int) IS 'the cells at most radius steps from a cell, nearest first';

CREATE FUNCTION game.chunk_of(world bigint, cell bigint) RETURNS bigint
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'gamelan_chunk_of';
COMMENT ON FUNCTION game.chunk_of(bigint, bigint) IS 'the id of the chunk a cell lies in';

CREATE FUNCTION game.players(world bigint,
    OUT player int, OUT name text, OUT actor text, OUT claims int, OUT score bigint)
    RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT PARALLEL RESTRICTED ROWS 100 AS 'MODULE_PATHNAME', 'gamelan_players';
COMMENT ON FUNCTION game.players(bigint) IS 'the players of a world; actor is the role or gateway session that plays';

CREATE FUNCTION game.changes(world bigint, since bigint, wait_ms int) RETURNS bytea
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_changes';
COMMENT ON FUNCTION game.changes(bigint, bigint, int) IS
    'for gateways: waits up to wait_ms for a tick after "since" and returns what changed, as a state message (docs/formats.md); null when nothing did';
