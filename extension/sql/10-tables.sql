-- Everything durable. No foreign keys between these tables: a restore brings them in any order, and a world waits until
-- its definition, its head and the log row that the head names are all there.

CREATE TABLE game.world_definition (
    id bigint PRIMARY KEY,
    name text NOT NULL UNIQUE,
    game text NOT NULL,
    seed bigint NOT NULL,
    config jsonb NOT NULL,
    tick_rate int NOT NULL CHECK (tick_rate BETWEEN 1 AND 240),
    time_scale double precision NOT NULL DEFAULT 1 CHECK (time_scale > 0 AND time_scale <= 100),
    catch_up text NOT NULL DEFAULT 'bounded' CHECK (catch_up IN ('bounded', 'skip', 'all')),
    durability text NOT NULL DEFAULT 'sync' CHECK (durability IN ('sync', 'relaxed', 'replicated')),
    desired_state text NOT NULL DEFAULT 'created' CHECK (desired_state IN ('created', 'running', 'paused')),
    first_tick bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE game.world_definition IS 'What each world is: its game, seed and configuration, and whether it should run';
COMMENT ON COLUMN game.world_definition.time_scale IS 'seconds that pass in the world in each second of its ticks';
COMMENT ON COLUMN game.world_definition.catch_up IS
    'what becomes of ticks that are overdue: up to gamelan.max_catch_up_ticks of them are run, none, or all';

COMMENT ON COLUMN game.world_definition.first_tick IS 'where the world began: more than 0 if it is a fork, whose first state is in its first checkpoint';
COMMENT ON COLUMN game.world_definition.durability IS 'what a tick waits for before it is published and its commands are answered';

CREATE SEQUENCE game.world_id_seq OWNED BY game.world_definition.id;
CREATE SEQUENCE game.command_handle_seq;
CREATE SEQUENCE game.inbox_id_seq;
COMMENT ON SEQUENCE game.world_id_seq IS 'ids of worlds; never used twice, so that nothing left over can belong to a new one';
COMMENT ON SEQUENCE game.command_handle_seq IS 'handles that game.enqueue returns';
COMMENT ON SEQUENCE game.inbox_id_seq IS 'the order in which transactions with queued commands committed';

CREATE TABLE game.world_head (
    world bigint PRIMARY KEY,
    tick bigint NOT NULL,
    log_tick bigint NOT NULL,
    row_hash bigint NOT NULL,
    checksum bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now()
) WITH (fillfactor = 50);
COMMENT ON TABLE game.world_head IS 'How far each world has come: the tick to resume at, and the newest row of its log';
COMMENT ON COLUMN game.world_head.tick IS 'the world resumes at this tick';
COMMENT ON COLUMN game.world_head.log_tick IS 'tick of the newest row in game.tick_log, 0 = none';
COMMENT ON COLUMN game.world_head.row_hash IS 'row_hash of that row';
COMMENT ON COLUMN game.world_head.checksum IS 'of the columns before it: game._head_checksum(world, tick, log_tick, row_hash)';

-- A partitioned table of an extension that is to come back from pg_restore has no key itself: each partition has its own.
-- That no tick stands in two of them, game.world_head sees to, which every tick of the log moves on.
CREATE TABLE game.tick_log (
    world bigint NOT NULL,
    tick bigint NOT NULL,
    commands bytea NOT NULL,
    state_hash bigint,
    row_hash bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
) PARTITION BY RANGE (created_at);
ALTER TABLE game.tick_log ALTER COLUMN commands SET STORAGE EXTERNAL;
CREATE TABLE game.tick_log_default PARTITION OF game.tick_log (PRIMARY KEY (world, tick)) DEFAULT;
ALTER TABLE game.tick_log_default ALTER COLUMN commands SET STORAGE EXTERNAL;
COMMENT ON TABLE game.tick_log_default IS 'Rows of game.tick_log for whose time there is no partition yet';
COMMENT ON TABLE game.tick_log IS 'The commands of each tick that had any, packed (docs/formats.md); chained by hash';
COMMENT ON COLUMN game.tick_log.state_hash IS 'state hash after the tick; null where it was not computed';
COMMENT ON COLUMN game.tick_log.row_hash IS 'hash over the row before it, the tick, the commands and the state hash';

CREATE TABLE game.event (
    world bigint NOT NULL,
    tick bigint NOT NULL,
    ordinal int NOT NULL,
    kind text NOT NULL,
    actor text,
    entity bigint,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    cause text,
    handle bigint
) PARTITION BY RANGE (created_at);
CREATE TABLE game.event_default PARTITION OF game.event (PRIMARY KEY (world, tick, ordinal)) DEFAULT;
COMMENT ON TABLE game.event_default IS 'Rows of game.event for whose time there is no partition yet';
COMMENT ON TABLE game.event IS 'What happened, as actions and systems told it; never changed';
COMMENT ON COLUMN game.event.ordinal IS 'its place among the events of the tick, from 0';
COMMENT ON COLUMN game.event.cause IS 'what told it: "system NAME", or "command N", the N-th of the tick in the log (game.command.position)';
COMMENT ON COLUMN game.event.handle IS 'what game.enqueue returned, if the cause is a queued command';

CREATE TABLE game.inbox (
    id bigint PRIMARY KEY,
    world bigint NOT NULL,
    session text NOT NULL,
    commands bytea NOT NULL
);
-- Gone after a tick: to compress a large set of writes takes longer than to make it.
ALTER TABLE game.inbox ALTER COLUMN commands SET STORAGE EXTERNAL;
COMMENT ON TABLE game.inbox IS 'Commands of committed transactions that no tick has applied yet, one row a transaction and world';

CREATE TABLE game.conflict (
    world bigint NOT NULL,
    handle bigint NOT NULL,
    tick bigint NOT NULL,
    session text NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    sqlstate text NOT NULL,
    message text NOT NULL,
    detail text,
    hint text,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (world, handle)
);
COMMENT ON TABLE game.conflict IS 'Queued commands that their tick refused; game.sync raises those of its session';

CREATE TABLE game.dropped_world (
    id bigint PRIMARY KEY
);
COMMENT ON TABLE game.dropped_world IS 'Worlds whose log, events and checkpoints the world worker has yet to remove';

CREATE TABLE game.checkpoint (
    world bigint NOT NULL,
    tick bigint NOT NULL,
    kind text NOT NULL,
    base_tick bigint,
    base_hash bigint,
    chain_length int NOT NULL,
    format_version int NOT NULL,
    engine_version text NOT NULL,
    codec text NOT NULL,
    key_id text,
    definition jsonb NOT NULL,
    layout bytea NOT NULL,
    spaces jsonb NOT NULL,
    state_hash bigint NOT NULL,
    log_tick bigint NOT NULL,
    row_hash bigint NOT NULL,
    chunks int NOT NULL,
    chunks_hash bigint NOT NULL,
    manifest_hash bigint NOT NULL,
    raw_bytes bigint NOT NULL,
    stored_bytes bigint NOT NULL,
    duration_ms double precision NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    verified_at timestamptz,
    PRIMARY KEY (world, tick)
);
COMMENT ON TABLE game.checkpoint IS 'The saved states of worlds; the bytes are in game.checkpoint_chunk';
COMMENT ON COLUMN game.checkpoint.kind IS 'full: the whole state; incremental: what changed since its base';
COMMENT ON COLUMN game.checkpoint.base_tick IS 'of an incremental one: the checkpoint that it builds on';
COMMENT ON COLUMN game.checkpoint.base_hash IS 'manifest_hash of that one';
COMMENT ON COLUMN game.checkpoint.chain_length IS 'how many incremental ones lie between it and its full one, itself included';
COMMENT ON COLUMN game.checkpoint.key_id IS 'the key that its chunks are encrypted with; null when they are not';
COMMENT ON COLUMN game.checkpoint.layout IS 'the components of the world, packed (docs/formats.md, "Definition")';
COMMENT ON COLUMN game.checkpoint.log_tick IS 'tick of the newest log row that it contains; 0 = none';
COMMENT ON COLUMN game.checkpoint.manifest_hash IS 'checksum of all that decides what is restored';
COMMENT ON COLUMN game.checkpoint.duration_ms IS 'how long it took to copy, compress, write and read it back';
COMMENT ON COLUMN game.checkpoint.verified_at IS 'when a recovery from it, in memory nobody else saw, came to its state hash';

CREATE TABLE game.checkpoint_chunk (
    world bigint NOT NULL,
    tick bigint NOT NULL,
    ordinal int NOT NULL,
    column_name text NOT NULL,
    first_slot bigint NOT NULL,
    slots int NOT NULL,
    raw_bytes int NOT NULL,
    checksum bigint NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (world, tick, ordinal)
);
ALTER TABLE game.checkpoint_chunk ALTER COLUMN data SET STORAGE EXTERNAL;
COMMENT ON TABLE game.checkpoint_chunk IS 'Parts of checkpoints: runs of slots of one column, compressed, with their checksum';

CREATE TABLE game.checkpoint_policy (
    world bigint PRIMARY KEY,
    strategy text CHECK (strategy IN ('full', 'incremental', 'hybrid')),
    every interval CHECK (every >= interval '0'),
    every_ticks bigint CHECK (every_ticks >= 0),
    every_log_bytes bigint CHECK (every_log_bytes >= 0),
    full_every int CHECK (full_every BETWEEN 1 AND 100),
    generations int CHECK (generations BETWEEN 2 AND 1000),
    keep interval CHECK (keep >= interval '0')
);
COMMENT ON TABLE game.checkpoint_policy IS
    'When each world gets checkpoints, of which kind, and how many are kept; null, and worlds without a row: as the settings gamelan.checkpoint_* say';

CREATE TABLE game.idempotency_key (
    world bigint NOT NULL,
    actor text NOT NULL,
    key text NOT NULL,
    action text NOT NULL,
    arguments_hash bytea NOT NULL,
    handle bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (world, actor, key)
);
CREATE INDEX idempotency_key_created_at ON game.idempotency_key (created_at);
COMMENT ON TABLE game.idempotency_key IS 'The keys that queued commands came with, for gamelan.keep_idempotency_keys';

CREATE TABLE game.retention (
    world bigint PRIMARY KEY,
    keep_log interval CHECK (keep_log >= interval '0'),
    keep_events interval CHECK (keep_events >= interval '0')
);
COMMENT ON TABLE game.retention IS
    'How long each world''s log and events are kept, 0 = for ever; null, and worlds without a row: as gamelan.keep_log and gamelan.keep_events say';

CREATE TABLE game.log_begin (
    world bigint PRIMARY KEY,
    tick bigint NOT NULL,
    row_hash bigint NOT NULL
);
COMMENT ON TABLE game.log_begin IS 'Worlds whose log no longer has its first rows: the newest of those that are gone, which the first one left follows on';

CREATE TABLE game.archive (
    file text PRIMARY KEY,
    parent text NOT NULL,
    partition text NOT NULL,
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL,
    rows bigint NOT NULL,
    bytes bigint NOT NULL,
    newest jsonb NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    restored_as text UNIQUE
);
COMMENT ON TABLE game.archive IS 'The files that partitions were written to, below gamelan.archive_folder';
COMMENT ON COLUMN game.archive.newest IS 'by world, the newest tick in it';
COMMENT ON COLUMN game.archive.restored_as IS 'the table it was brought back as; retention leaves that alone';

-- pg_dump writes the rows of these, and the positions of the sequences: a dump is a save.
SELECT pg_catalog.pg_extension_config_dump('game.world_definition', '');
SELECT pg_catalog.pg_extension_config_dump('game.world_head', '');
SELECT pg_catalog.pg_extension_config_dump('game.tick_log_default', '');
SELECT pg_catalog.pg_extension_config_dump('game.event_default', '');
SELECT pg_catalog.pg_extension_config_dump('game.inbox', '');
SELECT pg_catalog.pg_extension_config_dump('game.conflict', '');
SELECT pg_catalog.pg_extension_config_dump('game.dropped_world', '');
SELECT pg_catalog.pg_extension_config_dump('game.checkpoint', '');
SELECT pg_catalog.pg_extension_config_dump('game.checkpoint_chunk', '');
SELECT pg_catalog.pg_extension_config_dump('game.checkpoint_policy', '');
SELECT pg_catalog.pg_extension_config_dump('game.retention', '');
SELECT pg_catalog.pg_extension_config_dump('game.idempotency_key', '');
SELECT pg_catalog.pg_extension_config_dump('game.log_begin', '');
SELECT pg_catalog.pg_extension_config_dump('game.archive', '');
SELECT pg_catalog.pg_extension_config_dump('game.world_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('game.command_handle_seq', '');
SELECT pg_catalog.pg_extension_config_dump('game.inbox_id_seq', '');

GRANT SELECT ON game.event TO gamelan_player;
GRANT SELECT ON ALL TABLES IN SCHEMA game TO gamelan_admin;
