-- One world as one value: exported, imported, damaged.
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.outcome(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN 'nothing';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ': ' || regexp_replace(sqlerrm, 'world \d+', 'world W');
END
$$;
SELECT game.create_game('regress_cargo');
CREATE FOREIGN TABLE regress_cargo.crate (x int NOT NULL DEFAULT 0, label text, home bigint) INHERITS (game.component) SERVER gamelan;
CREATE FOREIGN TABLE regress_cargo.sea (depth int NOT NULL DEFAULT 5) INHERITS (game.cell) SERVER gamelan;
CREATE PROCEDURE regress_cargo.drift() LANGUAGE sql BEGIN ATOMIC UPDATE regress_cargo.crate SET x = x + 1; END;
CREATE PROCEDURE regress_cargo.sink() LANGUAGE sql BEGIN ATOMIC UPDATE regress_cargo.crate SET x = 0; END;
SELECT game.create_system('regress_cargo.drift');
SELECT game.create_system('regress_cargo.sink');
SELECT game.create_world('cargo', 'regress_cargo', seed => 5, tick_rate => 30, config => '{"n": 4}') AS w \gset
SELECT game.disable_system(:w, 'sink');
SELECT game.set_time_scale(:w, 2);
SELECT game.set_checkpoints(:w, strategy => 'hybrid', every_ticks => 500);
SELECT game.step_world(:w);
SELECT cell AS harbour FROM regress_cargo.sea WHERE world = :w ORDER BY cell LIMIT 1 \gset
INSERT INTO regress_cargo.crate (world, entity, label, home)
SELECT :w, game.spawn(:w), repeat('crate ', i), :harbour FROM generate_series(1, 100) AS i;
UPDATE regress_cargo.sea SET depth = 9 WHERE world = :w AND cell = :harbour;
SELECT game.step_world(:w, 9);
SELECT game.export_world(:w) AS file \gset
SELECT game.step_world(:w, 5);

-- Under another name in the same database: the same tick, the same state, to the bit.
SELECT game.import_world(:'file', 'cargo again') AS v \gset
SELECT game.step_world(:v, 5);
SELECT (game.state_hash(:w)).hash = (game.state_hash(:v)).hash AS is_same, (game.state_hash(:v)).tick;
SELECT game, seed, tick_rate, time_scale, desired_state, first_tick FROM game.world_definition WHERE id = :v;
SELECT name, enabled FROM game.world_system WHERE world = :v;
SELECT strategy, every_ticks FROM game.checkpoint_policy WHERE world = :v;
SELECT count(*), sum(x), count(DISTINCT label), bool_and(home = :harbour) FROM regress_cargo.crate WHERE world = :v;
SELECT depth FROM regress_cargo.sea WHERE world = :v AND cell = :harbour;
-- As of a past tick.
SET gamelan.as_of_tick = 7;
SELECT game.export_world(:w) AS earlier \gset
RESET gamelan.as_of_tick;
SELECT game.import_world(:'earlier', 'cargo of tick 7') AS u \gset
SELECT game.step_world(:u, 8);
SELECT (game.state_hash(:w)).hash = (game.state_hash(:u)).hash AS is_same;
-- Components are those of today.
ALTER FOREIGN TABLE regress_cargo.crate ADD COLUMN weight int NOT NULL DEFAULT 3;
SELECT game.import_world(:'file', 'cargo by new rules') AS t \gset
SELECT game.step_world(:t);
SELECT count(*), sum(weight) FROM regress_cargo.crate WHERE world = :t;
SELECT what, message FROM game.verify(:t, true) WHERE NOT ok;

-- Refused, and nothing is left behind.
SELECT pg_temp.outcome(format('SELECT game.import_world(%L)', :'file'));
SELECT pg_temp.outcome($$SELECT game.import_world('no world file at all')$$);
SELECT pg_temp.outcome(format('SELECT game.import_world(substr(%L::bytea, 1, 500))', :'file'));
SELECT pg_temp.outcome(format('SELECT game.import_world(overlay(%L::bytea PLACING ''\x09'' FROM 4 FOR 1))', :'file'));
-- Every byte counts.
SELECT array_agg(DISTINCT pg_temp.outcome(format('SELECT game.import_world(%L, %L)', set_bit(:'file'::bytea, bit, 1 - get_bit(:'file'::bytea, bit)), 'damaged')))
FROM generate_series(33, 8 * length(:'file'::bytea) - 1, 1009) AS bit;
SELECT count(*) FROM game.world WHERE name = 'damaged';
SELECT pg_temp.outcome('SELECT game.export_world(-1)');
SELECT game.drop_world(w) FROM unnest(ARRAY[:w, :v, :u, :t]::bigint[]) AS w;
SELECT game.drop_game('regress_cargo');
SELECT pg_temp.outcome(format('SELECT game.import_world(%L)', :'file'));
