-- Reading components: what the store tests itself, how rows are reached, and that answers are those of a heap table.
SET client_min_messages = warning;
SELECT game.create_game('scan');
CREATE TYPE scan.kind AS ENUM ('rock', 'tree', 'bird');
CREATE DOMAIN scan.score AS int CHECK (VALUE > -1000000);
CREATE FOREIGN TABLE scan.thing (
    b bool, c "char", i2 smallint, i4 int OPTIONS (index 'ordered'), i8 bigint OPTIONS (index 'hash'),
    f4 real OPTIONS (index 'ordered'), f8 double precision, d date, ts timestamp, tz timestamptz, iv interval, u uuid,
    k scan.kind OPTIONS (index 'hash'), s scan.score, t text OPTIONS (index 'hash'), n numeric, a int[]
) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE scan.place (x real NOT NULL DEFAULT 0, owner bigint) INHERITS (game.component) SERVER gamelan;
SELECT game.create_template('thing', '{"thing": {}, "place": {}}', game => 'scan');
SELECT game.create_world('scan', 'scan', 1) > 0 AS created;
SELECT id AS world FROM game.world WHERE name = 'scan' \gset
SELECT game.start_world(:world);
SELECT count(*) FROM game.spawn_many(:world, 500, 'thing');
SELECT game.sync(:world) > 0 AS applied;
SELECT min(entity) AS first FROM scan.thing WHERE world = :world \gset

-- Every third row stays NULL; the others have few different values, the odd ones of each type among them.
WITH r AS (SELECT world, entity, entity - :first AS e FROM scan.thing WHERE world = :world)
UPDATE scan.thing AS t SET
    b = e % 2 = 0, c = chr((65 + e % 7)::int)::"char", i2 = (ARRAY[-32768, 32767, 0, 1, 5])[1 + e % 5],
    i4 = (ARRAY[-2147483648, 2147483647, 0, 7, 8])[1 + e % 5], i8 = (ARRAY[-9223372036854775808, 9223372036854775807, 0, 7])[1 + e % 4],
    f4 = (ARRAY['NaN', 'Infinity', '-Infinity', '-0', '0', '0.1', '1.5'])[1 + e % 7]::real,
    f8 = (ARRAY['NaN', 'Infinity', '-Infinity', '-0', '0', '0.1', '1.5'])[1 + e % 7]::float8,
    d = (ARRAY['infinity', '-infinity', '2000-01-01', '2026-02-28'])[1 + e % 4]::date,
    ts = (ARRAY['infinity', '2000-01-01 00:00:01', '2026-02-28'])[1 + e % 3]::timestamp,
    tz = (ARRAY['-infinity', '2000-01-01 00:00:01+00', '2026-02-28+00'])[1 + e % 3]::timestamptz,
    iv = make_interval(days => (e % 40)::int), u = ('00000000-0000-0000-0000-' || lpad((e % 10)::text, 12, '0'))::uuid,
    k = (ARRAY['rock', 'tree', 'bird'])[1 + e % 3]::scan.kind, s = e % 11, t = 'name ' || e % 13, n = (e % 17) / 10.0, a = ARRAY[e, e + 1]
FROM r WHERE t.world = r.world AND t.entity = r.entity AND e % 3 <> 2;
SELECT game.sync(:world) > 0 AS applied;
UPDATE scan.place SET owner = entity + 1, x = entity - :first WHERE world = :world;
SELECT game.sync(:world) > 0 AS applied;
CREATE TEMP TABLE heap AS SELECT * FROM scan.thing WHERE world = :world;
SELECT count(*), count(b), count(c), count(u), count(t) FROM heap;

