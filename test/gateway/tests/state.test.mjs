import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, unique } from "../lib/client.mjs";
import { sql } from "../lib/environment.mjs";
import { Gateway } from "../lib/gateway.mjs";
import { decodeSnapshot } from "../lib/state.mjs";
import { cell, freeCells, lowestWorld } from "../lib/world.mjs";

let gateway;
before(async () => (gateway = await Gateway.start()));
after(async () => assert.deepEqual(await gateway.stop(), { code: 0, signal: null }));

// What the database says the streamed columns are, at the tick it says.
async function truth() {
  const { id } = await lowestWorld();
  const [row] = await sql("SELECT game.changes($1, -1, 1000) AS message", [id]);
  return decodeSnapshot(row.message);
}

async function assertSameAsDatabase(client) {
  const expected = await truth();
  await client.reach(expected.tick - 1);
  // A tick in which nothing changed sends nothing: then the state is the one before.
  const joined = client.states.history[0].tick;
  assert.ok(expected.tick >= joined);
  if (client.states.tick < expected.tick) await client.act("join", { name: unique("Witness") });
  const actual = client.states.at(expected.tick);
  assert.deepEqual([...actual.keys()].sort(), [...expected.columns.keys()].sort());
  for (const [name, values] of expected.columns)
    assert.deepEqual(actual.get(name), values, `${name} at tick ${expected.tick}`);
}

test("hello answers with the world, its columns and actions, the limits and a token", async () => {
  const client = await Client.connect(gateway);
  const hello = await client.hello();
  const world = await lowestWorld();
  assert.equal(hello.protocol, 1);
  assert.match(hello.server, /^gamelan-gateway\/\d/);
  assert.match(hello.token, /^[0-9a-f]{64}$/);
  assert.equal(String(hello.world.id), world.id);
  assert.equal(hello.world.name, world.name);
  assert.equal(hello.world.game, "hexfactory");
  assert.equal(hello.world.tick_rate, world.tick_rate);
  assert.deepEqual(hello.world.config, world.config);
  const columns = hello.columns.map((column) => column.name);
  for (const name of ["cell.resource", "cell.amount", "cell.owner", "player.name", "player.claims", "player.score"])
    assert.ok(columns.includes(name), name);
  assert.deepEqual(hello.actions.map((action) => action.name).sort(), ["claim", "harvest", "join", "plant"]);
  assert.deepEqual(hello.limits, { max_message_bytes: 4096, acts_per_second: 30, max_pending_acts: 32 });
  const snapshot = await client.next("snapshot");
  assert.deepEqual(Object.keys(snapshot.columns).sort(), columns.sort());
  await client.leave();
});

test("the state a client builds from deltas is the database's state at that tick, bit for bit", async () => {
  const client = await Client.join(gateway, { name: "Witness" });
  for (let round = 0; round < 5; ++round) {
    const [id] = await freeCells(1);
    assert.equal((await client.act("claim", { cell: id })).type, "ack");
    await assertSameAsDatabase(client);
  }
  assert.ok(client.states.history.length > 1, "deltas came");
  await client.leave();
});

test("a client that joins later has the state of one that was there before", async () => {
  const first = await Client.join(gateway, { name: "First" });
  const second = await Client.join(gateway);
  const [id] = await freeCells(1);
  const ack = await first.act("claim", { cell: id });
  await Promise.all([first.reach(ack.tick), second.reach(ack.tick)]);
  const tick = Math.min(first.states.tick, second.states.tick);
  assert.deepEqual(second.states.objectAt(tick), first.states.objectAt(tick));
  await first.leave();
  await second.leave();
});

test("resync brings a snapshot that replaces everything", async () => {
  const client = await Client.join(gateway);
  client.send({ type: "resync" });
  const snapshot = await client.next("snapshot");
  assert.ok(snapshot.columns["cell.owner"].values ?? snapshot.columns["cell.owner"].runs);
  await assertSameAsDatabase(client);
  await client.leave();
});

test("join, claim, plant and harvest are acknowledged and visible in SQL at once", async () => {
  const client = await Client.join(gateway);
  const name = unique("Ada Ł 🎼");
  assert.equal((await client.act("join", { name })).type, "ack");
  const [id] = await freeCells(1);
  const world = await lowestWorld();
  const claim = await client.act("claim", { cell: id });
  assert.equal(claim.type, "ack", JSON.stringify(claim));
  const { owner, slot } = await cell(id);
  assert.ok(owner > 0);
  const plant = await client.act("plant", { cell: id, resource: 2 });
  assert.equal(plant.type, "ack", JSON.stringify(plant));
  assert.ok(plant.tick > claim.tick);
  const harvest = await client.act("harvest", { cell: id });
  assert.equal(harvest.type, "ack", JSON.stringify(harvest));
  await client.reach(claim.tick);
  assert.equal(client.states.columns.get("cell.owner")[slot], owner);
  assert.equal(client.states.columns.get("player.name")[owner - 1], name);
  assert.equal(client.states.columns.get("player.claims")[owner - 1], 1);
  const [score] = await sql("SELECT game.changes($1, -1, 1000) AS message", [world.id]);
  assert.ok(decodeSnapshot(score.message).columns.get("player.score")[owner - 1] > 0);
  await client.leave();
});

test("a delta comes only to a client at its base, through many ticks and acts", async () => {
  const clients = await Promise.all([1, 2, 3, 4].map((n) => Client.join(gateway, { name: `Crowd ${n}` })));
  const cells = await freeCells(24);
  await Promise.all(
    clients.map(async (client, n) => {
      for (let i = 0; i < 6; ++i) assert.equal((await client.act("claim", { cell: cells[n * 6 + i] })).type, "ack");
    }),
  );
  for (const client of clients) {
    await assertSameAsDatabase(client);
    await client.leave(); // fails if a delta did not fit or an ack came after its state
  }
});
