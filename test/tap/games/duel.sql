-- A small game that has a system of every kind: rows of the same entity, of others, of neighbours, of all; rows that come and go;
-- events; an observer; chance; a condition; one that is not compiled; and actions.
SELECT game.create_game('duel');
CREATE FOREIGN TABLE duel.health (hp int NOT NULL DEFAULT 100, armour int NOT NULL DEFAULT 0, CHECK (hp <= 1000)) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE duel.attack (target bigint, damage int NOT NULL DEFAULT 1, ready double precision NOT NULL DEFAULT 0)
    INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE duel.place (x real NOT NULL DEFAULT 0, y real NOT NULL DEFAULT 0, z real NOT NULL DEFAULT 0) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE duel.speed (dx real NOT NULL DEFAULT 0, dy real NOT NULL DEFAULT 0, dz real NOT NULL DEFAULT 0) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE duel.dead (since bigint NOT NULL) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE duel.stats (alive bigint, best int, seen int NOT NULL DEFAULT 0) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE duel.life (alive boolean NOT NULL DEFAULT false, around int NOT NULL DEFAULT 0) INHERITS (game.cell) SERVER gamelan;

CREATE PROCEDURE duel.move() LANGUAGE sql BEGIN ATOMIC
    UPDATE duel.place p SET x = p.x + s.dx * game.dt(), y = p.y + s.dy * game.dt(), z = p.z + s.dz * game.dt()
    FROM duel.speed s WHERE s.entity = p.entity;
END;
CREATE PROCEDURE duel.wind() LANGUAGE sql BEGIN ATOMIC
    UPDATE duel.speed s SET dx = (game.random(s.entity) - 0.5)::real, dy = CASE WHEN s.dy > 1 THEN -s.dy ELSE s.dy END
    WHERE s.entity % 3 = game.tick() % 3;
END;
CREATE PROCEDURE duel.chase() LANGUAGE sql BEGIN ATOMIC
    UPDATE duel.speed s SET dy = (s.dy + sign((t.y - p.y)::float8) * 0.01)::real
    FROM duel.attack a, duel.place p, duel.place t WHERE a.entity = s.entity AND p.entity = s.entity AND t.entity = a.target;
END;
CREATE PROCEDURE duel.wounds() LANGUAGE sql BEGIN ATOMIC
    UPDATE duel.health h SET hp = h.hp - greatest(a.damage - coalesce(h.armour, 0), 0) FROM duel.attack a
    WHERE a.entity = h.entity AND EXISTS (SELECT 1 FROM duel.health t WHERE t.entity = a.target AND t.hp > 0);
END;
CREATE PROCEDURE duel.death() LANGUAGE sql BEGIN ATOMIC
    INSERT INTO duel.dead (entity, since) SELECT h.entity, game.tick() FROM duel.health h
    WHERE h.hp <= 0 AND NOT EXISTS (SELECT 1 FROM duel.dead d WHERE d.entity = h.entity);
    SELECT game.emit('died', d.entity, jsonb_build_object('since', d.since, 'hp', h.hp))
    FROM duel.dead d JOIN duel.health h ON h.entity = d.entity WHERE d.since = game.tick();
END;
CREATE PROCEDURE duel.revive() LANGUAGE sql BEGIN ATOMIC
    UPDATE duel.health h SET hp = 100 + (game.gauss(h.entity) * 10)::int FROM duel.dead d WHERE d.entity = h.entity AND d.since + 5 <= game.tick();
    DELETE FROM duel.dead WHERE since + 5 <= game.tick();
END;
CREATE PROCEDURE duel.count() LANGUAGE sql BEGIN ATOMIC
    UPDATE duel.stats s SET alive = (SELECT count(*) FROM duel.health h WHERE h.hp > 0), best = (SELECT max(h.hp) FROM duel.health h);