-- The same condition on both, by all the ways there are to the rows.
CREATE TEMP TABLE condition (id serial, text text);
INSERT INTO condition (text) VALUES
    ('b'), ('NOT b'), ('b = false'), ('b > false'), ('b IS TRUE'), ('b IS NOT TRUE'), ('b IS NULL'), ('b <> (1 = 1)'),
    ('c = ''A'''), ('c < ''D'''), ('c IN (''A'', ''F'')'), ('i2 = 5'), ('i2 <> 5'), ('i2 < 40000'), ('i2 > -40000::bigint'), ('i2 = 40000'), ('i2 <> 40000'),
    ('i2 IN (5, 32767, 99999)'), ('i4 = 7'), ('i4 = 7::smallint'), ('i4 < 8::bigint'), ('i4 >= 2147483647'), ('i4 > 3000000000'), ('i4 < 3000000000'),
    ('i4 <> 3000000000'), ('i4 = ANY (ARRAY[7, NULL, 3000000000])'), ('i4 = ANY (NULL::int[])'), ('i4 = ANY (''{}''::int[])'), ('i4 BETWEEN 0 AND 7'),
    ('i4 NOT IN (7, 8)'), ('i4 = NULL'), ('7 = i4'), ('7 < i4'), ('i4 + 0 = 7'), ('i8 = 7'), ('i8 < 0'), ('i8 = 7::smallint'), ('i8 IN (7, -9223372036854775808)'),
    ('f4 = ''NaN'''), ('f4 > 1.5'), ('f4 >= 1.5'), ('f4 < ''NaN'''), ('f4 <= ''NaN'''), ('f4 <> ''NaN'''), ('f4 = 0'), ('f4 = ''-0'''), ('f4 = 0.1'), ('f4 = 0.1::real'), ('f4 > 0.1'),
    ('f4 < 0.1'), ('f4 <= 0.1'), ('f4 <> 0.1'), ('f4 > ''Infinity'''), ('f4 < 1e300'), ('f4 > -1e300'), ('f4 IN (''NaN'', 1.5)'), ('f4 IN (0.1::float8, 1.5::float8)'),
    ('f8 = ''NaN'''), ('f8 > 1.5'), ('f8 < ''NaN'''), ('f8 >= ''NaN'''), ('f8 = 0.1'), ('f8 = 0.1::real'), ('f8 <= 1.5::real'), ('f8 IN (''NaN'', -0.0)'), ('f8 BETWEEN -1 AND 1'),
    ('d = ''infinity'''), ('d > ''2000-01-01'''), ('d < ''2000-01-01''::timestamp'), ('d IN (''2000-01-01'', ''-infinity'')'), ('ts <= ''2000-01-01 00:00:01'''), ('ts = ''infinity'''),
    ('ts > ''2000-01-01''::date'), ('tz = ''-infinity'''), ('tz >= ''2000-01-01 00:00:01+00'''), ('tz IS NOT NULL'), ('iv = ''24 hours'''), ('iv IS NULL'), ('iv > ''30 days'''),
    ('u = ''00000000-0000-0000-0000-000000000003'''), ('u <> ''00000000-0000-0000-0000-000000000003'''), ('u > ''00000000-0000-0000-0000-000000000003'''),
    ('u IN (''00000000-0000-0000-0000-000000000003'', ''00000000-0000-0000-0000-000000000004'')'), ('k = ''tree'''), ('k <> ''tree'''), ('k < ''tree'''), ('k IN (''bird'', ''rock'')'),
    ('k IS NULL'), ('s = 3'), ('s > 3::bigint'), ('s IS NOT NULL'), ('t = ''name 3'''), ('t LIKE ''%1'''), ('t IS NULL'), ('n = 0.3'), ('n IS NOT NULL'), ('a IS NULL'), ('a[1] = 3'),
    ('i4 = 7 AND f4 > 0 AND k = ''tree'''), ('i4 = 7 OR f4 > 0'), ('i4 = i2'), ('i8 = i4 AND i4 = 7'), ('entity <> 3'), ('world = 0'), ('i4 = (SELECT 7)');
