-- Queries by place: the same as a join of a heap table with itself, in sessions and inside ticks.
SET client_min_messages = warning;
SELECT game.create_game('regress_spatial');
SET search_path = regress_spatial, game;
CREATE FOREIGN TABLE position (x real, y real, z double precision, u double precision, n int, home bigint)
    INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE score (touches int NOT NULL DEFAULT 0, distance double precision) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE soil (wet real NOT NULL DEFAULT 0) INHERITS (game.cell) SERVER gamelan;
SELECT game.create_world('spatial', game => 'regress_spatial', seed => 1, config => '{"n": 4}') AS w \gset
SELECT count(*) FROM game.spawn_many(:w, 600);
-- Points that are even, in a heap, in one place, far away, not numbers, and not there.
CREATE TABLE twin (entity bigint PRIMARY KEY, x real, y real, z double precision, u double precision, home bigint);
INSERT INTO twin SELECT i,
    CASE WHEN i < 300 THEN (i * 37 % 101) * 0.37 WHEN i < 400 THEN 50 + (i % 7) * 0.001 WHEN i < 450 THEN 7
         WHEN i < 460 THEN 1e30 * i WHEN i = 460 THEN 'NaN' WHEN i = 461 THEN 'Infinity' WHEN i = 462 THEN NULL ELSE i % 13 END,
    CASE WHEN i < 300 THEN (i * 53 % 97) * 0.41 WHEN i < 400 THEN 50 + (i % 11) * 0.001 WHEN i < 450 THEN 7 ELSE i % 17 END,
    i % 5, i * 0.5, (SELECT array_agg(c) FROM (SELECT cell AS c FROM soil WHERE world = :w ORDER BY cell) s)[1 + i % 162]
    FROM generate_series(1, 590) AS i;
INSERT INTO position (world, entity, x, y, z, u, home) SELECT :w, entity, x, y, z, u, home FROM twin;
INSERT INTO score (world, entity) SELECT :w, entity FROM twin WHERE entity % 2 = 0;
SELECT game.step_world(:w);
SELECT game.sync(:w);
CREATE VIEW placed AS SELECT * FROM twin WHERE x BETWEEN -1e37 AND 1e37 AND y IS NOT NULL;

\echo -- Each of these must be empty: what one side has and the other has not
(SELECT p.a, p.b, p.distance FROM game.pairs('position', 1.25, :w) p)
EXCEPT (SELECT a.entity, b.entity, sqrt((a.x::float8 - b.x) * (a.x::float8 - b.x) + (a.y::float8 - b.y) * (a.y::float8 - b.y))
        FROM placed a JOIN placed b ON a.entity < b.entity AND game.within(a.x, a.y, b.x, b.y, 1.25));
(SELECT a.entity, b.entity FROM placed a JOIN placed b ON a.entity < b.entity AND game.within(a.x, a.y, b.x, b.y, 1.25))
EXCEPT (SELECT a, b FROM game.pairs('position', 1.25, :w));
(SELECT a.entity, b.entity FROM placed a JOIN placed b ON a.entity < b.entity AND game.within(a.x, a.y, a.z, b.x, b.y, b.z, 0))
EXCEPT (SELECT a, b FROM game.pairs('position', 0, :w, '{x,y,z}'));
SELECT t.entity, n.near FROM twin t, game.near('position', t.x, t.y, 3, :w) AS n(near)
EXCEPT SELECT a.entity, b.entity FROM placed a JOIN placed b ON game.within(a.x, a.y, b.x, b.y, 3);
SELECT a.entity, b.entity FROM placed a JOIN placed b ON game.within(a.x, a.y, a.z, b.x, b.y, b.z, 3)
EXCEPT SELECT t.entity, n.near FROM twin t, game.near('position', t.x, t.y, 3, :w, z => t.z) AS n(near);
SELECT n.near FROM game.near('position', 100, NULL, 4, :w, columns => '{u}') AS n(near)
EXCEPT SELECT entity FROM twin WHERE abs(u - 100) <= 4;
SELECT b.* FROM game.in_box('position', 20, 1, 3, 10.5, :w) AS b EXCEPT SELECT entity FROM twin WHERE x BETWEEN 3 AND 20 AND y BETWEEN 1 AND 10.5;
SELECT entity FROM twin WHERE x <= 20 AND y >= 3 AND z BETWEEN 1 AND 2
EXCEPT SELECT * FROM game.in_box('position', '-Infinity', 3, 20, 'Infinity', :w, z1 => 1, z2 => 2);
SELECT t.entity, array(SELECT entity FROM game.nearest('position', t.x, t.y, 5, :w)) FROM twin t WHERE entity % 50 = 0
EXCEPT SELECT t.entity, array(SELECT p.entity FROM placed p
    ORDER BY sqrt((p.x::float8 - t.x) * (p.x::float8 - t.x) + (p.y::float8 - t.y) * (p.y::float8 - t.y)), p.entity LIMIT 5) FROM twin t;

