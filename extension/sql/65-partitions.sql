-- The partitions of game.tick_log and game.event: all worlds share them, a partition covers a time. The checkpointer has
-- them made ahead and removes what nobody keeps; docs/operations.md is the operator's view.

CREATE FUNCTION game._partitions(OUT parent text, OUT partition text, OUT relation regclass, OUT from_at timestamptz, OUT to_at timestamptz)
    RETURNS SETOF record LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET timezone = 'UTC' AS $$
    SELECT p.relname::text, c.relname::text, c.oid::regclass,
           CASE WHEN b.bound[1] = 'MINVALUE' THEN '-infinity' ELSE btrim(b.bound[1], '''')::timestamptz END,
           CASE WHEN b.bound[2] = 'MAXVALUE' THEN 'infinity' ELSE btrim(b.bound[2], '''')::timestamptz END
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid JOIN pg_class AS p ON p.oid = i.inhparent
         JOIN pg_namespace AS n ON n.oid = p.relnamespace,
         LATERAL (SELECT regexp_match(pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES FROM \((.*)\) TO \((.*)\)$')) AS b (bound)
    WHERE n.nspname = 'game' AND p.relname IN ('tick_log', 'event') AND p.relkind = 'p'
    ORDER BY 1, 4, 2
$$;
COMMENT ON FUNCTION game._partitions() IS 'the partitions there are; from_at and to_at are null for the default ones';

CREATE FUNCTION game._require_partitioned(parent text) RETURNS void
    LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF parent IS NULL OR parent NOT IN ('tick_log', 'event') THEN
        RAISE EXCEPTION 'there is no partitioned table "%"', parent USING ERRCODE = 'invalid_parameter_value',
            HINT = 'There are: tick_log, event.';
    END IF;
END
$$;
COMMENT ON FUNCTION game._require_partitioned(text) IS 'checks the name of a table that has partitions';

CREATE FUNCTION game._partition_range(parent text, at timestamptz, OUT from_at timestamptz, OUT to_at timestamptz)
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
#variable_conflict use_variable
DECLARE
    step interval := current_setting(CASE parent WHEN 'tick_log' THEN 'gamelan.log_partition' ELSE 'gamelan.event_partition' END)::interval;
BEGIN
    -- A Monday, so that weeks are those of the calendar.
    from_at := date_bin(step, at, '2000-01-03 00:00');
    to_at := from_at + step;
    -- What was made with other lengths stays.
    SELECT greatest(from_at, max(p.to_at) FILTER (WHERE p.to_at <= at)), least(to_at, min(p.from_at) FILTER (WHERE p.from_at > at))
        INTO from_at, to_at FROM game._partitions() AS p WHERE p.parent = parent;
END
$$;
COMMENT ON FUNCTION game._partition_range(text, timestamptz) IS 'the time that a new partition around that moment would cover';

CREATE FUNCTION game._new_partition_name(parent text, from_at timestamptz) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    first text := parent || to_char(from_at, CASE WHEN date_trunc('day', from_at) = from_at THEN '_YYYYMMDD' ELSE '_YYYYMMDD_HH24MI' END);
    name text := first;
BEGIN
    -- A table that was brought back from an archive may have it.
    FOR i IN 2 .. 1000 LOOP
        EXIT WHEN to_regclass(format('game.%I', name)) IS NULL;
        name := first || '_' || i;
    END LOOP;
    RETURN name;
END
$$;
COMMENT ON FUNCTION game._new_partition_name(text, timestamptz) IS 'what a new partition is called';

CREATE FUNCTION game._create_partition_table(parent text, name text) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE TABLE game.%I (LIKE game.%I INCLUDING DEFAULTS INCLUDING STORAGE INCLUDING CONSTRAINTS)', name, parent);
    EXECUTE format('ALTER TABLE game.%I ADD PRIMARY KEY (%s)', name,
                   CASE parent WHEN 'tick_log' THEN 'world, tick' ELSE 'world, tick, ordinal' END);
END
$$;
COMMENT ON FUNCTION game._create_partition_table(text, text) IS 'an empty table that can become a partition';

CREATE FUNCTION game._lock_alone(VARIADIC tables text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted text := (SELECT string_agg(format('game.%I', t), ', ' ORDER BY i) FROM unnest(tables) WITH ORDINALITY AS u (t, i));
BEGIN
    -- Who waits for such a lock makes all others wait behind him, the world worker among them, for as long as somebody reads: a dump, say.
    FOR attempt IN 1 .. 50 LOOP
        BEGIN
            EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE NOWAIT', replace(wanted, ', ', ', ONLY '));
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            PERFORM pg_sleep(0.01);
        END;
    END LOOP;
    RAISE EXCEPTION 'somebody reads or writes % all the time', wanted USING ERRCODE = 'lock_not_available';
END
$$;
COMMENT ON FUNCTION game._lock_alone(text[]) IS 'locks tables of the log or the events against everybody, in a moment when nobody uses them; 55P03 when there is none within half a second';

CREATE FUNCTION game._attach_partition(parent text, name text, from_at timestamptz, to_at timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET timezone = 'UTC' AS $$
BEGIN
    -- All others wait at the parent, before they look which partitions there are: who waits for the default one already does not know the new
    -- one when he wakes; he fails if he writes, and misses the rows that were moved if he reads.
    -- Rows that came before the new partition are in the default one.
    PERFORM game._lock_alone(parent, parent || '_default');
    EXECUTE format('WITH moved AS (DELETE FROM game.%I WHERE created_at >= $1 AND created_at < $2 RETURNING *) INSERT INTO game.%I SELECT * FROM moved',
                   parent || '_default', name) USING from_at, to_at;
    EXECUTE format('ALTER TABLE game.%I ATTACH PARTITION game.%I FOR VALUES FROM (%L) TO (%L)', parent, name, from_at, to_at);
END
$$;
COMMENT ON FUNCTION game._attach_partition(text, text, timestamptz, timestamptz) IS
    'makes a table a partition, with the rows of its time that had to go into the default one';

CREATE FUNCTION game._ensure_partition(parent text, at timestamptz) RETURNS text
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    -- To move more takes longer than readers should have to wait.
    most CONSTANT int := 1000000;
    range record;
    strays bigint;
    name text;
BEGIN
    IF EXISTS (SELECT FROM game._partitions() AS p WHERE p.parent = parent AND p.from_at <= at AND p.to_at > at) THEN
        RETURN NULL;
    END IF;
    SELECT * INTO range FROM game._partition_range(parent, at);
    EXECUTE format('SELECT count(*) FROM (SELECT FROM game.%I WHERE created_at >= $1 AND created_at < $2 LIMIT %s) AS s', parent || '_default', most + 1)
        INTO strays USING range.from_at, range.to_at;
    IF strays > most THEN
        RAISE WARNING 'game.% has more than % rows of the time from % to %, for which there is no partition', parent || '_default', most,
            range.from_at, range.to_at USING HINT = 'They stay there. docs/operations.md says how to move them.';
        RETURN NULL;
    END IF;
    name := game._new_partition_name(parent, range.from_at);
    PERFORM game._create_partition_table(parent, name);
    PERFORM game._attach_partition(parent, name, range.from_at, range.to_at);
    RETURN name;
END
$$;
COMMENT ON FUNCTION game._ensure_partition(text, timestamptz) IS 'makes the partition for a moment, if there is none; returns its name';

CREATE FUNCTION game._may_have_partitions() RETURNS boolean
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM game.world_definition) AND EXISTS (SELECT FROM game.world_head)
       AND NOT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.datname = current_database() AND a.application_name = 'pg_restore')
$$;
COMMENT ON FUNCTION game._may_have_partitions() IS
    'false in a database without worlds, for a restore brings partitions of its own; and while one is going on';

CREATE FUNCTION game._ensure_partitions(parent text) RETURNS SETOF text
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    ahead int := current_setting('gamelan.partitions_ahead')::int;
    most int := current_setting('gamelan.max_partitions')::int;
    there int;
    still_to_come int;
    stray timestamptz;
    moment timestamptz := now();
    name text;
BEGIN
    -- What retention has carried over stays there while it is needed.
    EXECUTE format('SELECT d.created_at FROM game.%I AS d WHERE NOT EXISTS (SELECT FROM game.world_head AS h WHERE h.world = d.world AND h.log_tick = d.tick AND $1) LIMIT 1',
                   parent || '_default') INTO stray USING parent = 'tick_log';
    SELECT count(*), count(*) FILTER (WHERE p.to_at > moment) INTO there, still_to_come FROM game._partitions() AS p WHERE p.parent = parent;
    IF stray IS NULL AND still_to_come > ahead THEN
        RETURN;
    END IF;
    FOR i IN 0 .. ahead + 1 LOOP
        IF there >= most THEN
            RAISE WARNING 'game.% has % partitions', parent, there
                USING HINT = 'Raise gamelan.max_partitions, or let partitions be longer (gamelan.log_partition, gamelan.event_partition) or go (gamelan.keep_log, gamelan.keep_events).';
            EXIT;
        END IF;
        name := game._ensure_partition(parent, moment);
        IF name IS NOT NULL THEN
            there := there + 1;
            RETURN NEXT name;
        END IF;
        -- The last round is for rows that came while there was no partition for them.
        moment := CASE WHEN i = ahead THEN stray
                       ELSE coalesce((SELECT max(p.to_at) FROM game._partitions() AS p WHERE p.parent = parent AND p.from_at <= moment), 'infinity') END;
        EXIT WHEN moment IS NULL OR NOT isfinite(moment);
    END LOOP;
END
$$;
COMMENT ON FUNCTION game._ensure_partitions(text) IS 'the partitions of one table, for now and ahead, and for a row that had to go into the default one';

CREATE FUNCTION game.maintain_partitions() RETURNS SETOF text
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
BEGIN
    IF NOT game._may_have_partitions() THEN
        RETURN;
    END IF;
    LOCK TABLE game.retention IN SHARE ROW EXCLUSIVE MODE;
    RETURN QUERY SELECT game._ensure_partitions('tick_log');
    RETURN QUERY SELECT game._ensure_partitions('event');
END
$$;
COMMENT ON FUNCTION game.maintain_partitions() IS
    'makes the partitions of game.tick_log and game.event that are wanted now, and returns their names; the checkpointer does it by itself, every minute';