END;
CREATE PROCEDURE duel.breed() LANGUAGE sql BEGIN ATOMIC
    UPDATE duel.life c SET around = (SELECT count(*) FROM duel.life k WHERE k.cell IN (SELECT game.neighbors(c.cell)) AND k.alive)::int;
    UPDATE duel.life c SET alive = CASE WHEN c.alive THEN c.around IN (2, 3) ELSE c.around = 2 END;
END;
CREATE PROCEDURE duel.mourn() LANGUAGE sql BEGIN ATOMIC
    UPDATE duel.attack a SET ready = a.ready + game.dt() WHERE a.entity IN (SELECT game.observed());
END;
CREATE PROCEDURE duel.broken() LANGUAGE sql BEGIN ATOMIC
    UPDATE duel.place p SET x = p.x + 1;
    UPDATE duel.health h SET armour = h.armour / (h.entity - 2)::int;
END;
CREATE FOREIGN TABLE duel.ghost (until bigint NOT NULL, weight numeric, owner uuid, kind "char" NOT NULL DEFAULT 'g') INHERITS (game.component) SERVER gamelan;
SELECT game.create_template('duel.ghost', '{"ghost": {"until": 0, "owner": "00000000-0000-0000-0000-000000000001"}, "place": {"z": 1}}');
CREATE PROCEDURE duel.haunt() LANGUAGE sql BEGIN ATOMIC
    SELECT game.spawn('ghost', jsonb_build_object('place', jsonb_build_object('x', p.x, 'y', p.y * 0.5::real), 'ghost', jsonb_build_object('until', game.tick() + 9 + d.entity % 7)))
    FROM duel.dead d JOIN duel.place p ON p.entity = d.entity WHERE d.since = game.tick() AND d.entity % 4 = 0;
END;
CREATE PROCEDURE duel.fade() LANGUAGE sql BEGIN ATOMIC
    UPDATE duel.ghost SET kind = CASE WHEN until % 2 = 0 THEN 'h' ELSE (kind::int % 100 + 20)::"char" END
    WHERE owner = '00000000-0000-0000-0000-000000000001' AND until * 1.5 > (SELECT avg(until) FROM duel.ghost);
    SELECT game.despawn(g.entity) FROM duel.ghost g WHERE g.until <= game.tick();
END;
CREATE PROCEDURE duel.watch() LANGUAGE plpgsql AS $$
BEGIN
    UPDATE stats SET seen = seen + 1 WHERE entity % 2 = 0;
    IF game.tick() % 50 = 0 THEN
        PERFORM game.spawn('man');
    END IF;
    IF game.tick() % 70 = 0 THEN
        PERFORM game.despawn(max(entity)) FROM health;
    END IF;
END
$$;
CREATE FUNCTION duel.is_even() RETURNS boolean LANGUAGE sql RETURN game.tick() % 2 = 0;
CREATE PROCEDURE duel.rarely() LANGUAGE sql BEGIN ATOMIC UPDATE duel.stats SET seen = seen + 100 WHERE entity = 1; END;
CREATE FUNCTION duel.hit(victim bigint, strength int DEFAULT 3) RETURNS int LANGUAGE sql BEGIN ATOMIC
    UPDATE duel.health h SET hp = h.hp - hit.strength WHERE h.entity = hit.victim RETURNING h.hp;
END;

SELECT game.create_system('duel.' || s, priority => i::int)
FROM unnest('{move,wind,chase,wounds,death,haunt,revive,count,breed,fade,broken,watch}'::text[]) WITH ORDINALITY AS u(s, i);
SELECT game.create_system('duel.rarely', wake_when => 'is_even', every_n_ticks => 4);
SELECT game.create_system('duel.mourn', run_on => 'create', components => '{duel.dead}');
SELECT game.create_action('duel.hit');
SELECT game.create_template('duel.man', '{"health": {}, "attack": {"damage": 7, "target": 1}, "place": {}, "speed": {"dx": 2, "dy": 1.5, "dz": 0.1}, "stats": {}}');
SELECT game.create_world('first', game => 'duel', seed => 42, tick_rate => 20, config => '{"n": 2}');
