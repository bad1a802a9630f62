-- Tables of events: ordinary tables that inherit from game.event_row, written by systems and actions.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT game.create_game('regress_news');
CREATE FOREIGN TABLE regress_news.health (hp int NOT NULL DEFAULT 3) INHERITS (game.component) SERVER gamelan;
CREATE TABLE regress_news.death (hp int) INHERITS (game.event_row);
CREATE INDEX ON regress_news.death (world, tick);
CREATE TABLE regress_news.word (id bigint GENERATED ALWAYS AS IDENTITY, actor text DEFAULT game.actor(), words text CHECK (words <> '')) INHERITS (game.event_row);
\d regress_news.word
CREATE PROCEDURE regress_news.ageing() LANGUAGE sql BEGIN ATOMIC UPDATE regress_news.health SET hp = hp - 1; END;
CREATE PROCEDURE regress_news.dying() LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO regress_news.death (entity, hp) SELECT entity, hp FROM regress_news.health WHERE hp <= 0;
    DELETE FROM regress_news.health WHERE hp <= 0;
END;
-- Tells of something, and then fails: nothing was told.
CREATE PROCEDURE regress_news.failing() LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO regress_news.word (words) VALUES ('lost');
    INSERT INTO regress_news.word (words) VALUES ('');
END;
CREATE FUNCTION regress_news.say(words text) RETURNS bigint LANGUAGE sql
BEGIN ATOMIC INSERT INTO regress_news.word (words) VALUES (words) RETURNING tick; END;
SELECT game.create_system('regress_news.ageing'), game.create_system('regress_news.dying', phase => 'output'), game.create_system('regress_news.failing');
SELECT game.create_action('regress_news.say');
SELECT game.create_world('news', 'regress_news', seed => 1) AS w \gset
SELECT game.create_world('other news', 'regress_news', seed => 1) AS other \gset
BEGIN;
SELECT count(game.spawn(:w, overrides => '{"health": {}}')) FROM generate_series(1, 2);
SELECT game.spawn(:other, overrides => '{"health": {"hp": 1}}') > 0 AS made;
COMMIT;
SELECT game.step_world(:w, 4), game.step_world(:other, 2);
SELECT world = :w AS is_here, world = :other AS is_there, tick, entity, hp, created_at > now() - interval '10 min' AS is_new
FROM regress_news.death ORDER BY world, tick, entity;
SELECT count(*) FROM regress_news.health WHERE world IN (:w, :other);
SELECT count(*) FROM regress_news.word;
SELECT system, sqlstate, message, count FROM game.system_error WHERE world = :w;
SELECT game.drop_system('regress_news.failing');
SELECT game.start_world(:w);
CALL wait_until('SELECT state = ''running'' FROM game.world WHERE name = ''news''');
SELECT game.call(:w, 'say', '{"words": "hello"}')::bigint AS said \gset
SELECT words, tick = :said AS is_of_that_tick, world = :w AS is_here, actor = current_user AS is_mine, entity FROM regress_news.word;
SELECT outcome(format('SELECT game.call(%s, ''say'', ''{"words": ""}'')', :w)) ~ 'violates check constraint' AS is_refused;
SELECT count(*) FROM regress_news.word;
-- All that happened in any game, and nothing of its own.
SELECT tableoid::regclass, count(*) FROM game.event_row GROUP BY 1 ORDER BY 1;
SELECT outcome('INSERT INTO game.event_row (world, tick) VALUES (1, 1)') ~ 'rows_are_in_tables_that_inherit' AS is_refused;
-- They are history: they stay when the world goes.
SELECT game.drop_world(:w), game.drop_world(:other);
CALL wait_until('SELECT count(*) = 0 FROM game.dropped_world');
SELECT count(*) FROM game.event_row;
SELECT count(*) FROM game.system_error;
-- Makers of games may inherit from it.
CREATE ROLE regress_gamelan_maker IN ROLE gamelan_admin;
GRANT CREATE ON DATABASE :"DBNAME" TO regress_gamelan_maker;
SET ROLE regress_gamelan_maker;
SELECT game.create_game('regress_made');
CREATE TABLE regress_made.noise (loud int) INHERITS (game.event_row);
SELECT outcome('DELETE FROM game.event_row');
RESET ROLE;
SELECT game.drop_game('regress_news'), game.drop_game('regress_made');
REVOKE CREATE ON DATABASE :"DBNAME" FROM regress_gamelan_maker;
DROP ROLE regress_gamelan_maker;
