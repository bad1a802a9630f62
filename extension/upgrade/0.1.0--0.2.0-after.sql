-- What needs the functions to be there, and privileges of new objects beyond the rule of footer.sql: what players and
-- gateways may call and read, and what admins may not.

GRANT EXECUTE ON FUNCTION game.chunk_cells(bigint, bigint) TO gamelan_player;
