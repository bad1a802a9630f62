-- Actions that update rows by their handle run without the executor. Oracle: the same functions over heap tables. Every
-- result, every error, and all rows at the end are the same.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT game.create_game('regress_point');
CREATE SCHEMA regress_heap;
CREATE DOMAIN regress_point.short AS text CHECK (length(VALUE) < 8);
CREATE TYPE regress_point.mood AS ENUM ('calm', 'angry');
CREATE FOREIGN TABLE regress_point.account (
    balance bigint NOT NULL DEFAULT 100 CHECK (balance >= 0), x int DEFAULT 1, y int DEFAULT 2, name text DEFAULT 'n',
    note regress_point.short, rate numeric NOT NULL DEFAULT 1.5, mood regress_point.mood DEFAULT 'calm', tags text[],
    span interval, mark uuid, CONSTRAINT account_together CHECK (x + y < 1000)) INHERITS (game.component) SERVER gamelan;
CREATE TABLE regress_heap.account (entity bigint PRIMARY KEY,
    balance bigint NOT NULL DEFAULT 100 CHECK (balance >= 0), x int DEFAULT 1, y int DEFAULT 2, name text DEFAULT 'n',
    note regress_point.short, rate numeric NOT NULL DEFAULT 1.5, mood regress_point.mood DEFAULT 'calm', tags text[],
    span interval, mark uuid, CONSTRAINT account_together CHECK (x + y < 1000));
CREATE FOREIGN TABLE regress_point.field (grass int NOT NULL DEFAULT 3) INHERITS (game.cell) SERVER gamelan;

CREATE TABLE regress_heap.body (name text, statements text);
INSERT INTO regress_heap.body VALUES
    ('pay', 'UPDATE @.account SET balance = balance - n WHERE entity = e'),
    ('pay_if', 'UPDATE @.account SET balance = balance - n WHERE entity = e AND balance >= n'),
    ('pay_twice', 'UPDATE @.account SET balance = balance - n WHERE entity = e; UPDATE @.account SET balance = balance - n WHERE e = entity'),
    ('divide', 'UPDATE @.account SET balance = 100 / n WHERE entity = e'),
    ('or_null', 'UPDATE @.account SET balance = nullif(n, 5) WHERE entity = e'),
    ('swap', 'UPDATE @.account SET x = y, y = x WHERE entity = e'),
    ('grow', 'UPDATE @.account SET x = x + n * 100, name = name || n WHERE entity = e'),
    ('call', 'UPDATE @.account SET name = upper(left(t, 3)), note = t WHERE entity = e AND name IS NOT NULL'),
    ('forget', 'UPDATE @.account SET name = NULL, tags = NULL, span = NULL WHERE entity = e'),
    ('rates', 'UPDATE @.account SET rate = rate * 1.25 + n, mood = CASE WHEN n > 3 THEN ''angry'' ELSE ''calm'' END::regress_point.mood WHERE entity = e'),
    ('tags', 'UPDATE @.account SET tags = array_append(tags, t), span = make_interval(days => n), mark = md5(t)::uuid WHERE entity = e AND mood = ''calm'''),
    ('first_tag', 'UPDATE @.account SET tags[1] = t WHERE entity = e'),
    ('tell', 'UPDATE @.account SET balance = balance + n WHERE entity = e RETURNING (balance - 90)::int'),
    ('tell_name', 'UPDATE @.account SET name = t WHERE entity = e AND n > 2 RETURNING length(name)'),
    ('by_none', 'UPDATE @.account SET x = 0 WHERE entity = nullif(e, e)'),
    ('all_rows', 'UPDATE @.account SET x = x + 1 WHERE x < 5'),
    ('whole_row', 'UPDATE @.account SET name = (account.x, account.y)::text WHERE entity = e');
SELECT format('CREATE FUNCTION %s.%s(e bigint, n int, t text) RETURNS int LANGUAGE sql BEGIN ATOMIC %s; END',
              s, name, replace(statements, '@', s) || CASE WHEN statements ~ 'RETURNING' THEN '' ELSE '; SELECT n' END)
FROM regress_heap.body, unnest(ARRAY['regress_point', 'regress_heap']) AS s \gexec
SELECT count(game.create_action('regress_point.' || name)) FROM regress_heap.body;
SELECT game.create_world('point', 'regress_point', tick_rate => 240, config => '{"n": 4}') AS w \gset
SELECT game.start_world(:w);
INSERT INTO regress_point.account (world, entity) SELECT :w, game.spawn(:w) FROM generate_series(1, 8);
SELECT game.sync(:w) > 0 AS is_applied;
INSERT INTO regress_heap.account (entity) SELECT entity FROM regress_point.account WHERE world = :w;

