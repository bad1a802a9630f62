-- DROP EXTENSION takes the worlds with it, from memory too; a new one starts empty.
SELECT game.create_world('last', 'hexfactory', seed => 1, tick_rate => 100, config => '{"frequency": 4}') AS w \gset
SELECT game.start_world(:w);
CALL wait_until('SELECT state = ''running'' AND tick > 3 FROM game.world WHERE name = ''last''');
BEGIN;
DROP EXTENSION gamelan;
ROLLBACK;
SELECT count(*) FROM game.cells(:w);
DROP EXTENSION gamelan;
SELECT count(*) AS relations FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'game');
-- The roles belong to the cluster and stay.
SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname LIKE 'gamelan\_%' ORDER BY rolname;
CREATE EXTENSION gamelan;
SELECT count(*) FROM game.world;
CALL wait_until('SELECT count(*) = 0 FROM game._world_runtime()');
SELECT game.create_world('anew', 'hexfactory', seed => 42, config => '{"frequency": 8}') AS w \gset
CALL wait_until('SELECT memory > 0 FROM game.world');
SELECT game.step_world(:w, 100);
SELECT tick, hash FROM game.state_hash(:w);
SELECT game.drop_world(:w);
CALL wait_until('SELECT count(*) = 0 FROM game._world_runtime()');
DROP EXTENSION gamelan;
DROP FUNCTION outcome, at_cell;
DROP PROCEDURE wait_until;
