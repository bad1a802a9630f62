import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client } from "../lib/client.mjs";
import { Gateway } from "../lib/gateway.mjs";
import { cell, freeCells } from "../lib/world.mjs";

let gateway;
before(async () => (gateway = await Gateway.start()));
after(async () => assert.deepEqual(await gateway.stop(), { code: 0, signal: null }));

async function assertRefused(client, action, args, code) {
  const answer = await client.act(action, args);
  assert.equal(answer.type, "error", JSON.stringify(answer));
  assert.equal(answer.code, code, JSON.stringify(answer));
  assert.ok(answer.message.length > 0);
}

test("an unknown action is refused with WG002", async () => {
  const client = await Client.join(gateway, { name: "Wrong" });
  await assertRefused(client, "dance", {}, "WG002");
  await assertRefused(client, "", {}, "WG002");
  await client.leave();
});

test("a missing, an extra and a mistyped argument are refused, each with its own code", async () => {
  const client = await Client.join(gateway, { name: "Wrong" });
  const [id] = await freeCells(1);
  await assertRefused(client, "claim", {}, "WG003");
  await assertRefused(client, "claim", { cell: id, colour: "red" }, "WG004");
  await assertRefused(client, "claim", { cell: "here" }, "WG005");
  await assertRefused(client, "claim", { cell: { x: 1 } }, "WG005");
  assert.equal((await cell(id)).owner, 0);
  await client.leave();
});

test("a cell that does not exist is refused with WG006", async () => {
  const client = await Client.join(gateway, { name: "Wrong" });
  await assertRefused(client, "claim", { cell: "42" }, "WG006");
  await client.leave();
});

test("a player who has not joined cannot claim", async () => {
  const client = await Client.join(gateway);
  const [id] = await freeCells(1);
  await assertRefused(client, "claim", { cell: id }, "WG009");
  assert.equal((await cell(id)).owner, 0);
  await client.leave();
});

test("a foreign cell can be neither claimed, planted nor harvested", async () => {
  const owner = await Client.join(gateway, { name: "Owner" });
  const other = await Client.join(gateway, { name: "Other" });
  const [id] = await freeCells(1);
  assert.equal((await owner.act("claim", { cell: id })).type, "ack");
  const before = (await cell(id)).owner;
  await assertRefused(other, "claim", { cell: id }, "WG007");
  await assertRefused(other, "plant", { cell: id, resource: 1 }, "WG008");
  await assertRefused(other, "harvest", { cell: id }, "WG008");
  assert.equal((await cell(id)).owner, before);
  await owner.leave();
  await other.leave();
});

test("one bad act does not touch the others of its batch", async () => {
  const clients = await Promise.all([1, 2, 3].map((n) => Client.join(gateway, { name: `Batch ${n}` })));
  const cells = await freeCells(3);
  const answers = await Promise.all([
    clients[0].act("claim", { cell: cells[0] }),
    clients[1].act("claim", { cell: "not a number", "\u{1F3BC}{},\"\\": [null, "NULL", '"', "\\"] }),
    clients[2].act("claim", { cell: cells[2] }),
  ]);
  assert.deepEqual(answers.map((answer) => answer.type), ["ack", "error", "ack"]);
  for (const client of clients) await client.leave();
});

test("the acts of one client are applied in the order they were sent", async () => {
  const client = await Client.join(gateway, { name: "Order" });
  const [id] = await freeCells(1);
  const answers = await Promise.all([
    client.act("claim", { cell: id }),
    client.act("plant", { cell: id, resource: 1 }),
    client.act("plant", { cell: id, resource: 2 }),
    client.act("harvest", { cell: id }),
  ]);
  assert.deepEqual(answers.map((answer) => answer.type), ["ack", "ack", "ack", "ack"], JSON.stringify(answers));
  const ticks = answers.map((answer) => answer.tick);
  assert.deepEqual(ticks, [...ticks].sort((a, b) => a - b));
  await client.leave();
});

test("an act sent again with the same seq is acknowledged as a duplicate and not applied again", async () => {
  const client = await Client.join(gateway, { name: "Twice" });
  const [id] = await freeCells(1);
  assert.equal((await client.act("claim", { cell: id }, 10)).type, "ack");
  const again = await client.act("claim", { cell: id }, 10);
  assert.equal(again.type, "ack", JSON.stringify(again));
  assert.deepEqual(again.result, { duplicate: true });
  await client.leave();
});

test("a token from an earlier hello makes the client the same player again", async () => {
  const first = await Client.join(gateway, { name: "Returning" });
  const [id] = await freeCells(1);
  const claim = await first.act("claim", { cell: id }, 5);
  assert.equal(claim.type, "ack");
  const { token } = first.welcome;
  await first.leave();
  const second = await Client.join(gateway, { token });
  assert.equal(second.welcome.token, token);
  assert.deepEqual((await second.act("claim", { cell: id }, 5)).result, { duplicate: true });
  assert.equal((await second.act("plant", { cell: id, resource: 1 }, 6)).type, "ack");
  await second.leave();
});

test("a made-up token gives a new player with a new token", async () => {
  const client = await Client.connect(gateway);
  const hello = await client.hello({ token: "password" });
  assert.match(hello.token, /^[0-9a-f]{64}$/);
  await client.leave();
});

test("a second connection with the token takes over and the first is closed with 4009", async () => {
  const first = await Client.join(gateway, { name: "Moving" });
  const second = await Client.join(gateway, { token: first.welcome.token });
  assert.equal((await first.closed).code, 4009);
  const [id] = await freeCells(1);
  assert.equal((await second.act("claim", { cell: id }, 100)).type, "ack");
  await second.leave();
});

test("no token is ever written to the log", async () => {
  const client = await Client.join(gateway, { name: "Secret" });
  await client.leave();
  assert.ok(gateway.log.includes(client.welcome.session));
  assert.ok(!gateway.log.includes(client.welcome.token));
});