\echo -- How many there are, and in which order
SELECT count(*), bool_and(a < b) FROM game.pairs('position', 1.25, :w);
SELECT count(*) FROM game.pairs('position', 0, :w, '{x,y,z}');
SELECT array(SELECT game.near('position', 5, 5, 1.5, :w));
SELECT * FROM game.nearest('position', 7, 7, 3, :w);
SELECT count(*) FROM game.nearest('position', 7, 7, 100000, :w);
SELECT count(*) FROM game.in_box('position', '-Infinity', '-Infinity', 'Infinity', 'Infinity', :w);
SELECT game.within(0, 0, 3, 4, 5), game.within(0, 0, 3, 4, 4.99), game.within(0, 0, 0, 0, -1), game.within(0, 0, 0, 2, 3, 6, 7);
SELECT count(*) FROM game.near('position', NULL, 5, 1, :w);
SELECT count(*) FROM game.near('position', 'NaN', 5, 1, :w);

\echo -- Cells
SELECT min(cell) AS c FROM soil WHERE world = :w \gset
SELECT count(*), bool_and(n.cell IN (SELECT cell FROM soil WHERE world = :w)) FROM game.cells_near(:c, 2, :w) AS n(cell);
SELECT count(*), count(*) FILTER (WHERE t.entity IS NOT NULL)
    FROM (SELECT * FROM twin WHERE home IN (SELECT game.cells_near(:c, 2, :w))) AS t
    FULL JOIN game.near_cell('position', 'home', :c, 2, :w) AS n(entity) USING (entity);

\echo -- What changes is seen
UPDATE position SET x = 1000, y = 1000 WHERE world = :w AND entity IN (3, 4);
DELETE FROM position WHERE world = :w AND entity = 5;
SELECT game.step_world(:w);
SELECT game.near('position', 1000, 1000, 1, :w);
SELECT count(*) FROM game.in_box('position', '-Infinity', '-Infinity', 'Infinity', 'Infinity', :w);

\echo -- In a tick: positions that an earlier system has moved, and that the system itself moves
CREATE PROCEDURE push() LANGUAGE sql AS $$
    UPDATE regress_spatial.position SET x = x + 1 WHERE entity = 3 $$;
CREATE PROCEDURE touch() LANGUAGE plpgsql AS $$
BEGIN
    UPDATE regress_spatial.score s SET touches = p.n, distance = p.least
        FROM (SELECT a AS entity, count(*)::int AS n, min(distance) AS least FROM game.pairs('regress_spatial.position', 1.25) GROUP BY a) p
        WHERE p.entity = s.entity;
    UPDATE regress_spatial.position SET x = 2000, y = 2000 WHERE entity = 6;
    UPDATE regress_spatial.score SET touches = (SELECT count(*) FROM game.near('regress_spatial.position', 2000, 2000, 0)) WHERE entity = 6;
    UPDATE regress_spatial.score SET touches = (SELECT count(*) FROM game.near('regress_spatial.position', 1001, 1000, 0)) WHERE entity = 8;
END $$;
SELECT game.create_system('regress_spatial.push()', phase => 'pre_update');
SELECT game.create_system('regress_spatial.touch()');
SELECT game.step_world(:w);
SELECT system, sqlstate, message FROM game.system_error WHERE world = :w;
SELECT entity, touches FROM score WHERE world = :w AND entity IN (6, 8) ORDER BY entity;
SELECT s.entity, s.touches, s.distance FROM score s WHERE s.world = :w AND s.distance IS NOT NULL AND s.entity > 8
EXCEPT SELECT a, count(*), min(distance) FROM game.pairs('position', 1.25, :w) GROUP BY a;

