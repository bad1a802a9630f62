-- Tables, columns, sequences, types and what dumps hold of them, as far as they changed; and DROPs of functions and views
-- that CREATE OR REPLACE cannot change, because of their results or the names of their arguments, or that are gone.

-- The log and the events become partitioned tables. What they were is a partition of the time that has passed; where it
-- is empty, it goes.
ALTER EXTENSION gamelan DROP TABLE game.tick_log;
ALTER TABLE game.tick_log RENAME TO tick_log_before_0_2_0;
ALTER INDEX game.tick_log_pkey RENAME TO tick_log_before_0_2_0_pkey;
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

ALTER EXTENSION gamelan DROP TABLE game.event;
ALTER TABLE game.event RENAME TO event_before_0_2_0;
ALTER INDEX game.event_pkey RENAME TO event_before_0_2_0_pkey;
ALTER TABLE game.event_before_0_2_0 ADD COLUMN cause text, ADD COLUMN handle bigint;
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

GRANT SELECT ON game.tick_log, game.tick_log_default, game.event, game.event_default TO gamelan_admin;
GRANT SELECT ON game.event TO gamelan_player;

DO $$
DECLARE
    name text;
    old text;
    given aclitem[];
    granted record;
    user_of text;
    until timestamptz;
    is_empty boolean;
BEGIN
    PERFORM set_config('datestyle', 'ISO', true), set_config('timezone', 'UTC', true);
    FOREACH name IN ARRAY ARRAY['tick_log', 'event'] LOOP
        old := name || '_before_0_2_0';
        -- As an operator has them; what dumps take for his work is what a new extension would not have.
        SELECT p.initprivs INTO STRICT given FROM pg_init_privs AS p
            WHERE p.classoid = 'pg_class'::regclass AND p.objoid = format('game.%I', name)::regclass AND p.objsubid = 0;
        EXECUTE format('REVOKE ALL ON game.%I FROM gamelan_player, gamelan_admin', name);
        FOR granted IN SELECT a.grantee, a.privilege_type, a.is_grantable FROM pg_class AS c, aclexplode(c.relacl) AS a
                       WHERE c.oid = format('game.%I', old)::regclass AND a.grantee <> c.relowner LOOP
            EXECUTE format('GRANT %s ON game.%I TO %s%s', granted.privilege_type, name,
                           CASE granted.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(granted.grantee)) END,
                           CASE WHEN granted.is_grantable THEN ' WITH GRANT OPTION' END);
        END LOOP;
        UPDATE pg_init_privs AS p SET initprivs = given
            WHERE p.classoid = 'pg_class'::regclass AND p.objoid = format('game.%I', name)::regclass AND p.objsubid = 0;
        FOR user_of IN SELECT DISTINCT v.oid::regclass::text FROM pg_depend AS d JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
                       JOIN pg_class AS v ON v.oid = r.ev_class
                       WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = format('game.%I', old)::regclass AND v.relkind IN ('v', 'm') LOOP
            RAISE WARNING 'the view % shows what was in game.% before this update, and nothing new', user_of, name
                USING HINT = 'Create it again.';
        END LOOP;
        EXECUTE format('SELECT greatest(now(), max(created_at) + interval ''1 microsecond''), count(*) = 0 FROM game.%I', old) INTO until, is_empty;
        IF is_empty THEN
            EXECUTE format('DROP TABLE game.%I', old);
        ELSE
            EXECUTE format('ALTER TABLE game.%I ATTACH PARTITION game.%I FOR VALUES FROM (MINVALUE) TO (%L)', name, old, until);
        END IF;
    END LOOP;
END
$$;

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
CREATE TABLE game.retention (
    world bigint PRIMARY KEY,
    keep_log interval CHECK (keep_log >= interval '0'),
    keep_events interval CHECK (keep_events >= interval '0')
);
CREATE TABLE game.log_begin (
    world bigint PRIMARY KEY,
    tick bigint NOT NULL,
    row_hash bigint NOT NULL
);
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
SELECT pg_catalog.pg_extension_config_dump('game.tick_log_default', '');
SELECT pg_catalog.pg_extension_config_dump('game.event_default', '');
SELECT pg_catalog.pg_extension_config_dump('game.idempotency_key', '');
SELECT pg_catalog.pg_extension_config_dump('game.retention', '');
SELECT pg_catalog.pg_extension_config_dump('game.log_begin', '');
SELECT pg_catalog.pg_extension_config_dump('game.archive', '');
GRANT SELECT ON game.idempotency_key, game.retention, game.log_begin, game.archive TO gamelan_admin;

CREATE FUNCTION game.cause() RETURNS text
    LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'gamelan_tick_cause';
ALTER TABLE game.event_row ADD COLUMN cause text DEFAULT game.cause();
DROP FUNCTION game._components_of_world(bigint);
