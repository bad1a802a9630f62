-- Aggregates taken inside the scan of a component, beside the same query on a heap table with the same rows. What is
-- compared is cast to text, so that types and digits count too.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SELECT game.create_game('counting');
CREATE DOMAIN counting.score AS int CHECK (VALUE > -2000000000);
CREATE FOREIGN TABLE counting.fact (
    small smallint, whole int, large bigint OPTIONS (index 'ordered'), single real, double double precision, born date, seen timestamp, heard timestamptz,
    flag boolean, note text, points counting.score
) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE counting.cold (a int) INHERITS (game.component) SERVER gamelan;
SELECT game.start_world(game.create_world('counting', 'counting', 1, 60));
SELECT id AS world FROM game.world WHERE name = 'counting' \gset
SELECT count(*) FROM game.spawn_many(:world, 5000);
SELECT game.sync(:world) > 0 AS is_synced;

-- Holes between rows, NULLs, extremes of every type, blocks without rows.
CREATE TABLE counting.heap AS
SELECT :world::bigint AS world, e::bigint AS entity,
       CASE WHEN e % 7 <> 0 THEN (e % 60000 - 30000)::smallint END AS small,
       CASE WHEN e % 11 = 0 THEN NULL WHEN e % 13 = 0 THEN 2147483647 - e ELSE e - 2000 END AS whole,
       CASE WHEN e % 5 = 0 THEN NULL WHEN e % 3 = 0 THEN 9223372036854775807 - e ELSE -e END AS large,
       CASE WHEN e % 17 = 0 THEN NULL WHEN e = 1001 THEN 'NaN' WHEN e = 1003 THEN '-Infinity' ELSE e / 3.0 END::real AS single,
       CASE WHEN e % 19 = 0 THEN NULL WHEN e = 3001 THEN 'NaN' WHEN e = 3003 THEN 'Infinity' ELSE -e / 7.0 END::double precision AS double,
       CASE WHEN e = 77 THEN 'infinity' WHEN e % 4 <> 0 THEN '2000-01-01'::date + e END AS born,
       CASE WHEN e = 78 THEN '-infinity' WHEN e % 4 <> 1 THEN '1999-12-31 12:00'::timestamp + e * interval '1 minute' END AS seen,
       CASE WHEN e % 4 <> 2 THEN '1999-12-31 12:00+00'::timestamptz + e * interval '1 second' END AS heard,
       CASE WHEN e % 3 = 0 THEN e % 2 = 0 END AS flag,
       CASE WHEN e % 2 = 0 THEN 'note ' || e END AS note,
       CASE WHEN e % 6 <> 0 THEN e * 3 END::counting.score AS points
FROM generate_series(1, 5000) AS e
WHERE e % 9 <> 0 AND (e < 1500 OR e > 2700);
INSERT INTO counting.fact SELECT * FROM counting.heap;
SELECT game.sync(:world) > 0 AS is_synced;

-- What EXPLAIN says.
EXPLAIN (COSTS OFF, VERBOSE)
SELECT count(*), sum(whole) + 1, max(born) FROM counting.fact AS f WHERE world = 1 AND whole < 10 AND flag IS NULL;
EXPLAIN (COSTS OFF) SELECT sum(large) FROM counting.fact WHERE large = -17;
EXPLAIN (COSTS OFF) SELECT sum(single) FROM counting.fact;
EXPLAIN (COSTS OFF) SELECT count(*) FROM counting.fact WHERE note = 'x';
EXPLAIN (COSTS OFF) SELECT count(DISTINCT whole) FROM counting.fact;
EXPLAIN (COSTS OFF) SELECT count(*) FILTER (WHERE flag) FROM counting.fact;
EXPLAIN (COSTS OFF) SELECT flag, count(*) FROM counting.fact GROUP BY flag;
EXPLAIN (COSTS OFF) SELECT count(*) FROM game.component;

-- Every aggregate under every condition; the rows that differ.
CREATE TABLE counting.aggregate (id serial, expression text);
INSERT INTO counting.aggregate (expression) VALUES
    ('count(*)'), ('count(world)'), ('count(entity)'), ('count(flag)'), ('count(note)'), ('count(small)'), ('count(points)'),
    ('sum(small)'), ('sum(whole)'), ('sum(large)'), ('sum(points)'), ('avg(small)'), ('avg(whole)'), ('avg(large)'),
    ('min(small)'), ('max(small)'), ('min(whole)'), ('max(whole)'), ('min(large)'), ('max(large)'),
    ('min(single)'), ('max(single)'), ('min(double)'), ('max(double)'), ('min(born)'), ('max(born)'),
    ('min(seen)'), ('max(seen)'), ('min(heard)'), ('max(heard)'), ('min(points)'), ('max(points)'),
    ('sum(whole)::numeric / greatest(count(whole), 1)'), ('pg_typeof(sum(large))'), ('pg_typeof(avg(small))');