\echo -- As kernels, through the executor (an empty SELECT sends a system there), and as joins of a heap table
CREATE FOREIGN TABLE seen (near int, sum int, nearest bigint, touches boolean, beside int, box int, turned int NOT NULL DEFAULT 0, paired int)
    INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE weight (kg int NOT NULL DEFAULT 1) INHERITS (game.component) SERVER gamelan;
DO $$
DECLARE
    body text := $body$
    UPDATE seen s SET
        near = (SELECT count(*) FROM game.near('position', p.x, p.y, 1.25) AS n(entity) WHERE n.entity <> p.entity),
        sum = (SELECT sum(w.kg) FROM game.near('position', p.x, p.y, 2) AS n(entity) JOIN weight w ON w.entity = n.entity)
            + 1000 * coalesce((SELECT sum(w.kg) FROM game.pairs('position', 1.25) AS c JOIN weight w ON w.entity = c.b WHERE c.a = p.entity), 0),
        nearest = (SELECT n.entity FROM game.nearest('position', p.x, p.y, 2) n WHERE n.entity <> p.entity ORDER BY n.distance LIMIT 1),
        touches = EXISTS (SELECT FROM position q JOIN weight w ON w.entity = q.entity
                          WHERE q.entity <> p.entity AND w.kg > 2 AND game.within(p.x, p.y, q.x, q.y, 1.25)),
        beside = (SELECT max(w.kg) FROM game.near('position', p.x, p.y, 3, z => p.z, columns => '{x,y,z}') AS n(entity) JOIN weight w ON w.entity = n.entity),
        box = (SELECT count(*) FROM game.in_box('position', nullif(p.x, 'NaN'), p.y, nullif(p.x, 'NaN') + 3, 7) AS b(entity)),
        paired = (SELECT count(*) FROM game.pairs('position', 1.25) AS c WHERE c.a = p.entity OR c.b = p.entity)
    FROM position p WHERE p.entity = s.entity AND p.z IS NOT NULL;
    UPDATE seen s SET turned = s.turned + 1 FROM game.pairs('position', 1.25) AS c JOIN weight w ON w.entity = c.b
        WHERE c.a = s.entity AND c.distance <= w.kg * 0.5::float8;
    UPDATE seen s SET turned = s.turned + 10
        WHERE EXISTS (SELECT FROM game.pairs('position', 1.25) AS c WHERE c.b = s.entity AND c.distance > 1);$body$;
BEGIN
    EXECUTE 'CREATE PROCEDURE look() BEGIN ATOMIC ' || body || ' END';
    EXECUTE 'CREATE PROCEDURE look_slowly() BEGIN ATOMIC ' || body || ' SELECT 1; END';
END $$;
SELECT statement, path, reason FROM game.explain_system('regress_spatial.look');
SELECT steps FROM game.explain_system('regress_spatial.look') WHERE statement = 2;
SELECT DISTINCT path, reason FROM game.explain_system('regress_spatial.look_slowly');
INSERT INTO weight (world, entity, kg) SELECT :w, entity, entity % 5 FROM twin WHERE entity % 3 <> 0;
INSERT INTO seen (world, entity) SELECT :w, entity FROM twin;
SELECT game.disable_system(:w, 'regress_spatial.push');
SELECT game.create_system('regress_spatial.look', phase => 'post_update');
SELECT game.step_world(:w), game.step_world(:w);
CREATE TABLE by_kernel AS SELECT entity, near, sum, nearest, touches, beside, box, turned, paired FROM seen WHERE world = :w;
UPDATE seen SET near = NULL, sum = NULL, nearest = NULL, touches = NULL, beside = NULL, box = NULL, turned = 0, paired = NULL WHERE world = :w;
SELECT game.drop_system('regress_spatial.look');
SELECT game.create_system('regress_spatial.look_slowly', phase => 'post_update');
SELECT game.step_world(:w), game.step_world(:w);
SELECT system, sqlstate, message FROM game.system_error WHERE world = :w;
SELECT count(*), sum(near), sum(sum), count(nearest), count(*) FILTER (WHERE touches), sum(beside), sum(box), sum(turned), sum(paired) FROM by_kernel;
SELECT * FROM by_kernel EXCEPT SELECT entity, near, sum, nearest, touches, beside, box, turned, paired FROM seen WHERE world = :w;
CREATE TABLE heap AS SELECT p.entity, p.x, p.y, p.z, coalesce(w.kg, 0) AS kg, w.kg IS NOT NULL AS has_weight
    FROM position p LEFT JOIN weight w ON w.world = p.world AND w.entity = p.entity WHERE p.world = :w AND p.x BETWEEN -1e37 AND 1e37 AND p.y IS NOT NULL;
