REVOKE ALL ON ALL FUNCTIONS IN SCHEMA game FROM PUBLIC;
GRANT SELECT ON game.world TO gamelan_player;
GRANT EXECUTE ON FUNCTION
    game._world_runtime(), game.call(bigint, text, jsonb), game.enqueue(bigint, text, jsonb), game.enqueue(bigint, text, jsonb, text), game.sync(bigint),
    game.describe(bigint), game._describe_actions(text), game.state_hash(bigint), game.durable_tick(bigint), game.tick_lateness(bigint, double precision),
    game.cells(bigint, bigint[]), game.cells_in_chunk(bigint, bigint), game.cells_in_disc(bigint, bigint, int),
    game.chunk_of(bigint, bigint), game.chunk_cells(bigint, bigint), game.cells_near(bigint, int, bigint),
    game.near(regclass, double precision, double precision, double precision, bigint, double precision, name[]),
    game.in_box(regclass, double precision, double precision, double precision, double precision, bigint, double precision, double precision, name[]),
    game.nearest(regclass, double precision, double precision, int, bigint, double precision, name[]),
    game.pairs(regclass, double precision, bigint, name[], int), game.near_cell(regclass, name, bigint, int, bigint),
    game.within(double precision, double precision, double precision, double precision, double precision),
    game.within(double precision, double precision, double precision, double precision, double precision, double precision, double precision)
    TO gamelan_player;
GRANT EXECUTE ON FUNCTION
    game.calls(bigint, text[], text[], jsonb[], bigint[]), game.changes(bigint, bigint, int), game.players(bigint)
    TO gamelan_gateway;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA game TO gamelan_admin;
GRANT USAGE ON FOREIGN SERVER gamelan TO gamelan_admin;
GRANT SELECT ON game.game, game.template, game.action TO gamelan_player;
-- Owners by name only, so that components can inherit from them.
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON game.component, game.cell FROM gamelan_admin;
REVOKE EXECUTE ON FUNCTION game._forget_game(text), game._rename_game(text, text), game._ddl_ended(), game._objects_dropped(), game._refuse_row(),
    game._fdw_handler(), game._fdw_validator(text[], oid), game._routine_changed(oid, text, boolean), game._component_renamed(oid, text),
    game._declared_dropped(), game._check_native_system(text, text) FROM gamelan_admin;
REVOKE EXECUTE ON FUNCTION game._write_archive(text, regclass, text), game._read_archive(text, regclass, text[]), game._archive_header(text), game._archive_bytes(text) FROM gamelan_admin;
GRANT SELECT ON game.partition, game.command, game.command_statistics, game.event_kinds, game.event_rate TO gamelan_admin;
GRANT SELECT ON game.recovery, game._entity, game.entity, game.pg_stat_gamelan_memory, game.pg_stat_gamelan_systems TO gamelan_admin;
GRANT SELECT ON game.system, game.world_system, game.system_state, game.action, game.system_error TO gamelan_admin;
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON game.event_row FROM gamelan_admin;