CREATE FUNCTION pg_temp.compare(places bool) RETURNS TABLE (condition text, store text, heap text) LANGUAGE plpgsql AS $$
DECLARE one record; base bigint := (SELECT min(entity) FROM heap);
BEGIN
    FOR one IN SELECT c.text FROM condition AS c ORDER BY id LOOP
        condition := one.text || CASE WHEN places THEN format(' AND entity IN (%s, %s, %s, -1, 77)', base, base + 4, base + 5) ELSE '' END;
        EXECUTE format('SELECT count(*) || '' '' || coalesce(md5(string_agg(x::text, '','' ORDER BY entity)), '''') FROM scan.thing AS x WHERE %s AND world = $1', condition)
            INTO store USING (SELECT min(world) FROM heap);
        EXECUTE format('SELECT count(*) || '' '' || coalesce(md5(string_agg(x::text, '','' ORDER BY entity)), '''') FROM heap AS x WHERE %s', condition) INTO heap;
        IF store <> heap THEN RETURN NEXT; END IF;
    END LOOP;
    condition := (SELECT count(*) FROM condition AS c) || ' conditions'; store := ''; heap := '';
    RETURN NEXT;
END $$;
SELECT * FROM pg_temp.compare(false);
SELECT * FROM pg_temp.compare(true);
SET enable_indexscan = off;
SELECT * FROM pg_temp.compare(false);
RESET enable_indexscan;
SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET enable_indexscan = off;
SELECT * FROM pg_temp.compare(false);
RESET ALL; SET client_min_messages = warning;

-- What is pushed down, and by which way.
CREATE FUNCTION pg_temp.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        RETURN NEXT regexp_replace(line, '''\d{5,}''', '''some''', 'g');
    END LOOP;
END $$;
SELECT pg_temp.plan('SELECT * FROM scan.place WHERE world = 1 AND x > 3');
SELECT pg_temp.plan('SELECT * FROM scan.place WHERE world = 1 AND entity = 2 AND x + 1 > 3');
SELECT pg_temp.plan('SELECT * FROM scan.place WHERE world IN (1, 2) AND entity IN (2, 3)');
SELECT pg_temp.plan('SELECT * FROM scan.place WHERE entity BETWEEN 2 AND 300 AND x = random()');
SELECT pg_temp.plan('SELECT * FROM scan.thing WHERE i8 = 7');
SELECT pg_temp.plan('SELECT * FROM scan.thing WHERE t = ''name 3''');
SELECT pg_temp.plan('SELECT * FROM scan.thing WHERE t = ''name 3'' COLLATE "C" OR t = ''name 4''');
SELECT pg_temp.plan('SELECT * FROM scan.thing WHERE i8 < 7 AND iv > ''1 day'' AND t = ''x'' AND n IS NULL');
SELECT pg_temp.plan('SELECT * FROM game.component WHERE world = 1 AND entity = 2 AND tableoid = ''scan.place''::regclass');
SELECT pg_temp.plan('SELECT p.x FROM heap AS h, LATERAL (SELECT x FROM scan.place AS p WHERE p.world = h.world AND p.entity = h.entity OFFSET 0) AS p');
SET enable_hashjoin = off; SET enable_mergejoin = off;
SELECT pg_temp.plan('SELECT * FROM heap AS h JOIN scan.place AS p USING (world, entity) WHERE h.i4 = 7');
SELECT pg_temp.plan('SELECT * FROM scan.place AS o JOIN scan.place AS p ON p.world = o.world AND p.entity = o.owner WHERE o.world = 1');
RESET enable_hashjoin; RESET enable_mergejoin;
SELECT count(*), sum(p.x - o.x) FROM scan.place AS o JOIN scan.place AS p ON p.world = o.world AND p.entity = o.owner WHERE o.world = :world;
PREPARE by_key (bigint, bigint) AS SELECT x FROM scan.place WHERE world = $1 AND entity = $2;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE by_key (1, 2);
EXECUTE by_key (:world, :first + 3);
RESET plan_cache_mode;

