-- Partitions as files and back (docs/formats.md, "Archive"). Files are of the server, in gamelan.archive_folder only.

CREATE FUNCTION game._write_archive(file text, relation regclass, header text, OUT rows bigint, OUT bytes bigint)
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_write_archive';
COMMENT ON FUNCTION game._write_archive(text, regclass, text) IS 'writes the rows of a table to a new archive';

CREATE FUNCTION game._read_archive(file text, relation regclass, columns text[]) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_read_archive';
COMMENT ON FUNCTION game._read_archive(text, regclass, text[]) IS 'inserts the rows of an archive, which has these columns, into a table; returns how many';

CREATE FUNCTION game._archive_header(file text) RETURNS jsonb
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_archive_header';
COMMENT ON FUNCTION game._archive_header(text) IS 'what an archive says that it is';

CREATE FUNCTION game._archive_bytes(file text) RETURNS bigint
    LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'gamelan_archive_bytes';
COMMENT ON FUNCTION game._archive_bytes(text) IS 'how large an archive is';

CREATE FUNCTION game._log_predecessors(partition text) RETURNS jsonb
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    world bigint;
    first_tick bigint;
    before record;
    out jsonb := '{}';
BEGIN
    FOR world IN SELECT game._worlds_in(partition) LOOP
        EXECUTE format('SELECT min(l.tick) FROM game.%I AS l WHERE l.world = $1', partition) INTO first_tick USING world;
        SELECT * INTO before FROM game._row_before(world, first_tick);
        IF before.tick IS NOT NULL THEN
            out := out || jsonb_build_object(world::text, jsonb_build_array(before.tick, before.row_hash));
        END IF;
    END LOOP;
    RETURN out;
END
$$;
COMMENT ON FUNCTION game._log_predecessors(text) IS 'the rows that a partition of the log follows on: by world, tick and row_hash';

CREATE FUNCTION game.archive_partition(partition text) RETURNS text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET timezone = 'UTC' AS $$
#variable_conflict use_variable
DECLARE
    p record;
    file text;
    newest jsonb;
    written record;
