-- What needs the functions to be there, and privileges of new objects beyond the rule of privileges.sql: what players and
-- gateways may call and read, and what admins may not.

GRANT EXECUTE ON FUNCTION game.enqueue(bigint, text, jsonb, text), game.chunk_cells(bigint, bigint), game.durable_tick(bigint) TO gamelan_player;
REVOKE EXECUTE ON FUNCTION game._write_archive(text, regclass, text), game._read_archive(text, regclass, text[]), game._archive_header(text), game._archive_bytes(text) FROM gamelan_admin;
GRANT SELECT ON game.partition, game.command, game.command_statistics, game.event_kinds, game.event_rate TO gamelan_admin;
