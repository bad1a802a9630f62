-- Reading the published state: whole planets, named cells, discs, chunks.
SELECT game.create_world('frequency ' || n, 'hexfactory', seed => 9, config => jsonb_build_object('frequency', n)) > 0 AS created
FROM unnest(ARRAY[1, 2, 4, 8, 16, 32]) AS n;
SELECT game.create_world('layers', 'hexfactory', seed => 9, config => '{"frequency": 4, "layers": 3}') AS layers \gset
SELECT id AS w FROM game.world WHERE name = 'frequency 16' \gset
SELECT id AS small FROM game.world WHERE name = 'frequency 1' \gset

-- A planet of frequency n has 10 n² + 2 cells, each with an id of its own.
SELECT name, count(*), count(*) = 10 * (config ->> 'frequency')::int ^ 2 + 2 AS as_expected, count(DISTINCT c.cell) AS ids,
       min(c.slot) AS first_slot, max(c.slot) AS last_slot
FROM game.world AS w CROSS JOIN game.cells(w.id) AS c WHERE name LIKE 'frequency%' GROUP BY name, config
ORDER BY count(*);
-- The layers of a planet lie at multiples of its stride.
SELECT c.slot / (w.config ->> 'layer_stride')::int AS layer, count(*), min(c.slot % (w.config ->> 'layer_stride')::int) AS first,
       count(DISTINCT c.cell) AS ids
FROM game.world AS w CROSS JOIN game.cells(w.id) AS c WHERE w.id = :layers GROUP BY 1 ORDER BY 1;
SELECT min(resource), max(resource), min(amount) >= 0 AS no_less, max(amount) <= 255 AS no_more, max(owner) AS owners
FROM game.cells(:w);
SELECT count(*) FILTER (WHERE (resource = 0) <> (amount = 0)) AS void_cells_with_an_amount FROM game.cells(:w);

-- Cells by name come in the order asked for, as often as asked for.
SELECT array_agg(cell ORDER BY slot DESC) AS three FROM game.cells(:w) WHERE slot IN (3, 70, 2000) \gset
SELECT slot FROM game.cells(:w, :'three');
SELECT slot FROM game.cells(:w, :'three'::bigint[] || :'three'::bigint[]);
SELECT count(*) FROM game.cells(:w, '{}');
SELECT count(*) FROM game.cells(:w, NULL);
SELECT split_part(outcome(format($$SELECT game.cells(%s, '{7}')$$, :w)), E'\n', 1);
SELECT outcome(format($$SELECT game.cells(%s, '{NULL}')$$, :w));
SELECT outcome('SELECT game.cells(NULL)');
SELECT regexp_replace(regexp_replace(split_part(outcome(format('SELECT game.cells(%s, ARRAY[(SELECT cell FROM game.cells(%s) LIMIT 1)])', :w, :small)),
    E'\n', 1), '\d{15,}', 'ID'), 'world \d+', 'world N');

-- Discs: 1 + 3 r (r + 1) cells around a hexagon, 1 + 5 r (r + 1) / 2 around one of the twelve pentagons, nearest first.
-- A cell is a pentagon when its disc of radius 1 has six cells.
CREATE TEMP TABLE pentagon AS
    SELECT c.cell, c.slot FROM game.cells(:w) AS c
    WHERE (SELECT count(*) FROM game.cells_in_disc(:w, c.cell, 1)) = 6;
SELECT count(*) AS pentagons FROM pentagon;
SELECT r AS radius, count(*) AS cells, count(*) = 1 + 5 * r * (r + 1) / 2 AS as_expected, count(DISTINCT d.cell) AS ids,
       bool_or(d.cell = p.cell) AS has_its_centre
FROM (SELECT * FROM pentagon ORDER BY slot LIMIT 1) AS p CROSS JOIN generate_series(0, 7) AS r
    CROSS JOIN game.cells_in_disc(:w, p.cell, r) AS d
