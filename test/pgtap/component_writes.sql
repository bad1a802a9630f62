-- Rows of components as SQL writes them: what is refused at once, what a tick refuses, what a transaction sees.
\set QUIET 1
\set ON_ERROR_ROLLBACK 1
\set ON_ERROR_STOP true
\pset format unaligned
\pset tuples_only true
\pset pager off

SET client_min_messages = warning;
SELECT game.create_game('pgtap_writes') \gset
SET search_path = pgtap_writes, public;
CREATE DOMAIN percent AS int CHECK (VALUE BETWEEN 0 AND 100);
CREATE FOREIGN TABLE health (hp int NOT NULL DEFAULT 100 CHECK (hp >= 0), most int NOT NULL DEFAULT 100, morale percent, CONSTRAINT fits CHECK (hp <= most))
    INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE label (name text NOT NULL DEFAULT 'nobody', note text) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE armour (strength int) INHERITS (health) SERVER gamelan;
SELECT game.create_template('pgtap_writes.orc', '{"health": {"hp": 50}, "label": {}}') \gset
SELECT game.create_world('pgtap writes', 'pgtap_writes', tick_rate => 240) AS w \gset
SELECT game.start_world(:w) \gset
CREATE FUNCTION w() RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT id FROM game.world WHERE name = 'pgtap writes' $$;
-- Polls until the world ticks.
CREATE PROCEDURE wait_for_world() LANGUAGE plpgsql AS $$
BEGIN
    FOR attempt IN 1..600 LOOP
        EXIT WHEN EXISTS (SELECT FROM game.world WHERE id = w() AND state = 'running' AND memory > 0);
        COMMIT;
        PERFORM pg_sleep(0.05);
    END LOOP;
END
$$;
CALL wait_for_world();
-- The SQLSTATE of what game.sync raises, or 'applied'.
CREATE FUNCTION outcome() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM game.sync(w());
    RETURN 'applied';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;

SELECT plan(53);

-- Entities.
SELECT game.spawn(:w, 'orc') AS orc \gset
SELECT is(outcome(), 'applied', 'game.sync waits for the tick that applies what is queued');
SELECT results_eq('SELECT entity, hp FROM health', format('VALUES (%s::bigint, 50)', :orc), 'Then a spawned entity is there');
SELECT results_eq(format('SELECT tableoid::regclass::text FROM game.component WHERE world = %s AND entity = %s ORDER BY 1', :w, :orc),
                  $$VALUES ('health'), ('label')$$, 'game.component lists what an entity has');
SELECT results_eq(format('SELECT entity, template FROM game.entity WHERE world = %s', :w), format($$VALUES (%s::bigint, 'orc')$$, :orc),
                  'game.entity lists it with its template');
SELECT game.despawn(:w, :orc) \gset
SELECT is(outcome(), 'applied', 'An entity can be despawned');
SELECT is_empty('SELECT FROM game.component WHERE world = w()', 'and its rows go with it');
SELECT game.spawn(:w, 'orc') AS heir \gset
SELECT is(outcome(), 'applied', 'Another is spawned');
SELECT is(:heir & 4294967295, :orc & 4294967295, 'It has the slot of the first');
SELECT isnt(:heir, :orc::bigint, 'and another handle');
SELECT throws_ok(format('INSERT INTO label (world, entity) VALUES (%s, %s)', :w, :orc), 'WG020', NULL, 'A stale handle is refused by INSERT');
SELECT throws_ok(format('SELECT game.despawn(%s, %s)', :w, :orc), 'WG020', NULL, 'by game.despawn');
SELECT throws_ok(format($$SELECT game.put(%s, %s, 'label', '{"name": "x"}')$$, :w, :orc), 'WG020', NULL, 'and by game.put');
SELECT is_empty(format('SELECT FROM label WHERE entity = %s', :orc), 'It is never another entity to SELECT');
SELECT is_empty(format('UPDATE label SET name = ''x'' WHERE entity = %s RETURNING 1', :orc), 'nor to UPDATE');
SELECT throws_ok('INSERT INTO label (world, entity) VALUES (w(), 0)', 'WG020', NULL, 'No entity has the handle 0');
SELECT throws_ok(format('INSERT INTO label (world, entity) VALUES (0, %s)', :heir), 'WG001', NULL, 'A world must exist');

-- Constraints, on every path.
SELECT throws_ok(format('INSERT INTO armour (world, entity, hp) VALUES (%s, %s, -1)', :w, :heir), '23514', NULL, 'INSERT checks a CHECK that is inherited');
SELECT throws_ok('UPDATE health SET hp = -1', '23514', NULL, 'UPDATE checks');
SELECT throws_ok(format($$SELECT game.put(%s, %s, 'health', '{"hp": -1}')$$, :w, :heir), '23514', NULL, 'game.put checks');
SELECT throws_ok(format($$SELECT game.update(%s, %s, 'health', '{"hp": -1}', 0)$$, :w, :heir), '23514', NULL, 'game.update checks');
SELECT throws_ok(format($$SELECT game.spawn(%s, 'orc', '{"health": {"hp": -1}}')$$, :w), '23514', NULL, 'game.spawn checks');
SELECT throws_ok('UPDATE health SET hp = NULL', '23502', NULL, 'NOT NULL is checked by UPDATE');
SELECT throws_ok(format($$SELECT game.put(%s, %s, 'label', '{"name": null}')$$, :w, :heir), '23502', NULL, 'and by game.put');
SELECT throws_ok('UPDATE health SET morale = 101', '23514', NULL, 'A domain is checked by UPDATE');
SELECT throws_ok(format($$SELECT game.put(%s, %s, 'health', '{"morale": 101}')$$, :w, :heir), '23514', NULL, 'and by game.put');
SELECT throws_ok(format('INSERT INTO label (world, entity) VALUES (%s, %s)', :w, :heir), '23505', NULL, 'An entity has one row of a component');
SELECT throws_ok('UPDATE health SET entity = 9', '0A000', NULL, 'A row stays its entity''s');
SELECT throws_ok('SELECT * FROM health FOR UPDATE', '0A000', NULL, 'FOR UPDATE is refused');
SELECT is(outcome(), 'applied', 'Nothing of that was queued');

