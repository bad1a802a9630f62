import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, unique } from "../lib/client.mjs";
import { eventually, sql } from "../lib/environment.mjs";
import { Gateway } from "../lib/gateway.mjs";

let gateway, world;
before(async () => {
  const [row] = await sql(
    "SELECT game.create_world($1, 'hexfactory', seed => 3, config => '{\"frequency\": 4}', durability => 'relaxed')::text AS id",
    [unique("relaxed")],
  );
  world = Number(row.id);
  await sql("SELECT game.start_world($1)", [world]);
  await eventually(async () => (await worldRow()).state === "running", "a running world");
  gateway = await Gateway.start();
});
after(async () => {
  await waitForStandby(false);
  await gateway.stop();
  await sql("SELECT game.drop_world($1)", [world]);
});

const worldRow = async () => (await sql("SELECT * FROM game.world WHERE id = $1", [world]))[0];

// Nothing is safe as long as a standby is missing; statements of the test itself do not wait for it.
async function waitForStandby(isWaiting) {
  await sql(
    `ALTER SYSTEM ${isWaiting ? "SET synchronous_standby_names = 'nobody'" : "RESET synchronous_standby_names"}`,
  );
  await sql("SELECT pg_reload_conf()");
  const wanted = isWaiting ? "nobody" : "";
  await eventually(
    async () => (await sql("SHOW synchronous_standby_names"))[0].synchronous_standby_names === wanted,
    "the new setting",
  );
}

test("of a relaxed world a client sees what is not safe yet, and how far it is", async () => {
  const [actor, witness] = [
    await Client.join(gateway, { world, name: "Actor" }),
    await Client.join(gateway, { world }),
  ];
  await waitForStandby(true);
  const free = await sql("SELECT cell::text AS id FROM game.cells($1) WHERE owner = 0", [world]);
  const isAnswered = (seq) => actor.messages.some((m) => m.body.seq === seq);
  let seq;
  // Until the world's worker has read the setting, acts become safe as ever.
  await eventually(async () => {
    if (seq === undefined || isAnswered(seq)) {
      seq = actor.nextSeq();
      actor.send({ type: "act", seq, action: "claim", args: { cell: free.pop().id } });
    }
    const { tick, durable_tick } = await worldRow();
    return tick - durable_tick > 20;
  }, "a world that is ahead");

  const ahead = await witness.next(
    (m) => m.type === "delta" && m.durable_tick !== undefined,
    "a state ahead of the disk",
  );
  assert.ok(ahead.durable_tick < ahead.tick, `${ahead.durable_tick} < ${ahead.tick}`);
  await sql(`SET synchronous_commit = local; SELECT game.pause_world(${world})`);
  await eventually(async () => (await worldRow()).state === "paused", "the pause");
  const late = await Client.join(gateway, { world });
  assert.ok(late.welcome.world.durable_tick < late.welcome.world.tick, "hello says how far");
  const shown = late.messages.find((m) => m.body.type === "snapshot").body;
  assert.ok(shown.durable_tick < shown.tick, "and so does the snapshot");
  assert.ok(!isAnswered(seq), "no answer before it is safe");
  witness.messages.forEach((m) => m.body.type === "durable" && (m.taken = true));

  await waitForStandby(false);
  for (const client of [witness, late]) {
    const durable = await client.next("durable");
    assert.ok(durable.tick >= client.states.tick, `${durable.tick} >= ${client.states.tick}`);
  }
  assert.equal((await actor.answer(seq)).type, "ack");
  const after = await Client.join(gateway, { world });
  assert.equal(after.welcome.world.durable_tick, after.welcome.world.tick);
  assert.equal(after.messages.find((m) => m.body.type === "snapshot").body.durable_tick, undefined);
  actor.problems = []; // the state did not wait for the answer longer than a second
  for (const client of [actor, witness, late, after]) await client.leave();
});
