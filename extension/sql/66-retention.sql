-- How long the log and the events are kept. Partitions go whole, when no world wants or needs anything in them.

CREATE FUNCTION game.set_retention(world bigint, keep_log interval DEFAULT NULL, keep_events interval DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF keep_log < interval '0' OR keep_events < interval '0' THEN
        RAISE EXCEPTION 'a time is negative' USING ERRCODE = 'invalid_parameter_value', HINT = '0 means for ever.';
    END IF;
    PERFORM FROM game.world_definition AS d WHERE d.id = world FOR KEY SHARE;
    PERFORM game._require_world(world, FOUND);
    INSERT INTO game.retention AS r (world, keep_log, keep_events) VALUES (world, keep_log, keep_events)
        ON CONFLICT ON CONSTRAINT retention_pkey DO UPDATE SET keep_log = excluded.keep_log, keep_events = excluded.keep_events;
END
$$;
COMMENT ON FUNCTION game.set_retention(bigint, interval, interval) IS
    'says how long a world''s log and events are kept, 0 = for ever; what is left out or null follows gamelan.keep_log and gamelan.keep_events. Worlds share partitions: what one of them keeps stays for all';

CREATE FUNCTION game._keep(parent text, world bigint) RETURNS interval
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((SELECT CASE parent WHEN 'tick_log' THEN r.keep_log ELSE r.keep_events END FROM game.retention AS r WHERE r.world = _keep.world),
                    current_setting(CASE parent WHEN 'tick_log' THEN 'gamelan.keep_log' ELSE 'gamelan.keep_events' END)::interval)
$$;
COMMENT ON FUNCTION game._keep(text, bigint) IS 'how long the rows of a world are kept, 0 = for ever';

CREATE FUNCTION game._worlds_in(partition text) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found bigint;
BEGIN
    EXECUTE format('SELECT min(world) FROM game.%I', partition) INTO found;
    WHILE found IS NOT NULL LOOP
        RETURN NEXT found;
        EXECUTE format('SELECT min(world) FROM game.%I WHERE world > $1', partition) INTO found USING found;
    END LOOP;
END
$$;
COMMENT ON FUNCTION game._worlds_in(text) IS 'the worlds that have rows in a partition; a look into its index for each';

CREATE FUNCTION game._newest_in(partition text) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    world bigint;
    newest bigint;
    out jsonb := '{}';
BEGIN
    FOR world IN SELECT game._worlds_in(partition) LOOP
        EXECUTE format('SELECT max(t.tick) FROM game.%I AS t WHERE t.world = $1', partition) INTO newest USING world;
        out := out || jsonb_build_object(world::text, newest);
    END LOOP;
    RETURN out;
END
$$;
COMMENT ON FUNCTION game._newest_in(text) IS 'by world, the newest tick in a partition: where rows are added, one of them grows';

CREATE FUNCTION game._needs_log(world bigint, partition text, keep interval) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    oldest bigint;
    newest bigint;
    checkpoint_at timestamptz;
BEGIN
    EXECUTE format('SELECT min(l.tick), max(l.tick) FROM game.%I AS l WHERE l.world = $1', partition) INTO oldest, newest USING world;
    IF newest IS NULL OR NOT EXISTS (SELECT FROM game.world_definition AS d WHERE d.id = world) THEN
        RETURN NULL;
    ELSIF newest > game.log_needed_after(world) THEN
        RETURN format('world %s needs it to recover', world);
    ELSIF oldest = newest AND EXISTS (SELECT FROM game.world_head AS h WHERE h.world = world AND h.log_tick = newest) THEN
        RETURN NULL; -- that row is carried over
    END IF;
    SELECT min(c.created_at) INTO checkpoint_at FROM game.checkpoint AS c WHERE c.world = world AND c.kind = 'full';
    IF checkpoint_at > now() - keep THEN
        RETURN format('world %s has no older checkpoint to look back from', world);
    ELSIF EXISTS (SELECT FROM game.tick_log AS l WHERE l.world = world AND l.tick < oldest) THEN
        RETURN format('world %s has older ticks in another partition', world);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION game._needs_log(bigint, text, interval) IS
    'why a world needs its log in a partition, null = it does not: to recover from any checkpoint that is kept, or to show all states of the time for which the log is kept';

CREATE FUNCTION game._held_by(parent text, partition text, to_at timestamptz) RETURNS text
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    world bigint;
    keep interval;
    reason text;
BEGIN
    IF EXISTS (SELECT FROM game.archive AS a WHERE a.restored_as = partition) THEN
        RETURN 'it was restored from an archive';
    END IF;
    FOR world IN SELECT game._worlds_in(partition) LOOP
        keep := game._keep(parent, world);
        IF keep = interval '0' THEN
            RETURN format('world %s keeps it for ever', world);
        ELSIF to_at > now() - keep THEN
            RETURN format('world %s keeps it until %s', world, to_at + keep);
        END IF;
        IF parent = 'tick_log' THEN
            reason := game._needs_log(world, partition, keep);
            IF reason IS NOT NULL THEN
                RETURN reason;
            END IF;
        END IF;
    END LOOP;
    -- Empty, or of worlds that are gone: as long as the server says.
    keep := game._keep(parent, 0);
    RETURN CASE WHEN keep = interval '0' THEN 'it is kept for ever' WHEN to_at > now() - keep THEN format('it is kept until %s', to_at + keep) END;
END
$$;
COMMENT ON FUNCTION game._held_by(text, text, timestamptz) IS 'why retention leaves a partition alone; null = it does not';

CREATE VIEW game.partition AS
    SELECT p.parent, p.partition, p.from_at, p.to_at, greatest(c.reltuples, 0)::bigint AS rows, pg_catalog.pg_total_relation_size(c.oid) AS bytes,
           CASE WHEN p.to_at IS NULL THEN 'it is for rows of no other partition''s time'
                WHEN p.to_at <= pg_catalog.now() THEN game._held_by(p.parent, p.partition, p.to_at) ELSE 'its time has not passed' END AS held_by
    FROM game._partitions() AS p JOIN pg_catalog.pg_class AS c ON c.oid = p.relation;
COMMENT ON VIEW game.partition IS 'the partitions of game.tick_log and game.event';
COMMENT ON COLUMN game.partition.rows IS 'an estimate';
COMMENT ON COLUMN game.partition.held_by IS 'why retention leaves it alone; null: the checkpointer removes it soon';

CREATE FUNCTION game._checkpoint_anchors(world bigint) RETURNS SETOF bigint
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    keep interval := game._keep('tick_log', world);
    step interval := current_setting('gamelan.log_partition')::interval;
BEGIN
    IF keep = interval '0' THEN
        RETURN;
    END IF;
    RETURN QUERY
        WITH firsts AS (
            SELECT DISTINCT ON (date_bin(step, c.created_at, '2000-01-03 00:00')) c.tick, c.created_at FROM game.checkpoint AS c
            WHERE c.world = $1 AND c.kind = 'full' AND c.verified_at IS NOT NULL
            ORDER BY date_bin(step, c.created_at, '2000-01-03 00:00'), c.tick)
        SELECT f.tick FROM firsts AS f
        WHERE f.created_at >= coalesce((SELECT max(o.created_at) FROM firsts AS o WHERE o.created_at <= now() - keep), '-infinity');
END
$$;
COMMENT ON FUNCTION game._checkpoint_anchors(bigint) IS
    'of a world whose log is kept for a time: full checkpoints that stay beside those its generations keep, one for each length of a partition, so that every state of that time can be shown';

CREATE FUNCTION game._row_before(world bigint, before bigint, OUT tick bigint, OUT row_hash bigint)
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT b.tick, b.row_hash FROM (
        (SELECT l.tick, l.row_hash FROM game.tick_log AS l WHERE l.world = $1 AND l.tick < $2 ORDER BY l.tick DESC LIMIT 1)
        UNION ALL SELECT g.tick, g.row_hash FROM game.log_begin AS g WHERE g.world = $1 AND g.tick < $2) AS b
    ORDER BY b.tick DESC LIMIT 1
$$;
COMMENT ON FUNCTION game._row_before(bigint, bigint) IS 'the row of a world''s log before a tick, as far as it is known';

CREATE FUNCTION game._drop_partition(parent text, partition text) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    world bigint;
BEGIN
    PERFORM game._lock_alone(parent, parent || '_default');
    EXECUTE format('ALTER TABLE game.%I DETACH PARTITION game.%I', parent, partition);
    IF parent = 'tick_log' THEN
        EXECUTE format('WITH carried AS (INSERT INTO game.tick_log_default SELECT l.* FROM game.world_head AS h JOIN game.%I AS l ON l.world = h.world AND l.tick = h.log_tick RETURNING *) '
                       'DELETE FROM game.%I AS l USING carried AS c WHERE l.world = c.world AND l.tick = c.tick', partition, partition);
        FOR world IN SELECT game._worlds_in(partition) LOOP
            EXECUTE format('INSERT INTO game.log_begin AS b SELECT l.world, l.tick, l.row_hash FROM game.%I AS l WHERE l.world = $1 ORDER BY l.tick DESC LIMIT 1 '
                           'ON CONFLICT (world) DO UPDATE SET tick = excluded.tick, row_hash = excluded.row_hash WHERE excluded.tick > b.tick', partition)
                USING world;
        END LOOP;
        DELETE FROM game.log_begin AS b WHERE NOT EXISTS (SELECT FROM game.world_definition AS d WHERE d.id = b.world);
    END IF;
    EXECUTE format('DROP TABLE game.%I', partition);
    UPDATE game.archive SET restored_as = NULL WHERE restored_as = partition;
END
$$;
COMMENT ON FUNCTION game._drop_partition(text, text) IS
    'removes a partition, but for the newest row of each world, without which no world starts: that goes to the default partition';

CREATE FUNCTION game._is_archived(partition text, from_at timestamptz, to_at timestamptz) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    newest jsonb := game._newest_in(partition);
BEGIN
    RETURN newest = '{}' OR current_setting('gamelan.archive_folder') = ''
        OR EXISTS (SELECT FROM game.archive AS a WHERE a.partition = partition AND a.from_at = from_at AND a.to_at = to_at AND a.newest @> newest);
END
$$;
COMMENT ON FUNCTION game._is_archived(text, timestamptz, timestamptz) IS 'whether an archive has all rows of a partition, or none has to';

CREATE FUNCTION game._retire_next() RETURNS SETOF text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
#variable_conflict use_variable
DECLARE
    p record;
BEGIN
    IF NOT game._may_have_partitions()
       OR (game._keep('tick_log', 0) = interval '0' AND game._keep('event', 0) = interval '0' AND NOT EXISTS (SELECT FROM game.retention)) THEN
        RETURN;
    END IF;
    FOR p IN SELECT * FROM game._partitions() AS g WHERE g.to_at <= now() ORDER BY g.to_at LOOP
        CONTINUE WHEN game._held_by(p.parent, p.partition, p.to_at) IS NOT NULL;
        IF NOT game._is_archived(p.partition, p.from_at, p.to_at) THEN
            RETURN NEXT 'archived ' || game.archive_partition(p.partition);
            RETURN;
        END IF;
        -- From here on nobody adds to it, and what is true stays so.
        EXECUTE format('LOCK TABLE game.%I IN SHARE MODE', p.partition);
        CONTINUE WHEN game._held_by(p.parent, p.partition, p.to_at) IS NOT NULL OR NOT game._is_archived(p.partition, p.from_at, p.to_at);
        PERFORM game._drop_partition(p.parent, p.partition);
        RETURN NEXT 'dropped ' || p.partition;
        RETURN;
    END LOOP;
END
$$;
COMMENT ON FUNCTION game._retire_next() IS 'one step of retention: archives or drops the oldest partition that nobody keeps; says which';

CREATE FUNCTION game.apply_retention() RETURNS SETOF text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    done text;
BEGIN
    FOR i IN 1 .. 1000 LOOP
        SELECT * INTO done FROM game._retire_next();
        EXIT WHEN done IS NULL;
        RETURN NEXT done;
    END LOOP;
END
$$;
COMMENT ON FUNCTION game.apply_retention() IS
    'archives (if gamelan.archive_folder is set) and drops the partitions that nobody keeps, in this transaction; the checkpointer does it by itself, every minute. Errors: 55P03 somebody reads the log, try again';
