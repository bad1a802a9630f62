-- What docs/systems.md and docs/actions.md show does what they say.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
SELECT game.create_game('arena');
CREATE FOREIGN TABLE arena.position (x real NOT NULL DEFAULT 0, y real NOT NULL DEFAULT 0) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE arena.velocity (dx real NOT NULL DEFAULT 0, dy real NOT NULL DEFAULT 0) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE arena.health (hp real NOT NULL DEFAULT 100) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE arena.score (deaths int NOT NULL DEFAULT 0) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE arena.soldier (name text) INHERITS (game.component) SERVER gamelan;

CREATE PROCEDURE arena.movement() LANGUAGE sql
BEGIN ATOMIC
    UPDATE arena.position AS p SET x = p.x + v.dx * game.dt(), y = p.y + v.dy * game.dt()
    FROM arena.velocity AS v WHERE v.entity = p.entity;
END;
SELECT game.create_system('arena.movement');

CREATE PROCEDURE arena.count_deaths() LANGUAGE sql
BEGIN ATOMIC
    UPDATE arena.score SET deaths = deaths + (SELECT count(*) FROM game.observed());
END;
SELECT game.create_system('arena.count_deaths', run_on => 'destroy', components => '{health}');

SELECT game.create_boundary('arena.position', '{x,y}', low => '{0,0}', high => '{1000,500}', mode => 'bounce',
                            velocity => 'arena.velocity', velocity_columns => '{dx,dy}');
CREATE TABLE arena.shot (target bigint, damage int) INHERITS (game.event_row);

CREATE FUNCTION arena.fire(target bigint, power real DEFAULT 1) RETURNS jsonb LANGUAGE sql
BEGIN ATOMIC
    UPDATE arena.health SET hp = hp - 10 * power WHERE entity = target
    RETURNING jsonb_build_object('left', hp);
END;
REVOKE EXECUTE ON FUNCTION arena.fire FROM PUBLIC;
GRANT EXECUTE ON FUNCTION arena.fire TO gamelan_player;

CREATE FUNCTION arena.may_fire(actor text, power real) RETURNS boolean LANGUAGE sql
RETURN power <= 3 AND EXISTS (SELECT FROM arena.soldier AS s WHERE s.name = actor);

SELECT game.create_action('arena.fire', cooldown => '500 ms', policy => 'may_fire');

CREATE ROLE regress_gamelan_soldier IN ROLE gamelan_player;
CREATE ROLE regress_gamelan_civilian IN ROLE gamelan_player;
SELECT game.create_world('manual', 'arena', seed => 1) AS w \gset
SELECT game.spawn(:w, overrides => '{"position": {"x": 999}, "velocity": {"dx": 40, "dy": 10}, "health": {}, "soldier": {"name": "regress_gamelan_soldier"}}') AS soldier \gset
SELECT game.spawn(:w, overrides => '{"health": {}, "score": {}}') AS other \gset
SELECT game.step_world(:w);
SELECT x, y, dx, dy FROM arena.position JOIN arena.velocity USING (world, entity) WHERE world = :w;
SELECT game.set_time_scale(:w, 10);
SELECT game.step_world(:w);
SELECT x, y FROM arena.position WHERE world = :w;

SELECT game.start_world(:w);
CALL wait_until('SELECT state = ''running'' FROM game.world WHERE name = ''manual''');
SET ROLE regress_gamelan_soldier;
SELECT game.call(:w, 'fire', jsonb_build_object('target', :'other', 'power', 2));
SET ROLE regress_gamelan_civilian;
SELECT game.call(:w, 'fire', jsonb_build_object('target', :'other'));
RESET ROLE;
DELETE FROM arena.health WHERE world = :w AND entity = :other;
SELECT game.sync(:w) > 2 AS synced;
SELECT deaths FROM arena.score WHERE world = :w;
SELECT count(*) FROM game.system_error WHERE world = :w;
SELECT game.describe(:w);
SELECT severity, object, message FROM game.lint('arena') WHERE severity <> 'info';
SELECT game.drop_world(:w);
SELECT game.drop_game('arena');
DROP ROLE regress_gamelan_soldier, regress_gamelan_civilian;
