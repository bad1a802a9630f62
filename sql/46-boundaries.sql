-- The edge of a world, in every mode, and how it meets what no coordinate should be.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT game.create_game('regress_edge');
CREATE FOREIGN TABLE regress_edge.place (n int, f real, d double precision, s smallint, i int, b bigint) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE regress_edge.speed (f real, d double precision, i int) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE regress_edge.both (x real, dx real) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE regress_edge.soil (wet int NOT NULL DEFAULT 20) INHERITS (game.cell) SERVER gamelan;
SELECT game.create_world('edge', 'regress_edge', seed => 1, config => '{"n": 1}') AS w \gset
-- Rows with numbers, so that a test can tell who is who.
CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$
DECLARE
    w bigint := (SELECT id FROM game.world WHERE name = 'edge');
BEGIN
    DELETE FROM regress_edge.place WHERE world = w;
    DELETE FROM regress_edge.speed WHERE world = w;
    COMMIT;
    INSERT INTO regress_edge.place SELECT w, game.spawn(w), * FROM (VALUES
        (1, 0, 0, 0, 0, 0), (2, -3, -3, -3, -3, -3), (3, 13, 13, 13, 13, 13), (4, 10, 10, 10, 10, 10), (5, -27, 1e300, -32768, 2000000000, -9000000000000000000),
        (6, 'Infinity', '-Infinity', 5, 5, 5), (7, 'NaN', 'NaN', 5, 5, 5), (8, NULL, NULL, NULL, NULL, 11), (9, 9.999999, -1e-300, 9, 9, 9)) AS v(n, f, d, s, i, b);
    COMMIT;
    PERFORM game.step_world(w);
    INSERT INTO regress_edge.speed SELECT w, p.entity, 2, -3, n FROM regress_edge.place AS p WHERE p.world = w;
    COMMIT;
END
$$;
CREATE FUNCTION look(world bigint) RETURNS TABLE (n int, f real, d double precision, s smallint, i int, b bigint) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM game.step_world(world);
    RETURN QUERY EXECUTE 'SELECT n, f, d, s, i, b FROM regress_edge.place WHERE world = $1 ORDER BY n' USING world;
END
$$;

CALL fill();
SELECT game.create_boundary('regress_edge.place', '{f,d,s,i,b}', '{0,0,0,0,0}', '{10,10,10,10,10}');
SELECT * FROM look(:w);
SELECT obj_description('regress_edge.boundary()'::regprocedure);
SELECT name, phase FROM game.system WHERE game = 'regress_edge';
DROP PROCEDURE regress_edge.boundary;

CALL fill();
SELECT game.create_boundary('regress_edge.place', '{f,d,s,i,b}', '{0,0,0,0,0}', '{10,10,10,10,10}', mode => 'wrap', name => 'Round World');
SELECT * FROM look(:w);
SELECT game.drop_system('regress_edge."Round World"');
DROP PROCEDURE regress_edge."Round World";

CALL fill();
SELECT game.create_boundary('regress_edge.place', '{f,d,i}', '{0,0,0}', '{10,10,10}', mode => 'bounce', velocity => 'regress_edge.speed', velocity_columns => '{f,d,i}');
SELECT n, f, d, i FROM look(:w);
SELECT p.n, s.f, s.d, s.i FROM regress_edge.speed AS s JOIN regress_edge.place AS p USING (world, entity) WHERE world = :w ORDER BY n;
DROP PROCEDURE regress_edge.boundary;
-- Position and velocity in one component.
INSERT INTO regress_edge.both SELECT :w, game.spawn(:w), x, 1 FROM unnest('{-1,11,5}'::real[]) AS x;
SELECT game.create_boundary('regress_edge.both', '{x}', '{0}', '{10}', mode => 'bounce', velocity_columns => '{dx}');
SELECT game.step_world(:w) > 0 AS stepped;
SELECT x, dx FROM regress_edge.both WHERE world = :w ORDER BY x;
DROP PROCEDURE regress_edge.boundary;

CALL fill();
SELECT game.create_boundary('regress_edge.place', '{f,b}', '{0,-5}', '{10,10}', mode => 'kill');
SELECT n FROM look(:w);
SELECT count(*) FROM game.entity AS e WHERE e.world = :w AND EXISTS (SELECT FROM regress_edge.speed AS s WHERE s.world = :w AND s.entity = e.entity);
DROP PROCEDURE regress_edge.boundary;

-- Cells have no place to leave, but values to keep in bounds. The procedure is the game's: it can be replaced.
SELECT game.create_boundary('regress_edge.soil', '{wet}', '{0}', '{10}');
SELECT game.step_world(:w) > 0 AS stepped;
SELECT min(wet), max(wet) FROM regress_edge.soil WHERE world = :w;
CREATE OR REPLACE PROCEDURE regress_edge.boundary() LANGUAGE sql BEGIN ATOMIC UPDATE regress_edge.soil SET wet = 7; END;
SELECT game.step_world(:w) > 0 AS stepped;
SELECT min(wet), max(wet) FROM regress_edge.soil WHERE world = :w;
SELECT system, sqlstate, message FROM game.system_error WHERE world = :w;

\pset format unaligned
\pset tuples_only
SELECT outcome(format('SELECT game.create_boundary(%s, name => ''refused'')', arguments)) FROM unnest(ARRAY[
    $$'regress_edge.place', '{f}', '{0}', '{10}', mode => 'vanish'$$, $$'regress_edge.place', '{f,x}', '{0,0}', '{1,1}'$$, $$'regress_edge.place', '{f,f}', '{0,0}', '{1,1}'$$,
    $$'regress_edge.place', '{}', '{}', '{}'$$, $$'regress_edge.place', '{entity}', '{0}', '{1}'$$, $$'regress_edge.place', '{f}', '{0,0}', '{1}'$$,
    $$'regress_edge.place', '{f}', '{1}', '{1}'$$, $$'regress_edge.place', '{f}', '{NaN}', '{1}'$$, $$'regress_edge.place', '{f}', '{-Infinity}', '{1}'$$,
    $$'regress_edge.place', '{f}', '{NULL}', '{1}'$$, $$'regress_edge.place', '{s}', '{0}', '{40000}'$$, $$'regress_edge.place', '{i}', '{0.5}', '{2}'$$,
    $$'regress_edge.place', '{f}', '{0}', '{1}', mode => 'bounce'$$, $$'regress_edge.place', '{f}', '{0}', '{1}', velocity_columns => '{d}'$$,
    $$'regress_edge.place', '{f}', '{0}', '{1}', mode => 'bounce', velocity => 'regress_edge.speed', velocity_columns => '{f,d}'$$,
    $$'regress_edge.place', '{f}', '{0}', '{1}', mode => 'bounce', velocity => 'regress_edge.soil', velocity_columns => '{wet}'$$,
    $$'regress_edge.soil', '{wet}', '{0}', '{1}', mode => 'kill'$$, $$'pg_class', '{oid}', '{0}', '{1}'$$]) AS arguments;
SELECT game.drop_world(:w);
SELECT game.drop_game('regress_edge');
DROP PROCEDURE fill;
DROP FUNCTION look;