-- Blocks whose values cannot match are not looked at.
CREATE FUNCTION pg_temp.analysed(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
        IF line ~ 'Foreign Scan|Blocks|Worlds' THEN RETURN NEXT regexp_replace(line, '(Blocks \w+: )[1-9]\d*', '\1some'); END IF;
    END LOOP;
END $$;
SELECT pg_temp.analysed(format('SELECT * FROM scan.place WHERE world = %s AND x < 10', :world));
SELECT pg_temp.analysed(format('SELECT * FROM scan.place WHERE world = %s AND x < -1', :world));
SELECT pg_temp.analysed(format('SELECT * FROM scan.place WHERE world = %s AND entity = %s', :world, :first));

-- No such world, a world of another game, no such row: nothing.
SELECT count(*) FROM scan.place WHERE world = 999999;
SELECT count(*) FROM scan.place WHERE world = (SELECT min(id) FROM game.world_definition WHERE game <> 'scan');
SELECT count(*) FROM scan.place WHERE world = :world AND entity IN (0, -1, :first + 4294967296, 9223372036854775807);

-- Everything about an entity.
SELECT tableoid::regclass, world = :world AS here, entity - :first AS entity FROM game.component WHERE world = :world AND entity = :first + 2 ORDER BY 1;

-- A column that the world does not have yet reads as its default.
BEGIN;
ALTER FOREIGN TABLE scan.place ADD COLUMN colour text DEFAULT 'green', ADD COLUMN weight int DEFAULT 2 + 1, ADD COLUMN note text;
SELECT colour, weight, note, count(*) FROM scan.place WHERE world = :world AND weight = 3 AND note IS NULL GROUP BY 1, 2, 3;
SELECT count(*) FROM scan.place WHERE world = :world AND weight <> 3;
ROLLBACK;

-- Rows cannot be locked; joined tables can be written.
SELECT * FROM scan.place WHERE world = 1 FOR UPDATE;
SELECT * FROM game.component WHERE world = 1 FOR SHARE;
SELECT p.* FROM scan.place AS p, heap AS h WHERE p.world = h.world FOR UPDATE OF p;
BEGIN;
UPDATE heap SET t = 'found' FROM scan.place AS p WHERE p.world = heap.world AND p.entity = heap.entity AND p.x = 5;
SELECT count(*) FROM heap WHERE t = 'found';
ROLLBACK;

-- A condition that could tell what it sees waits for a security barrier's own.
CREATE VIEW scan.near WITH (security_barrier) AS SELECT * FROM scan.place WHERE x < 3;
CREATE FUNCTION scan.tell(real) RETURNS bool LANGUAGE plpgsql COST 0.001 AS $$ BEGIN RAISE WARNING 'saw %', $1; RETURN true; END $$;
SELECT pg_temp.plan('SELECT * FROM scan.near WHERE scan.tell(x) AND world = 1');
SELECT count(*) FROM scan.near WHERE scan.tell(x) AND world = :world;
SELECT pg_temp.plan('SELECT * FROM scan.near WHERE scan.tell(x) AND x > 1');

-- One view for a statement and the STABLE functions it calls; the planner's statistics.
CREATE FUNCTION scan.seen(bigint, bigint) RETURNS real STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT x FROM scan.place WHERE world = $1 AND entity = $2); END $$;
SELECT count(*) FROM scan.place WHERE world = :world AND scan.seen(world, entity) = x;
ANALYZE scan.thing;
ANALYZE game.component;
SELECT attname, null_frac::numeric(3, 2), n_distinct FROM pg_stats WHERE schemaname = 'scan' AND tablename = 'thing' AND attname IN ('world', 'i4', 'k') ORDER BY 1;

SELECT game.drop_world(:world);
SELECT game.drop_game('scan');
