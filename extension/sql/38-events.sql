-- Tables of events: ordinary tables in the schema of a game, which systems and actions insert into.

CREATE TABLE game.event_row (
    world bigint NOT NULL DEFAULT game.world_id(),
    tick bigint NOT NULL DEFAULT game.tick(),
    entity bigint,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    cause text DEFAULT game.cause(),
    CONSTRAINT rows_are_in_tables_that_inherit CHECK (false) NO INHERIT
);
COMMENT ON TABLE game.event_row IS
    'what tables of events inherit from: CREATE TABLE arena.shot (target bigint, damage int) INHERITS (game.event_row). A system or action inserts, and the rows are there when its tick is durable';
COMMENT ON COLUMN game.event_row.world IS 'the world it happened in';
COMMENT ON COLUMN game.event_row.tick IS 'the tick it happened in';
COMMENT ON COLUMN game.event_row.entity IS 'whom it happened to; null = nobody in particular';
COMMENT ON COLUMN game.event_row.created_at IS 'when the tick was run, by the clock of the server';
COMMENT ON COLUMN game.event_row.cause IS 'what told it, as in game.event';
-- Only who owns a table may inherit from it.
ALTER TABLE game.event_row OWNER TO gamelan_admin;