SELECT k.entity FROM by_kernel k JOIN heap p USING (entity) WHERE
    (k.near, k.touches, k.paired) IS DISTINCT FROM (
        (SELECT count(*) FROM heap q WHERE q.entity <> p.entity AND game.within(p.x, p.y, q.x, q.y, 1.25)),
        EXISTS (SELECT FROM heap q WHERE q.entity <> p.entity AND q.kg > 2 AND game.within(p.x, p.y, q.x, q.y, 1.25)), k.near)
    OR k.turned <> 2 * (CASE WHEN EXISTS (SELECT FROM heap q WHERE q.entity > p.entity AND q.has_weight
            AND sqrt((p.x::float8 - q.x) ^ 2 + (p.y::float8 - q.y) ^ 2) <= least(1.25, q.kg * 0.5)) THEN 1 ELSE 0 END
        + CASE WHEN EXISTS (SELECT FROM heap q WHERE q.entity < p.entity AND game.within(p.x, p.y, q.x, q.y, 1.25)
            AND sqrt((p.x::float8 - q.x) ^ 2 + (p.y::float8 - q.y) ^ 2) > 1) THEN 10 ELSE 0 END);
SELECT game.drop_system('regress_spatial.look_slowly');

\echo -- What a kernel raises is what the functions raise
CREATE PROCEDURE fails() BEGIN ATOMIC
    UPDATE seen SET near = (SELECT count(*) FROM game.near('position', 0, 0, -1)); END;
CREATE PROCEDURE finds_several() BEGIN ATOMIC
    UPDATE seen SET nearest = (SELECT n.entity FROM game.nearest('position', 7, 7, 2) n); END;
SELECT path, reason FROM game.explain_system('regress_spatial.fails');
SELECT path, reason FROM game.explain_system('regress_spatial.finds_several');
SELECT game.create_system('regress_spatial.fails'), game.create_system('regress_spatial.finds_several');
SELECT game.step_world(:w);
SELECT system, sqlstate, message FROM game.system_error WHERE world = :w ORDER BY system;
SELECT game.drop_system('regress_spatial.fails'), game.drop_system('regress_spatial.finds_several');

\echo -- An event for each pair
CREATE TABLE met (other bigint, gap double precision) INHERITS (game.event_row);
DO $$
DECLARE
    body text := $body$
    SELECT game.emit('met', c.a, jsonb_build_object('other', c.b, 'kg', w.kg)) FROM game.pairs('position', 0.5) AS c
        JOIN weight w ON w.entity = c.b WHERE c.distance > 0.001;
    INSERT INTO met (entity, other, gap) SELECT c.a, c.b, c.distance FROM game.pairs('position', 0.5) AS c
        JOIN weight v ON v.entity = c.a WHERE v.kg > 3;$body$;
BEGIN
    EXECUTE 'CREATE PROCEDURE meet() BEGIN ATOMIC ' || body || ' END';
    EXECUTE 'CREATE PROCEDURE meet_slowly() BEGIN ATOMIC ' || body || ' SELECT 1; END';
END $$;
SELECT statement, path, reason, steps FROM game.explain_system('regress_spatial.meet');
SELECT game.create_system('regress_spatial.meet');
SELECT game.step_world(:w) AS tick \gset
SELECT game.drop_system('regress_spatial.meet'), game.create_system('regress_spatial.meet_slowly');
SELECT game.step_world(:w) AS slow_tick \gset
SELECT game.drop_system('regress_spatial.meet_slowly');
SELECT system, sqlstate, message FROM game.system_error WHERE world = :w AND system LIKE 'meet%';
SELECT count(*), count(DISTINCT entity) FROM game.event WHERE world = :w AND tick = :tick AND kind = 'met';
SELECT count(*), count(DISTINCT entity), sum(gap) < count(*) FROM met WHERE world = :w AND tick = :tick;
SELECT entity, payload FROM game.event WHERE world = :w AND tick = :tick AND kind = 'met'
EXCEPT ALL SELECT entity, payload FROM game.event WHERE world = :w AND tick = :slow_tick AND kind = 'met';
SELECT entity, payload FROM game.event WHERE world = :w AND tick = :slow_tick AND kind = 'met'
EXCEPT ALL SELECT entity, payload FROM game.event WHERE world = :w AND tick = :tick AND kind = 'met';
(SELECT entity, other, gap FROM met WHERE world = :w AND tick = :tick) EXCEPT ALL (SELECT entity, other, gap FROM met WHERE world = :w AND tick = :slow_tick);
(SELECT entity, other, gap FROM met WHERE world = :w AND tick = :slow_tick) EXCEPT ALL (SELECT entity, other, gap FROM met WHERE world = :w AND tick = :tick);