CREATE FUNCTION pg_temp.outcome(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found_code text;
    found_message text;
    answer text;
BEGIN
    EXECUTE command INTO answer;
    RETURN answer;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS found_code = RETURNED_SQLSTATE, found_message = MESSAGE_TEXT;
    RETURN found_code || ' ' || found_message;
END
$$;
-- Numbers that look random, and are the same each time.
CREATE TABLE regress_heap.outcome AS
SELECT i, b.name, c.e, c.n, c.t, nullif(pg_temp.outcome(format('SELECT game.call(%s, %L, %L)', :w, b.name,
           jsonb_build_object('e', c.e, 'n', c.n, 't', c.t))), 'null') AS hot,
       pg_temp.outcome(format('SELECT regress_heap.%s(%L, %L, %L)', b.name, c.e, c.n, c.t)) AS heap
FROM generate_series(1, 600) AS i,
     LATERAL (SELECT name FROM regress_heap.body ORDER BY hashint8(i * 7919 + hashtext(name)) LIMIT 1) AS b,
     LATERAL (SELECT (SELECT min(entity) FROM regress_heap.account) + hashint8(i) % 5 + 4 AS e, abs(hashint8(i * 31)) % 8 AS n,
                     repeat('ab', abs(hashint8(i * 17)) % 5) AS t) AS c;
SELECT name, hot, heap FROM regress_heap.outcome WHERE hot IS DISTINCT FROM heap ORDER BY i LIMIT 5;
SELECT count(*) AS calls, count(DISTINCT name) AS actions, count(*) FILTER (WHERE hot ~ '^[0-9A-Z]{5} ') AS errors FROM regress_heap.outcome;
SELECT hot, count(*) FROM regress_heap.outcome WHERE hot ~ '^[0-9A-Z]{5} ' GROUP BY hot ORDER BY hot COLLATE "C";
SELECT count(*) AS differences FROM (
    (SELECT entity, balance, x, y, name, note, rate, mood, tags, span, mark FROM regress_point.account WHERE world = :w
     EXCEPT ALL SELECT * FROM regress_heap.account)
    UNION ALL
    (SELECT * FROM regress_heap.account
     EXCEPT ALL SELECT entity, balance, x, y, name, note, rate, mood, tags, span, mark FROM regress_point.account WHERE world = :w)) AS d;

-- Rights are asked for each time, and columns that come later are seen.
CREATE FUNCTION regress_point.mow(c bigint) RETURNS void LANGUAGE sql BEGIN ATOMIC UPDATE regress_point.field SET grass = grass - 1 WHERE cell = c; END;
SELECT game.create_action('regress_point.mow');
SELECT cell AS c FROM regress_point.field WHERE world = :w ORDER BY cell LIMIT 1 \gset
SELECT game.call(:w, 'mow', format('{"c": %s}', :c)::jsonb);
SELECT game.call(:w, 'mow', '{"c": 12345}');
SELECT grass FROM regress_point.field WHERE world = :w AND cell = :c;
ALTER FOREIGN TABLE regress_point.field ADD CONSTRAINT some_left CHECK (grass > 0);
SELECT pg_temp.outcome(format('SELECT game.call(%s, ''mow'', ''{"c": %s}'')', :w, :c));
SELECT pg_temp.outcome(format('SELECT game.call(%s, ''mow'', ''{"c": %s}'')', :w, :c));
ALTER FOREIGN TABLE regress_point.field DROP CONSTRAINT some_left;
ALTER FOREIGN TABLE regress_point.field RENAME COLUMN grass TO blades;
SELECT pg_temp.outcome(format('SELECT game.call(%s, ''mow'', ''{"c": %s}'')', :w, :c));
SELECT blades FROM regress_point.field WHERE world = :w AND cell = :c;
CREATE ROLE regress_point_poor;
GRANT USAGE ON SCHEMA regress_point TO regress_point_poor;
ALTER FUNCTION regress_point.mow(bigint) OWNER TO regress_point_poor;
SELECT pg_temp.outcome(format('SELECT game.call(%s, ''mow'', ''{"c": %s}'')', :w, :c));
GRANT SELECT, UPDATE ON regress_point.field TO regress_point_poor;
SELECT pg_temp.outcome(format('SELECT game.call(%s, ''mow'', ''{"c": %s}'')', :w, :c));
SELECT what, message FROM game.verify(:w, true) WHERE NOT ok;
SELECT game.drop_world(:w);
SELECT game.drop_game('regress_point');
DROP SCHEMA regress_heap CASCADE;
DROP OWNED BY regress_point_poor;
DROP ROLE regress_point_poor;
