import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { Client } from "../lib/client.mjs";
import { Gateway } from "../lib/gateway.mjs";

let gateway;
before(async () => (gateway = await Gateway.start()));
after(async () => assert.deepEqual(await gateway.stop(), { code: 0, signal: null }));

async function assertGatewayLives() {
  assert.ok(gateway.alive());
  const client = await Client.join(gateway);
  await client.leave();
}

// Three malformed messages: two errors, then an error and the close.
async function assertMalformed(...messages) {
  const client = await Client.connect(gateway);
  for (const [data, options] of messages) client.sendRaw(data, options);
  for (let i = 0; i < 3; ++i) assert.equal((await client.next("error")).code, "WGP01");
  assert.equal((await client.closed).code, 4001);
  await assertGatewayLives();
}

test("two malformed messages are errors, the third closes with 4001", () => assertMalformed(["{"], ["nonsense"], [""]));

test("JSON that is no object with a type is malformed", () => assertMalformed(["[]"], ["{}"], ['{"type":7}']));

test("members of the wrong type are malformed", () =>
  assertMalformed(['{"type":"hello"}'], ['{"type":"hello","protocol":"1"}'], ['{"type":"hello","protocol":1,"world":"x"}']));

test("invalid UTF-8 is malformed", () =>
  assertMalformed(
    [Buffer.from([0x22, 0xff, 0x22]), { binary: false }],
    [Buffer.from('{"type":"\xc0\xaf"}', "latin1"), { binary: false }],
    [Buffer.from('{"type":"\xed\xa0\x80"}', "latin1"), { binary: false }],
  ));

test("a binary message is malformed", () =>
  assertMalformed([Buffer.from('{"type":"ping"}')], [Buffer.alloc(100)], [Buffer.alloc(0)]));

test("deeply nested JSON is malformed", () =>
  assertMalformed(
    ["[".repeat(4000)],
    ['{"type":"act","seq":1,"action":"claim","args":' + '{"a":'.repeat(600) + "1" + "}".repeat(601)],
    ['{"a":'.repeat(500)],
  ));

test("acts that the database's types cannot hold are malformed", async () => {
  const client = await Client.join(gateway);
  client.sendRaw('{"type":"act","seq":1,"action":"claim","args":{"cell":"\\u0000"}}');
  assert.equal((await client.next("error")).code, "WGP01");
  client.sendRaw('{"type":"act","seq":1,"action":"claim","args":{"cell":1e999999}}');
  assert.equal((await client.next("error")).code, "WGP01");
  await client.leave();
});

test("seq must be a whole number from 1 on", async () => {
  const client = await Client.join(gateway);
  client.sendRaw('{"type":"act","seq":0,"action":"claim","args":{}}');
  assert.equal((await client.next("error")).code, "WGP01");
  client.sendRaw('{"type":"act","seq":1.5,"action":"claim","args":{}}');
  assert.equal((await client.next("error")).code, "WGP01");
  await client.leave();
});

test("a message larger than the limit is an error and closes with 1009", async () => {
  const client = await Client.connect(gateway);
  client.sendRaw(JSON.stringify({ type: "hello", protocol: 1, token: "x".repeat(5000) }));
  assert.equal((await client.next("error")).code, "WGP03");
  assert.equal((await client.closed).code, 1009);
  await assertGatewayLives();
});

test("a message that grows too large in fragments is refused before its end", async () => {
  const client = await Client.connect(gateway);
  for (let i = 0; i < 50; ++i) client.sendRaw("x".repeat(100), { fin: false });
  assert.equal((await client.next("error")).code, "WGP03");
  assert.equal((await client.closed).code, 1009);
  await assertGatewayLives();
});

test("a message of exactly the limit is read", async () => {
  const client = await Client.connect(gateway);
  const text = JSON.stringify({ type: "hello", protocol: 1, padding: "" });
  client.sendRaw(text.replace('""', `"${"x".repeat(4096 - text.length)}"`));
  await client.next("hello");
  await client.leave();
});

test("a message in fragments is one message", async () => {
  const client = await Client.connect(gateway);
  client.sendRaw('{"type":"hel', { fin: false });
  client.sendRaw('lo","prot', { fin: false });
  client.sendRaw('ocol":1}', { fin: true });
  await client.next("hello");
  await client.leave();
});

test("a message before hello is an error and closes with 4002", async () => {
  for (const message of [{ type: "ping" }, { type: "join", seq: 1, name: "Early" }, { type: "resync" }, { type: "x" }]) {
    const client = await Client.connect(gateway);
    client.send(message);
    assert.equal((await client.next("error")).code, "WGP02");
    assert.equal((await client.closed).code, 4002);
  }
  await assertGatewayLives();
});

test("another protocol version is refused with 4000", async () => {
  const client = await Client.connect(gateway);
  client.send({ type: "hello", protocol: 2 });
  assert.equal((await client.next("error")).code, "WGP08");
  assert.equal((await client.closed).code, 4000);
});

test("a world that does not exist closes with 4004", async () => {
  const client = await Client.connect(gateway);
  client.send({ type: "hello", protocol: 1, world: 987654321 });
  assert.equal((await client.closed).code, 4004);
});

test("an unknown message type is an error and the connection stays", async () => {
  const client = await Client.join(gateway);
  client.send({ type: "teleport" });
  assert.equal((await client.next("error")).code, "WGP07");
  client.send({ type: "ping", nonce: 7, time: 1234.5 });
  const pong = await client.next("pong");
  assert.equal(pong.nonce, 7);
  assert.equal(pong.time, 1234.5);
  assert.ok(Number.isInteger(pong.tick));
  assert.ok(pong.server_time_ms > 1e12);
  await client.leave();
});

test("hello twice is malformed", async () => {
  const client = await Client.join(gateway);
  client.send({ type: "hello", protocol: 1 });
  assert.equal((await client.next("error")).code, "WGP01");
  await client.leave();
});

test("a client that offers only other subprotocols is refused", async () => {
  await assert.rejects(Client.connect(gateway, { protocols: ["chat"] }));
  await assertGatewayLives();
});

test("a client that offers no subprotocol is served", async () => {
  const client = await Client.connect(gateway, { protocols: [] });
  await client.hello();
  await client.leave();
});

test("a WebSocket elsewhere than at /ws is refused", async () => {
  const socket = new WebSocket(gateway.address.replace("/ws", "/other"), "gamelan.v1.json");
  const status = await new Promise((resolve) => {
    socket.on("unexpected-response", (_, response) => resolve(response.statusCode));
    socket.on("open", () => resolve("open"));
    socket.on("error", () => resolve("error"));
  });
  assert.equal(status, 404);
});