-- A transaction and its own rows.
BEGIN;
UPDATE health SET hp = 40;
UPDATE health SET morale = 7;
UPDATE label SET name = 'x', note = 'y' RETURNING name, note \gset
SELECT is(:'name' || :'note', 'xy', 'RETURNING gives what will be');
SAVEPOINT s;
UPDATE label SET name = 'forgotten';
ROLLBACK TO s;
DELETE FROM label;
INSERT INTO label (world, entity, note) VALUES (:w, :heir, 'again');
SELECT is((SELECT hp FROM health), 50, 'A statement sees the last published tick, not what its transaction has queued');
SELECT throws_ok(format('INSERT INTO label (world, entity) VALUES (%s, %s)', :w, :heir), '23505', NULL, 'but a row that it has inserted is there');
COMMIT;
SELECT is(outcome(), 'applied', 'Statements that write different columns of a row get along');
SELECT results_eq('SELECT hp, morale::int, name, note FROM health JOIN label USING (world, entity)', $$VALUES (40, 7, 'nobody', 'again')$$,
                  'What was rolled back to a savepoint is not applied, the rest is');

-- What a tick refuses.
BEGIN;
UPDATE label SET note = 'one of two';
UPDATE health SET hp = hp - 1;
UPDATE health SET hp = hp - 1;
COMMIT;
SELECT is(outcome(), '40001', 'A row that has changed since the statement read it is refused, and game.sync raises that');
SELECT results_eq('SELECT hp, note FROM health JOIN label USING (world, entity)', $$VALUES (40, 'again')$$, 'Nothing of the transaction was applied');
SELECT is((SELECT count(*) FROM game.conflict WHERE world = :w AND sqlstate = '40001'), 1::bigint, 'It is in game.conflict');
BEGIN;
UPDATE health SET most = 40;
UPDATE health SET hp = 60;
COMMIT;
SELECT is(outcome(), '40001', 'Columns that a CHECK ties together are not changed behind each other''s back');
SELECT results_eq('SELECT hp, most FROM health', 'VALUES (40, 100)', 'so it holds');

-- A join may name a row twice.
SELECT results_eq('UPDATE health SET hp = 41 FROM generate_series(1, 3) RETURNING hp', 'VALUES (41)', 'UPDATE changes a row once, however often its join names it');
SELECT is(outcome(), 'applied', 'and the tick takes it');
SELECT results_eq('DELETE FROM label USING generate_series(1, 3) RETURNING note', $$VALUES ('again')$$, 'DELETE likewise');
SELECT is(outcome(), 'applied', 'and the tick takes it');

-- The guarded update.
SELECT game.version(:w, :heir, 'health') AS version \gset
SELECT throws_ok(format($$SELECT game.update(%s, %s, 'health', '{"hp": 1}', %s)$$, :w, :heir, :version - 1), '40001', NULL, 'game.update refuses a stale version');
SELECT is((SELECT hp FROM health), 41, 'and nothing changes');
SELECT lives_ok(format($$SELECT game.update(%s, %s, 'health', '{"hp": 1}', %s)$$, :w, :heir, :version), 'It takes the right one');
SELECT is((SELECT hp FROM health), 1, 'and the row is changed when it returns');

-- One tick for a transaction.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT hp AS before FROM health \gset
SELECT game.update(:w, :heir, 'health', '{"hp": 2}', game.version(:w, :heir, 'health')) \gset
SELECT is((SELECT hp FROM health), :before, 'REPEATABLE READ sees one tick to its end');
COMMIT;
SELECT is((SELECT hp FROM health), 2, 'the next transaction sees the newest');

-- Rights.
CREATE ROLE pgtap_reader IN ROLE gamelan_player;
GRANT USAGE ON SCHEMA pgtap_writes TO pgtap_reader;
-- Each of two puts satisfies a CHECK over two columns, both together would not. In one transaction, so that no tick comes between.
SELECT game.spawn(:w) AS checked \gset
INSERT INTO health (world, entity, hp, most) VALUES (:w, :checked, 10, 100);
SELECT game.step_world(:w) \gset
BEGIN;
SELECT game.put(:w, :checked, 'health', '{"hp": 90}') \gset
SELECT game.put(:w, :checked, 'health', '{"most": 50}') \gset
COMMIT;
SELECT game.step_world(:w) \gset
SELECT throws_ok(format('SELECT game.sync(%s)', :w), '40001', NULL, 'Two puts cannot break a CHECK together');
SELECT results_eq(format('SELECT hp, most FROM health WHERE world = %s AND entity = %s', :w, :checked), 'VALUES (10, 100)', 'and neither is applied');

GRANT SELECT ON label TO pgtap_reader;
SET ROLE pgtap_reader;
SELECT throws_ok(format('INSERT INTO label (world, entity) VALUES (%s, %s)', :w, :heir), '42501', NULL, 'A role without INSERT cannot insert');
SELECT throws_ok('SELECT * FROM health', '42501', NULL, 'nor read without SELECT');
RESET ROLE;

SELECT * FROM finish();
SELECT game.drop_world(:w) \gset
SET search_path = public;
DROP OWNED BY pgtap_reader;
DROP ROLE pgtap_reader;
SELECT game.drop_game('pgtap_writes') \gset
