-- What the compiler makes of the statements of a procedure: kernels, or a reason why not.
SET client_min_messages = warning;
SELECT game.create_game('regress_compiler');
SET search_path = regress_compiler, game;
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE DOMAIN percent AS int DEFAULT 50 CHECK (VALUE >= 0) CHECK (VALUE <= 100);
CREATE DOMAIN half AS percent NOT NULL CONSTRAINT is_half CHECK (VALUE <= 50);
CREATE FOREIGN TABLE position (x real NOT NULL DEFAULT 0, y real NOT NULL DEFAULT 0, home bigint) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE velocity (dx real, dy real) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE health (
    hp int NOT NULL DEFAULT 100 CONSTRAINT alive CHECK (hp >= 0), most int, CONSTRAINT at_most CHECK (hp <= most),
    share percent, part half DEFAULT 1, mood mood, title text, born date, seen timestamptz, regenerates boolean)
    INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE aim (target bigint, range double precision, weight smallint) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE frozen (until bigint) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE marked () INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE soil (wet int NOT NULL DEFAULT 0, alive boolean NOT NULL DEFAULT false) INHERITS (game.cell) SERVER gamelan;
CREATE FOREIGN TABLE crop (height real NOT NULL DEFAULT 0) INHERITS (game.cell) SERVER gamelan;
CREATE FOREIGN TABLE badge (owner uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000', other uuid, rank "char", lasts interval, spare interval)
    INHERITS (game.component) SERVER gamelan;
CREATE TABLE shot (target bigint, damage int NOT NULL DEFAULT 7 CHECK (damage < 100), told interval, words text, CHECK (damage > 0 OR entity IS NULL OR tick > 5))
    INHERITS (game.event_row);
CREATE TABLE numbered (id bigint GENERATED ALWAYS AS IDENTITY) INHERITS (game.event_row);
CREATE TABLE timed (CHECK (created_at > '2000-01-01')) INHERITS (game.event_row);
CREATE TABLE once (target bigint UNIQUE) INHERITS (game.event_row);
CREATE TABLE price (item int PRIMARY KEY, gold int);
CREATE FUNCTION doubled(x int) RETURNS int LANGUAGE sql IMMUTABLE RETURN x * 2;
CREATE FUNCTION slow(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN x; END';

-- Compiles the statements as the body of a procedure.
CREATE FUNCTION compiled(body text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'CREATE OR REPLACE PROCEDURE regress_compiler.s() BEGIN ATOMIC ' || body || '; END';
    RETURN QUERY SELECT coalesce(e.steps, 'NOT: ' || e.reason)
        || CASE WHEN e.path = 'kernel' THEN '' ELSE E'\n(executor' || CASE WHEN e.deterministic THEN ', deterministic)' ELSE ')' END END
        FROM game.explain_system('regress_compiler.s') AS e ORDER BY e.statement;
END $$;
\pset tuples_only
\pset format unaligned

\echo -- The own row and its components
SELECT compiled('UPDATE position p SET x = p.x + v.dx * game.dt(), y = p.y + v.dy * game.dt()::real FROM velocity v WHERE v.entity = p.entity AND v.world = p.world AND p.world = game.world_id()');
SELECT compiled('UPDATE position p SET x = 0 FROM velocity v JOIN aim a USING (entity) WHERE p.entity = a.entity');
SELECT compiled('UPDATE position p SET x = coalesce(v.dx, 0) FROM health h LEFT JOIN velocity v ON v.entity = h.entity AND v.dy > 0 WHERE h.entity = p.entity AND v.entity IS NULL');
\echo -- References
SELECT compiled('UPDATE position p SET x = t.x FROM aim a JOIN position t ON t.entity = a.target JOIN health h ON h.entity = t.entity WHERE a.entity = p.entity AND h.hp > 0');
SELECT compiled('UPDATE position p SET x = s.wet FROM soil s WHERE p.home = s.cell');
SELECT compiled('UPDATE health h SET hp = (SELECT t.hp FROM health t WHERE t.entity = a.target AND t.most > 1) FROM aim a WHERE a.entity = h.entity');
SELECT compiled('UPDATE health h SET hp = (SELECT count(*) FROM frozen f WHERE f.entity = h.entity) + (SELECT coalesce(max(f.until), 7) FROM frozen f WHERE f.entity = h.entity)');
SELECT compiled('UPDATE soil s SET wet = 1 FROM crop c WHERE c.cell = s.cell AND c.height > 0.5');
\echo -- Presence
SELECT compiled('UPDATE position SET x = 0 WHERE EXISTS (SELECT FROM marked m WHERE m.entity = position.entity) AND entity NOT IN (SELECT entity FROM velocity)');
SELECT compiled('UPDATE position SET x = 0 WHERE entity IN (SELECT f.entity FROM frozen f JOIN marked m USING (entity) WHERE f.until > game.tick())');
SELECT compiled('UPDATE position SET x = 0 WHERE NOT EXISTS (SELECT FROM frozen f WHERE f.entity = position.entity AND f.until > game.tick())');
SELECT compiled('UPDATE health h SET hp = 0 FROM aim a WHERE a.entity = h.entity AND EXISTS (SELECT FROM marked m WHERE m.entity = a.target)');
SELECT compiled('UPDATE health SET hp = 1 WHERE entity IN (SELECT game.observed())');
SELECT compiled('UPDATE health h SET hp = 1 FROM game.observed() AS o(entity) WHERE o.entity = h.entity');
SELECT compiled('UPDATE health h SET hp = 1 FROM position p LEFT JOIN velocity v ON v.entity = p.entity WHERE p.entity = h.entity AND v.entity IN (SELECT entity FROM marked)');
\echo -- Aggregates
SELECT compiled('UPDATE health SET hp = (SELECT max(hp) FROM health WHERE hp < 50) + (SELECT count(*) FROM velocity v JOIN position p USING (entity) WHERE v.dx > p.x)');
SELECT compiled('UPDATE soil c SET wet = (SELECT coalesce(sum(n.wet), 0) FROM soil n WHERE n.cell IN (SELECT game.neighbors(c.cell)) AND n.alive)');
SELECT compiled('UPDATE soil c SET alive = (SELECT count(*) FILTER (WHERE n.alive) FROM game.neighbors(c.cell) AS a(cell) JOIN soil n ON n.cell = a.cell) BETWEEN 2 AND 3
    WHERE EXISTS (SELECT FROM soil n JOIN crop k ON k.cell = n.cell WHERE n.cell IN (SELECT game.neighbors(c.cell)) AND k.height > c.wet)');
SELECT compiled('UPDATE health SET most = coalesce((SELECT sum(target) FROM aim), 0)');
SELECT compiled('UPDATE aim SET range = (SELECT avg(hp) FROM health) WHERE weight > (SELECT avg(a.weight) * 1.5 FROM aim a)');
SELECT compiled('UPDATE soil c SET wet = round(0.5 + (SELECT avg(n.wet) FROM soil n WHERE n.cell IN (SELECT game.neighbors(c.cell)))::float8)');
\echo -- Rows and events
SELECT compiled('INSERT INTO frozen (entity, until) SELECT p.entity, game.tick() + 10 FROM position p WHERE p.x > 100 ON CONFLICT DO NOTHING');
SELECT compiled('INSERT INTO health (entity, hp, title) SELECT entity, 1, NULL FROM position');
SELECT compiled('INSERT INTO position SELECT game.world_id(), a.entity, t.x, t.y FROM aim a, position t WHERE t.entity = a.target');
SELECT compiled('INSERT INTO marked (world, entity) SELECT p.world, p.entity FROM position p');
SELECT compiled('DELETE FROM frozen f USING health h WHERE h.entity = f.entity AND f.until < game.tick()');
SELECT compiled($$SELECT game.emit('hit', a.target, jsonb_build_object('hp', h.hp, 'by', a.entity, 'far', a.range > 3)) FROM health h JOIN aim a ON a.target = h.entity$$);
SELECT compiled($$SELECT game.emit('tick', NULL) FROM marked$$);
SELECT compiled('INSERT INTO shot (entity, target, damage) SELECT a.entity, a.target, h.hp FROM aim a JOIN health h ON h.entity = a.target WHERE h.hp > 3');
SELECT compiled('INSERT INTO shot (world, told) SELECT game.world_id(), lasts FROM badge');
SELECT compiled($$SELECT game.spawn('orc', jsonb_build_object('position', jsonb_build_object('x', p.x + 1, 'y', game.tick()::real), 'health', '{"hp": 7}'::jsonb)) FROM position p WHERE p.x > 3$$);
SELECT compiled($$UPDATE frozen SET until = 0; SELECT game.despawn(game.world_id(), f.entity) FROM frozen f WHERE f.until < game.tick()$$);
SELECT compiled($$SELECT game.despawn(entity) FROM frozen; UPDATE frozen SET until = 0$$);
\echo -- Expressions
SELECT compiled('UPDATE health SET hp = doubled(hp) % 7 - -hp / abs(most) + (hp & 6 | 1 # 3) + (~hp << 2 >> 1) WHERE hp BETWEEN 1 AND 9 AND most IN (1, 2, NULL) AND hp <> ALL (ARRAY[3, 4])');
SELECT compiled('UPDATE aim SET weight = weight + 1::smallint, range = sqrt(abs(range)) + power(range, 2) + exp(0.5) + ln(range) + sin(range) * cos(range) + atan2(range, 1) + floor(range) + ceil(range) + round(range) + trunc(range) + sign(range) + game.random(entity) + radians(range)');
SELECT compiled($$UPDATE health SET mood = CASE mood WHEN 'glad' THEN 'sad'::mood ELSE 'glad' END, share = CASE hp WHEN 1 THEN 2 WHEN most THEN 3 END, regenerates = hp::bool AND mood IS DISTINCT FROM 'sad' OR regenerates IS NOT TRUE, most = greatest(hp, most, 3) + nullif(hp, 4::bigint)$$);
SELECT compiled($$UPDATE health SET born = born + 1, seen = game.now() WHERE born - '2020-01-01' > 5 AND 3 + born < '2030-01-01' AND seen < '2030-01-01 00:00Z' AND hp <= game.gauss(entity)$$);
SELECT compiled($$UPDATE badge SET owner = coalesce(other, '12345678-9abc-def0-1234-56789abcdef0'), other = CASE WHEN rank = 'a' THEN greatest(owner, other) ELSE least(owner, NULL) END WHERE other IS DISTINCT FROM owner AND owner IN ('00000000-0000-0000-0000-000000000001', other) AND other > owner$$);
SELECT compiled($$UPDATE badge SET rank = (rank::int + 1)::"char" WHERE rank BETWEEN 'a' AND 'y' AND rank <> ALL ('{b,c}'::"char"[])$$);
SELECT compiled($$UPDATE badge SET lasts = lasts - interval '1 mon 2 days 3 us' + -spare, spare = nullif(greatest(spare, lasts), interval '30 days') WHERE spare < lasts$$);
SELECT compiled($$SELECT game.emit('badge', entity, jsonb_build_object('owner', owner)) FROM badge$$);
\echo -- Constraints and domains
SELECT compiled('UPDATE health SET share = hp, part = 3');
SELECT compiled('UPDATE health SET regenerates = true');
INSERT INTO price VALUES (1, 1);

\echo -- Reasons
SELECT body || E'\n    ' || compiled(body) FROM unnest(ARRAY[
    $$UPDATE health SET title = 'x'$$,
    $$UPDATE health SET hp = 1 WHERE title = 'x'$$,
    $$UPDATE health SET hp = length(title)$$,
    'UPDATE health SET hp = hp / 1.5',
    'UPDATE health SET hp = entity * 1.5 * entity',
    'UPDATE crop c SET height = (SELECT avg(n.height) FROM crop n WHERE n.cell IN (SELECT game.neighbors(c.cell)))',
    'UPDATE health SET hp = (SELECT count(DISTINCT most) FROM health)',
    'UPDATE health SET hp = slow(hp)',
    'UPDATE health SET hp = hp + (random() * 6)::int',
    'UPDATE health SET hp = hp + (game.random() * 6)::int',
    'UPDATE health SET seen = now()',
    'UPDATE health SET seen = CURRENT_TIMESTAMP',
    'UPDATE health SET hp = world',
    'UPDATE health SET hp = 1 WHERE world = 1',
    'UPDATE health SET entity = 1',
    $$UPDATE health SET hp = 1 WHERE mood < 'sad'$$,
    'UPDATE health SET hp = hp::text::int',
    'UPDATE health SET hp = factorial(hp)::int',
    'UPDATE health SET hp = 1 / 0',
    'UPDATE health SET hp = CASE WHEN hp > 1 THEN 101::percent ELSE share END',
    'UPDATE health h SET hp = p.gold FROM price p WHERE p.item = h.hp',
    'UPDATE price SET gold = 1',
    'UPDATE health h SET hp = 0 FROM aim a WHERE a.target = h.entity',
    'UPDATE health h SET hp = 0 FROM position p',
    'UPDATE health h SET hp = 0 FROM position p WHERE p.x = h.hp',
    'UPDATE health h SET hp = (SELECT sum(a.weight) FROM aim a WHERE a.target = h.entity)',
    'UPDATE health h SET hp = (SELECT a.weight FROM aim a WHERE a.target = h.entity)',
    'UPDATE health h SET hp = (SELECT hp FROM health o ORDER BY hp LIMIT 1)',
    'UPDATE health h SET hp = (SELECT count(*) FROM aim GROUP BY target LIMIT 1)',
    'UPDATE health SET hp = 0 WHERE most NOT IN (SELECT hp FROM health)',
    'UPDATE soil c SET wet = n.wet FROM soil d, game.neighbors(d.cell) AS a(cell), soil n WHERE d.cell = c.cell AND n.cell = a.cell',
    'UPDATE soil c SET wet = (SELECT max(n.wet) FROM soil n WHERE n.cell IN (SELECT game.neighbors(c.cell + 1)))',
    'UPDATE position p SET x = (SELECT max(n.wet) FROM soil n WHERE n.cell IN (SELECT game.neighbors(p.home)))',
    'WITH w AS (SELECT entity FROM health) UPDATE health SET hp = 0 FROM w WHERE w.entity = health.entity',
    'UPDATE health SET hp = v.n FROM (SELECT entity, count(*) AS n FROM aim GROUP BY entity) AS v WHERE v.entity = health.entity',
    'INSERT INTO frozen (entity, until) VALUES (1, 2)',
    'INSERT INTO frozen (entity, until) SELECT a.target, 2 FROM aim a',
    'INSERT INTO frozen (entity, until) SELECT entity, 2 FROM position ORDER BY x LIMIT 1',
    'INSERT INTO frozen (entity) SELECT entity FROM frozen',
    'INSERT INTO price SELECT 3, 4 FROM health',
    'INSERT INTO health (entity, title) SELECT entity, ''x'' FROM position',
    'INSERT INTO shot (words) SELECT title FROM health',
    'INSERT INTO shot (damage) VALUES (3)',
    'INSERT INTO shot (tick) SELECT 3 FROM health',
    'INSERT INTO shot (created_at) SELECT seen FROM health',
    'INSERT INTO numbered (entity) SELECT entity FROM health',
    'INSERT INTO timed (entity) SELECT entity FROM health',
    'INSERT INTO once (entity) SELECT entity FROM health',
    'SELECT game.spawn(title) FROM health',
    'SELECT game.spawn(''orc'', to_jsonb(h)) FROM health h',
    'SELECT game.spawn_many(3, ''orc'') FROM health',
    'SELECT game.spawn(''orc'')',
    'DELETE FROM soil',
    'SELECT hp FROM health',
    'SELECT game.emit(''x'', entity, to_jsonb(hp)) FROM health',
    'SELECT game.emit(''x'', entity, jsonb_build_object(''title'', title)) FROM health',
    'SELECT game.emit(''x'', entity, jsonb_build_object(''born'', born)) FROM health',
    'SELECT game.emit(''x'', entity, jsonb_build_object(''rank'', rank)) FROM badge',
    'UPDATE badge SET lasts = lasts * 2',
    'SELECT game.emit(title, entity) FROM health',
    'SELECT game.emit(''x'', entity) FROM health ORDER BY hp']) AS body;
\echo -- One statement that is not compiled takes the others along
SELECT compiled('UPDATE health SET hp = 1; UPDATE health SET title = NULL');
\echo -- Bodies
CREATE PROCEDURE in_plpgsql() LANGUAGE plpgsql AS 'BEGIN UPDATE health SET hp = 1; END';
CREATE PROCEDURE in_text() LANGUAGE sql AS 'UPDATE regress_compiler.health SET hp = 1';
SELECT text, path, reason FROM game.explain_system('regress_compiler.in_plpgsql');
SELECT text, path, reason FROM game.explain_system('regress_compiler.in_text()');
SELECT public.outcome($$SELECT game.explain_system('regress_compiler.nothing')$$);
\echo -- As the owner of the procedure
CREATE ROLE regress_stranger;
GRANT USAGE ON SCHEMA regress_compiler, game TO regress_stranger;
SELECT compiled('UPDATE health SET hp = 1');
ALTER PROCEDURE s() OWNER TO regress_stranger;
SELECT path, reason FROM game.explain_system('regress_compiler.s');
DROP PROCEDURE s();
\echo -- What is read and written
SELECT compiled('UPDATE health h SET hp = h.hp + (SELECT count(*) FROM marked) FROM aim a WHERE a.entity = h.entity; DELETE FROM frozen WHERE until < 3; UPDATE health SET title = hp');
SELECT statement, text, reads, writes FROM game.explain_system('regress_compiler.s');
\echo -- What it is expected to take
SELECT statement, path, estimated_ns > 1000 AS is_slow FROM game.explain_system('regress_compiler.s');
SELECT compiled('UPDATE health SET hp = 1; UPDATE aim SET range = sin(range)');
SELECT statement, path, estimated_ns > 0 AS is_something, estimated_ns < 100 AS is_fast,
    estimated_ns > 5 * lag(estimated_ns) OVER (ORDER BY statement) AS is_slower FROM game.explain_system('regress_compiler.s');
\echo -- Played: a domain is asked before the next value is computed; a system that failed leaves nothing open
DROP PROCEDURE s();
CREATE PROCEDURE first() BEGIN ATOMIC UPDATE health SET share = 101, part = 1 / (hp - hp); END;
CREATE PROCEDURE second() BEGIN ATOMIC UPDATE health SET hp = hp / (hp - hp); SELECT 1; END;
CREATE PROCEDURE third() BEGIN ATOMIC
    INSERT INTO frozen (entity, until) SELECT entity, 1 FROM health; UPDATE frozen SET until = 2; SELECT 1; END;
CREATE PROCEDURE fourth() BEGIN ATOMIC
    UPDATE health h SET hp = 1 FROM frozen f LEFT JOIN velocity v ON v.entity = f.entity
    WHERE f.entity = h.entity AND v.entity IN (SELECT entity FROM frozen);
    UPDATE health SET most = most + hp; END;
SELECT game.create_system('regress_compiler.' || name) FROM unnest('{first,second,third,fourth}'::text[]) AS name;
SELECT game.create_world('compiled', game => 'regress_compiler', seed => 1) AS w \gset
SELECT count(*) FROM (SELECT game.spawn_many(:w, 2)) AS s;
INSERT INTO health (world, entity, hp, most) SELECT :w, e, 10, 10 + e FROM generate_series(1, 2) AS e;
SELECT game.step_world(:w, 1);
SELECT system, sqlstate, message FROM game.system_error WHERE world = :w ORDER BY system;
SELECT entity, hp, most FROM health WHERE world = :w ORDER BY entity;
SELECT entity, until FROM frozen WHERE world = :w ORDER BY entity;
SELECT game.drop_world(:w);
SELECT game.drop_system('regress_compiler.' || name) FROM unnest('{first,second,third,fourth}'::text[]) AS name;
\echo -- Entities that come and go: what a kernel does before is undone when a call fails; systems behind it see them
SELECT game.create_template('regress_compiler.orc', '{"position": {"y": 5}, "health": {"hp": 3, "title": "orc"}}');
CREATE PROCEDURE making() BEGIN ATOMIC
    UPDATE frozen SET until = until + 1;
    SELECT game.spawn('orc', jsonb_build_object('position', jsonb_build_object('x', f.entity::real), 'health', jsonb_build_object('hp', f.until - 1)))
    FROM frozen f WHERE f.until % 2 <> 0; END;
CREATE PROCEDURE marking() BEGIN ATOMIC INSERT INTO marked (entity) SELECT entity FROM position ON CONFLICT DO NOTHING; END;
CREATE PROCEDURE removing() BEGIN ATOMIC SELECT game.despawn(h.entity) FROM health h WHERE h.hp = 1; END;
SELECT name, path FROM unnest('{making,marking,removing}'::text[]) AS name, game.explain_system('regress_compiler.' || name);
SELECT game.create_system('regress_compiler.making'), game.create_system('regress_compiler.marking', after => '{making}'), game.create_system('regress_compiler.removing', after => '{marking}');
SELECT game.create_world('calling', game => 'regress_compiler', seed => 1) AS w \gset
SELECT count(*) FROM (SELECT game.spawn_many(:w, 2)) AS s;
INSERT INTO frozen (world, entity, until) SELECT :w, e, e FROM generate_series(1, 2) AS e;
SELECT game.step_world(:w, 3);
SELECT p.entity, p.x, p.y, h.hp, h.title, EXISTS (SELECT FROM marked m WHERE m.world = p.world AND m.entity = p.entity) AS marked
FROM position p JOIN health h USING (world, entity) WHERE p.world = :w ORDER BY p.entity;
SELECT entity, until FROM frozen WHERE world = :w ORDER BY entity;
UPDATE frozen SET until = -4 WHERE world = :w;
SELECT game.step_world(:w, 2);
SELECT system, sqlstate, message, statement, count FROM game.system_error WHERE world = :w;
SELECT entity, until FROM frozen WHERE world = :w ORDER BY entity;
SELECT system, path FROM game.pg_stat_gamelan_systems WHERE world = :w ORDER BY system;
SELECT game.drop_world(:w);
SELECT game.drop_system('regress_compiler.' || name) FROM unnest('{removing,marking,making}'::text[]) AS name;
\echo -- Triggers, heirs, rules
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER t BEFORE UPDATE ON position FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT compiled('UPDATE position SET x = 1; DELETE FROM position');
CREATE FOREIGN TABLE colder () INHERITS (frozen) SERVER gamelan;
SELECT compiled('UPDATE frozen SET until = 1');
\pset tuples_only off
\pset format aligned
RESET search_path;
SELECT game.drop_game('regress_compiler');
REVOKE USAGE ON SCHEMA game FROM regress_stranger;
DROP ROLE regress_stranger;
