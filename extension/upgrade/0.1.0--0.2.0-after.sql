-- What needs the functions to be there, and privileges of new objects beyond the rule of footer.sql: what players and
-- gateways may call and read, and what admins may not.

GRANT EXECUTE ON FUNCTION game.enqueue(bigint, text, jsonb, text) TO gamelan_player;
GRANT SELECT ON game.partition, game.command, game.command_statistics, game.event_kinds, game.event_rate TO gamelan_admin;
