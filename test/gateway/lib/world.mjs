// Facts about the world under test, read with SQL.
import { sql } from "./environment.mjs";

export async function lowestWorld() {
  const [row] = await sql("SELECT id::text, name, game, tick_rate, config FROM game.world ORDER BY id LIMIT 1");
  return row;
}

// Cells that nobody owns, as decimal strings. Each call gives others, so that tests do not meet.
const given = new Set();
export async function freeCells(count) {
  const { id } = await lowestWorld();
  const rows = await sql("SELECT cell::text FROM game.cells($1) WHERE owner = 0 AND resource <> 0 ORDER BY slot", [id]);
  const all = rows.length > 0 ? rows : await sql("SELECT cell::text FROM game.cells($1) WHERE owner = 0", [id]);
  const cells = all.map((row) => row.cell).filter((cell) => !given.has(cell));
  if (cells.length < count) throw new Error("the world has no free cells left; make it larger");
  const taken = cells.slice(0, count);
  taken.forEach((cell) => given.add(cell));
  return taken;
}

export async function cell(id) {
  const world = await lowestWorld();
  const [row] = await sql("SELECT * FROM game.cells($1) WHERE cell = $2", [world.id, id]);
  return row;
}

// A tick later than now, once the database has it.
export async function ticksPass(count) {
  const read = async () => Number((await sql("SELECT tick FROM game.world ORDER BY id LIMIT 1"))[0].tick);
  const start = await read();
  while ((await read()) < start + count) await new Promise((resolve) => setTimeout(resolve, 20));
}