GROUP BY r ORDER BY r;
-- The pentagons lie 16 steps apart, and the middle of a face is 16 / √3 ≈ 10 from three of them.
SELECT c.cell AS middle FROM game.cells(:w) AS c
WHERE NOT EXISTS (SELECT FROM game.cells_in_disc(:w, c.cell, 7) AS d JOIN pentagon AS p ON p.cell = d.cell)
ORDER BY c.slot LIMIT 1 \gset
SELECT r AS radius, count(*) AS cells, count(*) = 1 + 3 * r * (r + 1) AS as_expected
FROM generate_series(0, 7) AS r CROSS JOIN game.cells_in_disc(:w, :middle, r) GROUP BY r ORDER BY r;
SELECT r AS radius, bool_and(is_inner = (ordinality <= 1 + 3 * r * (r - 1))) AS inner_disc_comes_first
FROM generate_series(1, 4) AS r CROSS JOIN LATERAL (
    SELECT d.ordinality, d.cell IN (SELECT cell FROM game.cells_in_disc(:w, :middle, r - 1)) AS is_inner
    FROM ROWS FROM (game.cells_in_disc(:w, :middle, r)) WITH ORDINALITY AS d) AS disc
GROUP BY r ORDER BY r;
-- A disc that goes around the planet is the planet, of one layer.
SELECT count(*) FROM game.cells_in_disc(:w, :middle, 1000000);
SELECT cell AS upper FROM game.cells(:layers) ORDER BY slot DESC LIMIT 1 \gset
SELECT count(*) FROM game.cells_in_disc(:layers, :upper, 100);
SELECT outcome(format('SELECT game.cells_in_disc(%s, %s, -1)', :w, :middle));
SELECT split_part(outcome(format('SELECT game.cells_in_disc(%s, 7, 1)', :w)), E'\n', 1);

-- Chunks part a layer into squares of up to 16 × 16 cells; every cell lies in the one that chunk_of names.
SELECT w.name, count(DISTINCT chunk) AS chunks, max(cells) AS largest, sum(cells) AS cells
FROM game.world AS w CROSS JOIN LATERAL (
    SELECT game.chunk_of(w.id, c.cell) AS chunk, count(*) AS cells FROM game.cells(w.id) AS c GROUP BY 1) AS of_world
WHERE w.name LIKE 'frequency%' OR w.id = :layers GROUP BY w.name, w.id ORDER BY w.id;
SELECT count(*) AS chunks, bool_and(named = listed) AS as_named
FROM (SELECT chunk, named, (SELECT array_agg(cell ORDER BY cell) FROM game.cells_in_chunk(:w, chunk)) AS listed
      FROM (SELECT game.chunk_of(:w, cell) AS chunk, array_agg(cell ORDER BY cell) AS named FROM game.cells(:w) GROUP BY 1) AS by_chunk) AS both_ways;
SELECT split_part(outcome(format('SELECT game.cells_in_chunk(%s, 7)', :w)), E'\n', 1);
SELECT split_part(outcome(format('SELECT game.chunk_of(%s, 7)', :w)), E'\n', 1);
-- A cell's id is no chunk's id, nor the other way round.
SELECT regexp_replace(outcome(format('SELECT game.cells_in_chunk(%s, %s)', :w, :middle)), '\d{15,}', 'ID');
SELECT regexp_replace(outcome(format('SELECT game.cells(%s, ARRAY[game.chunk_of(%s, %s)])', :w, :w, :middle)), '\d{15,}', 'ID');

-- Lateness is known once the world has ticked on its own.
SELECT game.tick_lateness(:w, 0.5) IS NULL AS never_ticked;
SELECT game.start_world(:w);
CALL wait_until(format('SELECT game.tick_lateness(%s, 0.5) >= 0 AND game.tick_lateness(%s, 1) >= game.tick_lateness(%s, 0)', :w, :w, :w));
SELECT outcome(format('SELECT game.tick_lateness(%s, 1.5)', :w));
SELECT outcome(format('SELECT game.tick_lateness(%s, ''NaN'')', :w));

DROP TABLE pentagon;
SELECT game.drop_world(id) FROM game.world ORDER BY id;
CALL wait_until('SELECT count(*) = 0 FROM game.world');
