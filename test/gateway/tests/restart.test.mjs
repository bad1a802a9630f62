import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, unique } from "../lib/client.mjs";
import { canRestart, eventually, restartDatabase, sql } from "../lib/environment.mjs";
import { Gateway } from "../lib/gateway.mjs";
import { cell, freeCells, lowestWorld } from "../lib/world.mjs";
import { decodeSnapshot } from "../lib/state.mjs";

const skip = !canRestart && "GAMELAN_TEST_PGDATA and GAMELAN_PG_CTL are not set";

// Sends an act until it is acknowledged, always with the same seq, as the protocol asks of a client.
async function insist(client, seq, action, args) {
  for (;;) {
    const answer = await client.act(action, args, seq);
    if (answer.type === "ack") return answer;
    assert.equal(answer.code, "WGP06", JSON.stringify(answer));
    await eventually(() => client.databaseOk(), "the database's return");
  }
}

function watchStatus(client) {
  client.databaseOk = () => {
    const last = client.messages.findLast((m) => m.body.type === "status");
    return !last || last.body.database === "ok";
  };
}

async function restartUnderClients(mode) {
  const gateway = await Gateway.start();
  const clients = await Promise.all([1, 2, 3].map((n) => Client.join(gateway, { name: `Restart ${mode} ${n}` })));
  clients.forEach(watchStatus);
  const perClient = 8;
  const cells = await freeCells(clients.length * perClient);
  const restarted = { done: false };
  const acting = clients.map(async (client, n) => {
    for (let i = 0; i < perClient; ++i) {
      if (i === 2) await client.next((m) => m.type === "status" && m.database === "lost", "status lost");
      await insist(client, 10 + i, "claim", { cell: cells[n * perClient + i] });
    }
  });
  await eventually(async () => (await cell(cells[1])).owner !== 0, "the first claims");
  restartDatabase(mode);
  restarted.done = true;
  await Promise.all(acting);

  for (const [n, client] of clients.entries()) {
    await client.next((m) => m.type === "status" && m.database === "ok", "status ok");
    const kinds = client.messages.map((m) => m.body.database ?? m.body.type).filter((k) => /lost|ok|snapshot/.test(k));
    assert.ok(kinds.lastIndexOf("snapshot") > kinds.lastIndexOf("ok"), kinds.join(" "));
    const acks = client.messages.filter((m) => m.body.type === "ack" && m.body.seq >= 10).map((m) => m.body.seq);
    assert.deepEqual(acks, Array.from({ length: perClient }, (_, i) => 10 + i), "each act acknowledged once, in order");
    const owners = new Set();
    for (const id of cells.slice(n * perClient, (n + 1) * perClient)) owners.add((await cell(id)).owner);
    assert.equal(owners.size, 1, "all its claims are its own");
    const world = await lowestWorld();
    const [row] = await sql("SELECT game.changes($1, -1, 1000) AS message", [world.id]);
    const claims = decodeSnapshot(row.message).columns.get("player.claims")[[...owners][0] - 1];
    assert.equal(claims, perClient, "each claim was applied exactly once");
    await client.leave();
  }
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
}

test("clients live through a fast restart of the database and every act is applied exactly once", { skip }, () =>
  restartUnderClients("fast"),
);

test("clients live through a crash of the database and every act is applied exactly once", { skip }, () =>
  restartUnderClients("immediate"),
);

test("a client that comes while the database is away is served when it is back", { skip }, async () => {
  const gateway = await Gateway.start({ "reconnect-max-ms": 200 });
  restartDatabase("fast");
  const client = await Client.connect(gateway);
  await client.hello();
  await client.next("snapshot");
  await client.leave();
  await gateway.stop();
});

test("a database connection that is cut is made again and clients get a snapshot", async () => {
  const gateway = await Gateway.start();
  const client = await Client.join(gateway, { name: "Cut" });
  await sql(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'gamelan-gateway world %'",
  );
  await client.next((m) => m.type === "status" && m.database === "lost", "status lost");
  await client.next((m) => m.type === "status" && m.database === "ok", "status ok");
  await client.next("snapshot");
  assert.equal((await client.act("join", { name: unique("Whole") }, 50)).type, "ack");
  await client.leave();
  await gateway.stop();
});
