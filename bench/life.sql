-- The resource automaton of docs/grid.md as a system: what the neighbours are, then what becomes of the cell.
CREATE FOREIGN TABLE bench_life.cell (type smallint NOT NULL DEFAULT 0, amount smallint NOT NULL DEFAULT 0, chance int NOT NULL DEFAULT 0,
  n1 int NOT NULL DEFAULT 0, n2 int NOT NULL DEFAULT 0, n3 int NOT NULL DEFAULT 0, rich1 boolean NOT NULL DEFAULT false, rich2 boolean NOT NULL DEFAULT false, rich3 boolean NOT NULL DEFAULT false) INHERITS (game.cell) SERVER gamelan;
CREATE PROCEDURE bench_life.live() LANGUAGE sql BEGIN ATOMIC
  UPDATE bench_life.cell c SET chance = (game.random(c.cell) * 16777215)::int,
    n1 = (SELECT count(*) FROM bench_life.cell k WHERE k.cell IN (SELECT game.neighbors(c.cell)) AND k.type = 1)::int,
    n2 = (SELECT count(*) FROM bench_life.cell k WHERE k.cell IN (SELECT game.neighbors(c.cell)) AND k.type = 2)::int,
    n3 = (SELECT count(*) FROM bench_life.cell k WHERE k.cell IN (SELECT game.neighbors(c.cell)) AND k.type = 3)::int,
    rich1 = EXISTS (SELECT FROM bench_life.cell k WHERE k.cell IN (SELECT game.neighbors(c.cell)) AND k.type = 1 AND k.amount >= 96),
    rich2 = EXISTS (SELECT FROM bench_life.cell k WHERE k.cell IN (SELECT game.neighbors(c.cell)) AND k.type = 2 AND k.amount >= 96),
    rich3 = EXISTS (SELECT FROM bench_life.cell k WHERE k.cell IN (SELECT game.neighbors(c.cell)) AND k.type = 3 AND k.amount >= 96);
  UPDATE bench_life.cell SET
    type = CASE
      WHEN type = 0 AND chance % 16 = 0 THEN CASE
        WHEN rich1 AND n1 BETWEEN 2 AND 3 AND NOT (rich2 AND n2 BETWEEN 2 AND 3 AND n2 > n1) AND NOT (rich3 AND n3 BETWEEN 2 AND 3 AND n3 > n1) THEN 1
        WHEN rich2 AND n2 BETWEEN 2 AND 3 AND NOT (rich3 AND n3 BETWEEN 2 AND 3 AND n3 > n2) THEN 2
        WHEN rich3 AND n3 BETWEEN 2 AND 3 THEN 3 ELSE 0 END
      WHEN type BETWEEN 1 AND 3 AND chance % 32 = 0 AND CASE type WHEN 1 THEN n2 WHEN 2 THEN n3 ELSE n1 END >= 2 THEN type % 3 + 1
      WHEN type BETWEEN 1 AND 3 AND chance % 64 = 1 AND n1 > 0 AND n2 > 0 AND n3 > 0 THEN 4
      WHEN type BETWEEN 1 AND 3 AND game.tick() % 8 = (chance >> 8) % 8 AND CASE type WHEN 1 THEN n1 WHEN 2 THEN n2 ELSE n3 END NOT BETWEEN 1 AND 4 AND amount <= 4 + amount / 16 THEN 0
      WHEN type = 4 AND chance % 32 = 7 AND amount <= 16 THEN 0
      ELSE type END,
    amount = CASE
      WHEN type = 0 AND chance % 16 = 0 AND (rich1 AND n1 BETWEEN 2 AND 3 OR rich2 AND n2 BETWEEN 2 AND 3 OR rich3 AND n3 BETWEEN 2 AND 3) THEN 8
      WHEN type BETWEEN 1 AND 3 AND chance % 32 = 0 AND CASE type WHEN 1 THEN n2 WHEN 2 THEN n3 ELSE n1 END >= 2 THEN amount / 2 + 8
      WHEN type BETWEEN 1 AND 3 AND chance % 64 = 1 AND n1 > 0 AND n2 > 0 AND n3 > 0 THEN 64
      WHEN type BETWEEN 1 AND 3 AND game.tick() % 8 = (chance >> 8) % 8 THEN
        CASE WHEN CASE type WHEN 1 THEN n1 WHEN 2 THEN n2 ELSE n3 END BETWEEN 1 AND 4 THEN least(255, amount + 1 + amount / 16) ELSE greatest(0, amount - 4 - amount / 16) END
      WHEN type = 4 AND chance % 32 = 7 THEN greatest(0, amount - 16)
      ELSE amount END;
END;
SELECT game.create_system('bench_life.live');
