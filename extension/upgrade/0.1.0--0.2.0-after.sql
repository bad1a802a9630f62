-- What needs the functions to be there, and privileges of new objects beyond the rule of privileges.sql: what players and
-- gateways may call and read, and what admins may not.
GRANT EXECUTE ON FUNCTION game.durable_tick(bigint) TO gamelan_player;