\echo -- The same states, tick by tick
DO $$
DECLARE
    body text := $body$
    UPDATE position p SET x = p.x + s.near * 0.125, y = p.y - s.paired * 0.25 FROM seen s WHERE s.entity = p.entity;
    UPDATE seen s SET near = (SELECT count(*) FROM game.near('position', p.x, p.y, 1.5) AS n(entity) WHERE n.entity <> p.entity) % 3,
        paired = (SELECT count(*) FROM position q WHERE q.entity < p.entity AND game.within(p.x, p.y, q.x, q.y, 1)) % 2,
        nearest = (SELECT n.entity FROM game.nearest('position', p.y, p.x, 1) n) FROM position p WHERE p.entity = s.entity;
    UPDATE position p SET x = -p.x FROM game.pairs('position', 0.5) AS c WHERE c.b = p.entity;$body$;
BEGIN
    EXECUTE 'CREATE PROCEDURE drift() BEGIN ATOMIC ' || body || ' END';
    EXECUTE 'CREATE PROCEDURE drift_slowly() BEGIN ATOMIC ' || body || ' SELECT 1; END';
END $$;
SELECT DISTINCT path FROM game.explain_system('regress_spatial.drift');
SELECT game.create_world('spatial fast', game => 'regress_spatial', seed => 5, config => '{"n": 1}') AS fast \gset
SELECT game.create_world('spatial slow', game => 'regress_spatial', seed => 5, config => '{"n": 1}') AS slow \gset
SELECT count(*) FROM (SELECT game.spawn_many(:fast, 300), game.spawn_many(:slow, 300)) AS s;
INSERT INTO position (world, entity, x, y) SELECT w, i, i * 37 % 101 * 0.21, i * 53 % 97 * 0.23 FROM generate_series(1, 300) AS i, unnest(ARRAY[:fast, :slow]) AS w;
INSERT INTO seen (world, entity, near, paired) SELECT w, i, 0, 0 FROM generate_series(1, 300) AS i, unnest(ARRAY[:fast, :slow]) AS w;
SELECT game.drop_system('regress_spatial.touch'), game.drop_system('regress_spatial.push');
SELECT game.create_system('regress_spatial.drift', enabled => false), game.create_system('regress_spatial.drift_slowly', enabled => false);
SELECT game.enable_system(:fast, 'regress_spatial.drift'), game.enable_system(:slow, 'regress_spatial.drift_slowly');
SELECT game.step_world(:fast), game.step_world(:slow);
\pset tuples_only on
\set ECHO none
SELECT format('SELECT game.step_world(%1$s) = game.step_world(%2$s)', :fast, :slow),
    format('SELECT (game.state_hash(%1$s)).hash = (game.state_hash(%2$s)).hash', :fast, :slow) FROM generate_series(1, 10) \gexec
\set ECHO all
\pset tuples_only off
SELECT system, sqlstate, message FROM game.system_error WHERE world IN (:fast, :slow);
SELECT count(*), sum(near) > 0, sum(paired) > 0, count(DISTINCT nearest) > 5 FROM seen WHERE world = :fast;
SELECT game.drop_world(:fast), game.drop_world(:slow);
SELECT game.drop_system('regress_spatial.drift'), game.drop_system('regress_spatial.drift_slowly');

