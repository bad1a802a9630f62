import assert from "node:assert/strict";
import { test } from "node:test";
import { WebSocket } from "ws";
import { Client, unique } from "../lib/client.mjs";
import { eventually } from "../lib/environment.mjs";
import { Gateway } from "../lib/gateway.mjs";
import { ticksPass } from "../lib/world.mjs";

async function withGateway(flags, run) {
  const gateway = await Gateway.start(flags);
  try {
    await run(gateway);
    assert.ok(gateway.alive());
  } finally {
    await gateway.stop();
  }
}

// All in one segment, so that the gateway reads them in one turn.
function sendTogether(client, messages) {
  client.socket._socket.cork();
  messages.forEach((message) => client.send(message));
  client.socket._socket.uncork();
}

test("acts beyond the rate are refused with WGP04 and the connection stays", () =>
  withGateway({ "acts-per-second": 1, "max-pending-acts": 1000 }, async (gateway) => {
    const client = await Client.join(gateway);
    const seqs = Array.from({ length: 40 }, (_, i) => i + 1);
    sendTogether(client, seqs.map((seq) => ({ type: "join", seq, name: unique("Hasty") })));
    const answers = await Promise.all(seqs.map((seq) => client.answer(seq)));
    assert.equal(answers[0].type, "ack");
    assert.equal(answers[1].type, "ack");
    assert.ok(answers.filter((answer) => answer.code === "WGP04").length > 0);
    assert.ok(answers.every((answer) => answer.type === "ack" || answer.code === "WGP04"));
    client.send({ type: "ping" });
    await client.next("pong");
    await client.leave();
  }));

test("more acts than may wait are refused with WGP05 and the connection stays", () =>
  withGateway({ "max-pending-acts": 2 }, async (gateway) => {
    const client = await Client.join(gateway);
    sendTogether(client, [1, 2, 3, 4].map((seq) => ({ type: "join", seq, name: unique("Eager") })));
    const answers = await Promise.all([1, 2, 3, 4].map((seq) => client.answer(seq)));
    assert.deepEqual(answers.map((answer) => answer.code ?? "ack"), ["ack", "ack", "WGP05", "WGP05"]);
    assert.equal((await client.act("join", { name: unique("Patient") }, 5)).type, "ack");
    await client.leave();
  }));

test("more connections than allowed are refused with 503", () =>
  withGateway({ "max-connections": 2 }, async (gateway) => {
    const clients = [await Client.join(gateway), await Client.join(gateway)];
    const socket = new WebSocket(gateway.address, "gamelan.v1.json");
    const status = await new Promise((resolve) => {
      socket.on("unexpected-response", (_, response) => resolve(response.statusCode));
      socket.on("open", () => resolve("open"));
      socket.on("error", (error) => resolve(String(error)));
    });
    assert.equal(status, 503);
    await clients[0].leave();
    await eventually(() => Client.join(gateway).then((client) => client.leave().then(() => true), () => false), "room");
    await clients[1].leave();
  }));

test("a client that says no hello is closed with 4008", () =>
  withGateway({ "hello-timeout-ms": 100 }, async (gateway) => {
    const client = await Client.connect(gateway);
    assert.equal((await client.closed).code, 4008);
  }));

test("a client that says nothing for too long is closed with 4008", () =>
  withGateway({ "idle-timeout-ms": 300 }, async (gateway) => {
    const client = await Client.join(gateway);
    assert.equal((await client.closed).code, 4008);
  }));

test("a client that does not read gets a snapshot, not a backlog", () =>
  withGateway({ "max-queued-bytes": 2048, "socket-send-bytes": 4096 }, async (gateway) => {
    const slow = await Client.join(gateway);
    const quick = await Client.join(gateway);
    const before = slow.states.tick;
    slow.socket._socket.pause();
    // Its own replies fill the way to it; what it sends is not read any more when they cannot leave.
    for (let i = 0; i < 60_000; ++i) slow.send({ type: "ping", nonce: i });
    const start = quick.states.history.length;
    await eventually(async () => {
      await quick.act("join", { name: unique("Quick") });
      return quick.states.history.length >= start + 40;
    }, "forty changes");
    slow.socket._socket.resume();
    await slow.next("snapshot");
    const behind = slow.states.history.filter((entry) => entry.tick > before);
    assert.ok(behind.length < 40, `${behind.length} states for 40 changes and more`);
    await ticksPass(1);
    const answer = await slow.act("join", { name: unique("Slow") });
    assert.equal(answer.type, "ack");
    await slow.reach(answer.tick);
    await quick.reach(answer.tick);
    const tick = Math.min(slow.states.tick, quick.states.tick);
    assert.deepEqual(slow.states.objectAt(tick), quick.states.objectAt(tick));
    await slow.leave();
    await quick.leave();
  }));
