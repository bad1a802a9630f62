-- Who may do what: PUBLIC nothing; players play; gateways play for others; admins do everything.
SELECT p.oid::regprocedure AS open_to_public
FROM pg_proc AS p CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS acl
WHERE p.pronamespace = 'game'::regnamespace AND acl.grantee = 0
ORDER BY 1;
SELECT c.oid::regclass AS open_to_public
FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS acl
WHERE c.relnamespace = 'game'::regnamespace AND acl.grantee = 0
ORDER BY 1;
SELECT count(*) AS schema_open_to_public
FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS acl
WHERE n.nspname = 'game' AND acl.grantee = 0;

SELECT p.oid::regprocedure AS function,
       has_function_privilege('gamelan_player', p.oid, 'EXECUTE') AS player,
       has_function_privilege('gamelan_gateway', p.oid, 'EXECUTE') AS gateway,
       has_function_privilege('gamelan_admin', p.oid, 'EXECUTE') AS admin
FROM pg_proc AS p WHERE p.pronamespace = 'game'::regnamespace
ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT c.relname,
       has_table_privilege('gamelan_player', c.oid, 'SELECT') AS player,
       has_table_privilege('gamelan_gateway', c.oid, 'SELECT') AS gateway,
       has_table_privilege('gamelan_admin', c.oid, 'SELECT') AS admin
FROM pg_class AS c WHERE c.relnamespace = 'game'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND c.relname !~ '_\d{8}$' -- a partition
ORDER BY c.relname COLLATE "C";
-- Nobody writes to the tables but through the functions.
SELECT c.relname, r.rolname
FROM pg_class AS c, pg_roles AS r
WHERE c.relnamespace = 'game'::regnamespace AND c.relkind IN ('r', 'p', 'v')
  AND r.rolname IN ('gamelan_player', 'gamelan_gateway', 'gamelan_admin')
  AND has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE');

-- The same, tried.
CREATE ROLE regress_gamelan_nobody;
CREATE ROLE regress_gamelan_player IN ROLE gamelan_player;
SELECT game.create_world('privileges', 'hexfactory', seed => 7, tick_rate => 60, config => '{"frequency": 1}') AS world \gset
SELECT game.start_world(:world);
CALL wait_until('SELECT state = ''running'' FROM game.world WHERE name = ''privileges''');

SET ROLE regress_gamelan_nobody;
SELECT game.step_world(:world);
SELECT * FROM game.world;
RESET ROLE;

SET ROLE regress_gamelan_player;
SELECT name, game, state FROM game.world;
SELECT game.call(:world, 'join', '{"name": "Ada"}');
SELECT game.enqueue(:world, 'join', '{"name": "Ada of Hexfactory"}') > 0 AS queued;
SELECT game.sync(:world) > 0 AS applied;
SELECT kind, actor, payload FROM game.event WHERE world = :world ORDER BY tick, ordinal;
SELECT count(*) FROM game.cells(:world);
SELECT length(hash) FROM game.state_hash(:world);
SELECT jsonb_array_length(game.describe(:world) -> 'actions') AS actions;
SELECT game.checkpoint(:world);
SELECT game.drop_world(:world);
SELECT game.create_world('mine', 'hexfactory');
SELECT game.step_world(:world);
SELECT game.pause_world(:world);
SELECT game.set_tick_rate(:world, 1);
SELECT game.calls(:world, '{somebody}', '{join}', '{"{\"name\": \"Eve\"}"}', '{1}');
SELECT game.changes(:world, -1, 0);
SELECT actor FROM game.players(:world);
SELECT * FROM game.tick_log;
SELECT * FROM game.world_definition;
INSERT INTO game.event (world, tick, ordinal, kind, payload) VALUES (1, 1, 0, 'forged', '{}');
DELETE FROM game.inbox;
RESET ROLE;

-- The actor is the current role, also behind SET ROLE.
SELECT name, actor FROM game.players(:world);

SELECT game.drop_world(:world);
DROP ROLE regress_gamelan_nobody, regress_gamelan_player;
