-- game.call on a running world: results, and every way to be refused, each with its SQLSTATE and what to do about it.
SELECT game.create_world('calls', 'hexfactory', seed => 5, tick_rate => 240, config => '{"frequency": 4, "max_players": 2}') AS w,
       game.create_world('elsewhere', 'hexfactory', seed => 5, config => '{"frequency": 4}') AS elsewhere \gset
-- A world that stands still: a call would wait for ever.
SELECT game.state_hash(:w) IS NOT NULL AS is_loaded, game.state_hash(:elsewhere) IS NOT NULL AS is_loaded;
SELECT regexp_replace(outcome(format('SELECT game.call(%s, ''join'', ''{"name": "Ada"}'')', :w)), 'world \d+', 'world N');
SELECT game.start_world(:w);
CALL wait_until('SELECT state = ''running'' FROM game.world WHERE name = ''calls''');
-- Cells that are sure to hold nothing or something are made so below; ids hold the world's number and are not shown.
SELECT cell AS c0 FROM game.cells(:w) WHERE slot = 0 \gset
SELECT cell AS c1 FROM game.cells(:w) WHERE slot = 1 \gset
SELECT cell AS foreign_cell FROM game.cells(:elsewhere) WHERE slot = 0 \gset
CREATE FUNCTION act(action text, args jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    world bigint := (SELECT id FROM game.world WHERE name = 'calls');
BEGIN
    RETURN regexp_replace(regexp_replace(
        outcome(format('SELECT game.call(%s, %L, %L)', world, action, args)), '\d{15,}', 'ID', 'g'), '(names|is) world \d+', '\1 world N', 'g');
END
$$;
CREATE FUNCTION at_cell(cell bigint, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('cell', cell::text) || more
$$;

-- What can be seen to be wrong before a tick.
SELECT act('fly');
SELECT act('');
SELECT act('JOIN', '{"name": "Ada"}');
SELECT act('join');
SELECT act('join', '{"name": 7}');
SELECT act('join', '{"name": null}');
SELECT act('join', '{"name": ["Ada"]}');
SELECT act('join', '{"name": "Ada", "rank": 1}');
SELECT act('join', '[]');
SELECT act('claim', '{"cell": 1.5}');
SELECT act('claim', '{"cell": "seven"}');
SELECT act('claim', '{"cell": true}');
SELECT act('claim', '{"cell": 99999999999999999999}');
SELECT act('plant', at_cell(:c0));
SELECT regexp_replace(act('join', jsonb_build_object('name', repeat('x', 5000))), '\d+ bytes, \d+', 'M bytes, N');
SELECT game.call(:w, NULL) IS NULL AS null_action, game.call(:w, 'join', NULL) IS NULL AS null_arguments;

-- What the world's rules refuse.
SELECT act('claim', at_cell(:c0));
SELECT act('plant', at_cell(:c0, '{"resource": 1}'));
SELECT act('harvest', at_cell(:c0));
SELECT act('join', '{"name": ""}');
SELECT act('join', '{"name": " Ada"}');
SELECT act('join', '{"name": "Ada "}');
SELECT act('join', '{"name": "A\tda"}');
SELECT act('join', jsonb_build_object('name', repeat('x', 33)));
SELECT act('claim', '{"cell": 0}');
-- None of these made a player.
SELECT count(*) FROM game.players(:w);

SELECT game.call(:w, 'join', '{"name": "Ada"}');
SELECT game.call(:w, 'join', jsonb_build_object('name', repeat('é', 16)));
SELECT game.call(:w, 'join', '{"name": "Ada"}');
SELECT act('claim', '{"cell": 0}');
SELECT act('claim', '{"cell": -1}');
SELECT act('claim', at_cell(:foreign_cell));
SELECT act('claim', at_cell(:c0 + (1::bigint << 44)));
SELECT act('claim', at_cell(:c0 + 4));
SELECT act('plant', at_cell(:c0, '{"resource": 1}'));
SELECT act('harvest', at_cell(:c0));
SELECT game.call(:w, 'claim', at_cell(:c0)) - 'cell' AS claimed;
-- A cell's id may come as a number too.
SELECT game.call(:w, 'claim', jsonb_build_object('cell', :c1)) ->> 'cell' = :'c1' AS is_the_cell;
SELECT act('claim', at_cell(:c0));
SELECT act('plant', at_cell(:c0, '{"resource": 0}'));
SELECT act('plant', at_cell(:c0, '{"resource": 4}'));
SELECT game.call(:w, 'plant', at_cell(:c0, '{"resource": 2}')) - 'cell' AS planted;

CREATE ROLE regress_gamelan_grace IN ROLE gamelan_player;
CREATE ROLE regress_gamelan_third IN ROLE gamelan_player;
GRANT EXECUTE ON FUNCTION act, outcome, at_cell TO PUBLIC;
SET ROLE regress_gamelan_grace;
SELECT act('join', '{"name": "Ada"}');
SELECT game.call(:w, 'join', '{"name": "Grace"}');
SELECT act('claim', at_cell(:c0));
SELECT act('plant', at_cell(:c0, '{"resource": 1}'));
SELECT act('harvest', at_cell(:c0));
SET ROLE regress_gamelan_third;
SELECT act('join', '{"name": "Third"}');
RESET ROLE;
SELECT player, name, actor = current_user AS is_me, claims, score FROM game.players(:w);

-- Nothing to harvest: a void cell, found in a world that stands still, so that nothing grows there meanwhile.
SELECT game.enqueue(:elsewhere, 'join', '{"name": "Ada"}') > 0 AS queued;
SELECT game.step_world(:elsewhere);
SELECT cell AS void FROM game.cells(:elsewhere) WHERE resource = 0 ORDER BY slot LIMIT 1 \gset
SELECT game.enqueue(:elsewhere, 'claim', at_cell(:void)) > 0 AND game.enqueue(:elsewhere, 'harvest', at_cell(:void)) > 0 AS queued;
SELECT game.step_world(:elsewhere);
SELECT action, sqlstate, message, detail, hint FROM game.conflict WHERE world = :elsewhere;
-- A harvest takes three quarters and scores as much.
SELECT game.enqueue(:elsewhere, 'plant', at_cell(:void, '{"resource": 3}')) > 0 AND game.enqueue(:elsewhere, 'harvest', at_cell(:void)) > 0 AS queued;
SELECT game.step_world(:elsewhere);
SELECT kind, payload - 'cell' AS payload FROM game.event WHERE world = :elsewhere ORDER BY tick, ordinal;
SELECT player, claims, score FROM game.players(:elsewhere);

-- A call is not undone by ROLLBACK: its tick has gone by, and others have seen it.
BEGIN;
SELECT game.call(:w, 'join', '{"name": "Ada the Second"}') ->> 'name' AS name;
ROLLBACK;
SELECT name FROM game.players(:w) WHERE player = 1;

-- What happened is told in game.event, in order; what was refused is not.
SELECT kind, payload - 'cell' AS payload FROM game.event WHERE world = :w ORDER BY tick, ordinal;

-- Batches, for gateways: one row an act; the repeat of a sequence number is not applied again.
SELECT ordinal, tick > 0 AS has_tick, result, sqlstate, message, detail, hint
FROM game.calls(:w, '{guest:1, regress_gamelan_grace, guest:1}', '{join, join, fly}',
                ARRAY['{"name": "Eve"}', '{"name": "Grace Hopper"}', '{}']::jsonb[], '{1, 7, NULL}');
SELECT ordinal, tick > 0 AS has_tick, result, sqlstate, message
FROM game.calls(:w, '{regress_gamelan_grace, regress_gamelan_grace}', '{join, join}',
                ARRAY['{"name": "Not Grace"}', '{"name": "Amazing Grace"}']::jsonb[], '{7, 8}');
SELECT name FROM game.players(:w) WHERE actor = 'regress_gamelan_grace';
SELECT * FROM game.calls(:w, '{}', '{}', '{}', '{}');
SELECT outcome(format($$SELECT * FROM game.calls(%s, '{a}', '{}', '{}', '{}')$$, :w));
SELECT outcome(format($$SELECT * FROM game.calls(%s, '{a}', '{NULL}', '{NULL}', '{1}')$$, :w));
SELECT ordinal, sqlstate, message FROM game.calls(:w, ARRAY['', repeat('x', 65)], '{join, join}',
                ARRAY['{"name": "a"}', '{"name": "a"}']::jsonb[], '{1, 1}');

-- What a client may learn about the world.
SELECT jsonb_pretty(game.describe(:w));

SELECT game.drop_world(id) FROM game.world ORDER BY id;
CALL wait_until('SELECT count(*) = 0 FROM game.world');
DROP ROLE regress_gamelan_grace, regress_gamelan_third;
DROP FUNCTION act;