\echo -- What is left to the executor
CREATE PROCEDURE left_over() BEGIN ATOMIC
    UPDATE seen s SET nearest = c.b FROM game.pairs('position', 1) AS c WHERE c.a = s.entity;
    UPDATE seen s SET near = 1 FROM game.near('position', 1, 1, 1) AS n(entity) WHERE n.entity = s.entity;
    UPDATE seen s SET sum = (SELECT sum(w.kg) FROM game.pairs('position', 1) c JOIN weight w ON w.entity = c.a WHERE c.a = s.entity);
    UPDATE seen s SET sum = (SELECT sum(w.kg) FROM game.pairs('position', 1) c JOIN weight w ON w.entity = c.a WHERE c.a = s.entity OR c.b = s.entity);
    UPDATE seen s SET near = (SELECT count(*) FROM position q WHERE q.x > p.x) FROM position p WHERE p.entity = s.entity;
    UPDATE seen s SET near = (SELECT count(*) FROM position q WHERE game.within(p.x, p.y, q.x, q.y, 1) AND 1 / q.n > 0) FROM position p WHERE p.entity = s.entity;
    UPDATE seen s SET nearest = (SELECT n.entity FROM game.nearest('position', 1, 1, 5) n JOIN weight w ON w.entity = n.entity LIMIT 1);
    UPDATE seen s SET near = (SELECT count(*) FROM game.near('position', 1, 1, 1, 77) AS n(entity));
    UPDATE seen s SET near = (SELECT count(*) FROM game.near('position', 1, 1, 1, columns => '{x,nothing}') AS n(entity));
END;
SELECT statement, reason FROM game.explain_system('regress_spatial.left_over');

\echo -- What is refused
\set VERBOSITY terse
\set SHOW_CONTEXT never
\pset format unaligned
DO $$
DECLARE
    w bigint := (SELECT id FROM game.world WHERE name = 'spatial');
    statement text;
    said text;
    code text;
BEGIN
    FOREACH statement IN ARRAY ARRAY[
        'game.near(''position'', 0, 0, -1, %s)', 'game.near(''position'', 0, 0, ''NaN'', %s)', 'game.near(''position'', 0, 0, ''Infinity'', %s)',
        'game.pairs(''position'', -0.5, %s)', 'game.pairs(''position'', 1e9, %s, max_pairs => 10)', 'game.pairs(''position'', 1, %s, max_pairs => -1)',
        'game.near(''position'', 0, 0, 1, %s, columns => ''{x,q}'')', 'game.near(''position'', 0, 0, 1, %s, columns => ''{x,n}'')',
        'game.near(''position'', 0, 0, 1, %s, columns => ''{}'')', 'game.near(''position'', 0, 0, 1, %s, columns => ''{x,y,z,u}'')',
        'game.near(''position'', 0, 0, 1, %s, columns => ''{x,world}'')', 'game.near(''soil'', 0, 0, 1, %s)', 'game.near(''twin'', 0, 0, 1, %s)',
        'game.in_box(''position'', ''NaN'', 0, 1, 1, %s)', 'game.nearest(''position'', 0, 0, -1, %s)',
        'game.near_cell(''position'', ''x'', 1, 1, %s)', 'game.near_cell(''position'', ''entity'', 1, 1, %s)', 'game.cells_near(1, 1, %s)',
        'game.near(''position'', 0, 0, 1)', 'game.near(''position'', 0, 0, 1, -5)'] LOOP
        BEGIN
            EXECUTE 'SELECT count(*) FROM ' || format(statement, w);
            RAISE WARNING '% was let through', statement;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, code = RETURNED_SQLSTATE;
            RAISE WARNING '%: % %', statement, code, said;
        END;
    END LOOP;
END $$;

\echo -- Who may not read positions may not ask where things are
\pset format aligned
CREATE ROLE regress_spatial_reader IN ROLE gamelan_player;
GRANT USAGE ON SCHEMA regress_spatial, game TO regress_spatial_reader;
\set VERBOSITY terse
SET ROLE regress_spatial_reader;
SELECT count(*) FROM game.near('position', 7, 7, 0, :w);
RESET ROLE;
GRANT SELECT (entity, x, y) ON position TO regress_spatial_reader;
SET ROLE regress_spatial_reader;
SELECT count(*) FROM game.near('position', 7, 7, 0, :w);
SELECT count(*) FROM game.near('position', 7, 7, 0, :w, z => 1);
RESET ROLE;
DROP OWNED BY regress_spatial_reader;
DROP ROLE regress_spatial_reader;
SELECT game.drop_world(:w);
DROP VIEW placed;
DROP TABLE by_kernel, heap;
DROP TABLE twin;
SELECT game.drop_game('regress_spatial');