CREATE TABLE counting.condition (id serial, expression text);
INSERT INTO counting.condition (expression) VALUES
    ('true'), ('whole < 100'), ('whole >= 100 AND small > 5'), ('flag'), ('NOT flag'), ('note IS NULL'), ('large IS NOT NULL'),
    ('entity = 17'), ('entity IN (1, 2, 3, 4, 9, 18)'), ('entity > 1400 AND entity < 1600'), ('entity > 1600 AND entity < 2600'),
    ('whole > 2147483647'), ('whole = NULL'), ('large = -17'), ('large > -60 AND large < -10'), ('born > ''2005-01-01'''), ('single = ''NaN'''), ('world = -1'), ('false'),
    ('small = ANY (ARRAY[1, 2, 3]::smallint[])'), ('entity < 65'), ('entity <= 64'), ('entity BETWEEN 1 AND 63');
CREATE FUNCTION counting.differences() RETURNS TABLE (aggregate text, condition text, component text, heap text)
LANGUAGE plpgsql AS $$
BEGIN
    FOR aggregate, condition IN SELECT a.expression, c.expression FROM counting.aggregate AS a, counting.condition AS c ORDER BY a.id, c.id LOOP
        EXECUTE format('SELECT (%s)::text FROM counting.fact WHERE %s', aggregate, condition) INTO component;
        EXECUTE format('SELECT (%s)::text FROM counting.heap WHERE %s', aggregate, condition) INTO heap;
        IF component IS DISTINCT FROM heap THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
SELECT * FROM counting.differences();
SELECT count(*) > 0 AS has_compared FROM counting.aggregate, counting.condition;

-- No rows at all; a world that is not there.
SELECT count(*), sum(a), min(a), avg(a) FROM counting.cold;
SELECT count(*), sum(whole) FROM counting.fact WHERE world = 999999;

-- Parameters, once for each outer row; a prepared statement; a subquery; HAVING.
SELECT n, (SELECT count(*) FROM counting.fact WHERE whole < n) = (SELECT count(*) FROM counting.heap WHERE whole < n) AS is_equal
FROM (VALUES (-1000), (0), (1000), (NULL)) AS v (n);
PREPARE total (int) AS SELECT sum(large) FROM counting.fact WHERE whole > $1;
EXECUTE total (100);
EXECUTE total (NULL);
SELECT sum(large) FROM counting.heap WHERE whole > 100;
SELECT c FROM (SELECT count(*) AS c FROM counting.fact) AS s WHERE c > 10;
SELECT count(*) FROM counting.fact HAVING count(*) < 10;
SELECT max(f.c) FROM (SELECT count(*) AS c FROM counting.fact UNION ALL SELECT count(*) FROM counting.heap) AS f;

-- A column that came later: the rows there are have its default, in conditions too.
ALTER FOREIGN TABLE counting.fact ADD COLUMN level int DEFAULT 3;
SELECT count(*), count(level), sum(level), min(level), max(level) FROM counting.fact WHERE level > 2;
SELECT count(*), sum(level) FROM counting.fact WHERE level > 3 OR level IS NULL;
SELECT count(*) FROM counting.fact WHERE level IS NULL;

-- Conditions that a security barrier keeps from the store stay with the executor.
CREATE VIEW counting.guarded WITH (security_barrier) AS SELECT * FROM counting.fact WHERE pg_catalog.length(note) > 7;
SELECT (SELECT count(*) FROM counting.guarded WHERE whole < 100) = (SELECT count(*) FROM counting.heap WHERE length(note) > 7 AND whole < 100) AS is_equal;

-- A world that stands still keeps its layout: it lacks what comes later.
SELECT game.pause_world(:world);
DO $$
BEGIN
    FOR attempt IN 1 .. 600 LOOP
        EXIT WHEN (SELECT state = 'paused' FROM game.world WHERE name = 'counting');
        PERFORM pg_sleep(0.05);
    END LOOP;
END
$$;
ALTER FOREIGN TABLE counting.fact ADD COLUMN late bigint DEFAULT 7, ADD COLUMN empty int;
SELECT count(*), count(late), count(empty), sum(late), avg(late), min(late), max(empty) FROM counting.fact;
SELECT count(*), sum(late), max(whole) FROM counting.fact WHERE late = 7 AND empty IS NULL AND whole < 100;
SELECT count(*), sum(late) FROM counting.fact WHERE late > 7;
SELECT count(*), sum(late) FROM counting.fact WHERE empty > 7;
SELECT count(*) FROM counting.fact WHERE late IS NULL;
SELECT game.drop_world(:world);
DROP VIEW counting.guarded;
SET client_min_messages = error;
SELECT game.drop_game('counting');