BEGIN
    SELECT * INTO p FROM game._partitions() AS g WHERE g.partition = partition AND g.from_at IS NOT NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no partition "%"', partition USING ERRCODE = 'undefined_table',
            HINT = 'SELECT partition FROM game.partition lists them; the default ones cannot be archived.';
    END IF;
    -- Before: a row that comes after this is not counted as archived, also if it is.
    newest := game._newest_in(partition);
    file := format('%s.%s.glar', partition, to_char(clock_timestamp(), 'YYYYMMDD"T"HH24MISSUS'));
    SELECT * INTO written FROM game._write_archive(file, p.relation, jsonb_build_object(
        'parent', p.parent, 'partition', partition, 'from_at', p.from_at, 'to_at', p.to_at, 'archived_at', now(),
        'engine_version', (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'gamelan'),
        'columns', (SELECT jsonb_agg(jsonb_build_array(a.attname, format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
                    FROM pg_attribute AS a WHERE a.attrelid = p.relation AND a.attnum > 0 AND NOT a.attisdropped),
        'follows_on', CASE p.parent WHEN 'tick_log' THEN game._log_predecessors(partition) ELSE '{}' END)::text);
    INSERT INTO game.archive AS a (file, parent, partition, from_at, to_at, rows, bytes, newest)
        VALUES (file, p.parent, partition, p.from_at, p.to_at, written.rows, written.bytes, newest);
    RETURN file;
END
$$;
COMMENT ON FUNCTION game.archive_partition(text) IS
    'writes a partition of the log or the events to a new file in gamelan.archive_folder, and returns its name; the partition stays';

CREATE FUNCTION game._require_follower(name text) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    world bigint;
    newest record;
    wanted record;
BEGIN
    FOR world IN SELECT w FROM game._worlds_in(name) AS w JOIN game.world_definition AS d ON d.id = w LOOP
        -- A row that was carried over is there.
        EXECUTE format('SELECT l.tick, l.row_hash FROM game.%I AS l WHERE l.world = $1 AND NOT EXISTS '
                       '(SELECT FROM game.tick_log AS t WHERE t.world = $1 AND t.tick = l.tick) ORDER BY l.tick DESC LIMIT 1', name)
            INTO newest USING world;
        CONTINUE WHEN newest.tick IS NULL;
        SELECT b.tick, b.row_hash INTO wanted FROM game.log_begin AS b WHERE b.world = world;
        IF (newest.tick, newest.row_hash) IS DISTINCT FROM (wanted.tick, wanted.row_hash) THEN
            RAISE EXCEPTION 'the log of world % does not go on where this archive ends', world USING ERRCODE = 'object_not_in_prerequisite_state',
                DETAIL = format('The archive ends with tick %s; %s.', newest.tick,
                                coalesce('the log begins after tick ' || wanted.tick, 'nothing is missing at the beginning of the log')),
                HINT = 'Attach archives from the newest to the oldest, or bring them back detached.';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION game._require_follower(text) IS 'checks that the log goes on where a table that is to become its first partition ends';

CREATE FUNCTION game._move_log_begin(header jsonb, name text) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    world bigint;
    before jsonb;
BEGIN
    FOR world IN SELECT game._worlds_in(name) LOOP
        before := header -> 'follows_on' -> world::text;
        IF before IS NULL THEN
            DELETE FROM game.log_begin AS b WHERE b.world = world;
        ELSE
            UPDATE game.log_begin AS b SET tick = (before ->> 0)::bigint, row_hash = (before ->> 1)::bigint WHERE b.world = world;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION game._move_log_begin(jsonb, text) IS 'the log of worlds begins earlier again';

CREATE FUNCTION game.restore_archive(file text, attach boolean DEFAULT false) RETURNS text
    LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET timezone = 'UTC' AS $$
#variable_conflict use_variable
DECLARE
    header jsonb := game._archive_header(file);
    parent text := header ->> 'parent';
    name text;
    rows bigint;
BEGIN
    PERFORM game._require_partitioned(parent);
    name := game._new_partition_name(parent || CASE WHEN attach THEN '' ELSE '_restored' END, (header ->> 'from_at')::timestamptz);
    PERFORM game._create_partition_table(parent, name);
    rows := game._read_archive(file, format('game.%I', name)::regclass,
        ARRAY(SELECT c.value ->> 0 FROM jsonb_array_elements(header -> 'columns') WITH ORDINALITY AS c (value, place) ORDER BY c.place));
    IF attach THEN
        IF parent = 'tick_log' THEN
            PERFORM game._lock_alone('tick_log');
            PERFORM game._require_follower(name);
            PERFORM game._move_log_begin(header, name);
            EXECUTE format('DELETE FROM game.tick_log_default AS d USING game.%I AS l WHERE d.world = l.world AND d.tick = l.tick', name);
        END IF;
        PERFORM game._attach_partition(parent, name, (header ->> 'from_at')::timestamptz, (header ->> 'to_at')::timestamptz);
    ELSE
        EXECUTE format('GRANT SELECT ON game.%I TO gamelan_admin', name);
    END IF;
    UPDATE game.archive AS a SET restored_as = name WHERE a.file = file;
    IF NOT FOUND THEN
        INSERT INTO game.archive AS a (file, parent, partition, from_at, to_at, rows, bytes, newest, restored_as)
            VALUES (file, parent, header ->> 'partition', (header ->> 'from_at')::timestamptz, (header ->> 'to_at')::timestamptz, rows,
                    game._archive_bytes(file), game._newest_in(name), name);
    END IF;
    RETURN name;
END
$$;
COMMENT ON FUNCTION game.restore_archive(text, boolean) IS
    'brings an archive back as a table, and returns its name; attach: as the partition it was, so that the log goes back further. Retention leaves it alone until game.drop_restored. Errors: WG019 the archive is damaged, 55000 the log does not go on where it ends';

CREATE FUNCTION game.drop_restored(name text) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    restored game.archive;
BEGIN
    SELECT * INTO restored FROM game.archive AS a WHERE a.restored_as = name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no archive was restored as "%"', name USING ERRCODE = 'undefined_table',
            HINT = 'SELECT restored_as FROM game.archive lists those that were.';
    END IF;
    IF NOT EXISTS (SELECT FROM game._partitions() AS p WHERE p.partition = name) THEN
        EXECUTE format('DROP TABLE IF EXISTS game.%I', name);
    ELSE
        IF restored.parent = 'tick_log' AND EXISTS (SELECT FROM game._partitions() AS p WHERE p.parent = 'tick_log' AND p.to_at < restored.to_at) THEN
            RAISE EXCEPTION 'there are older partitions than "%"', name USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Drop them first, from the oldest on.';
        END IF;
        PERFORM game._drop_partition(restored.parent, name);
    END IF;
    UPDATE game.archive AS a SET restored_as = NULL WHERE a.restored_as = name;
END
$$;
COMMENT ON FUNCTION game.drop_restored(text) IS 'removes what game.restore_archive brought back; the file stays';
