import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type WebSocket as Peer, WebSocketServer } from "ws";
import { Backoff } from "./backoff.ts";
import { type ClientEvents, GameClient, TooManyPending } from "./client.ts";
import type { SavedSession, SessionMemory } from "./session_memory.ts";

/** A peer on a real socket that says exactly what a test tells it to. */
class Gateway {
  readonly server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  readonly received: Record<string, unknown>[] = [];
  peer: Peer | undefined;
  private waiting: { wanted: (m: Record<string, unknown>) => boolean; found: (m: Record<string, unknown>) => void }[] =
    [];
  private seen = 0;

  constructor() {
    this.server.on("connection", (peer) => {
      this.peer = peer;
      peer.on("message", (data) => {
        this.received.push(JSON.parse(String(data)));
        this.serveWaiting();
      });
    });
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}/ws`;
  }

  say(message: Record<string, unknown>): void {
    this.peer!.send(JSON.stringify(message));
  }

  greet(token = "t1"): void {
    this.say({
      type: "hello",
      protocol: 1,
      server: "test",
      session: "s",
      token,
      columns: [{ name: "cell.amount", type: "u8" }],
      world: {
        id: 1,
        name: "w",
        game: "hexfactory",
        state: "running",
        tick: 5,
        tick_rate: 20,
        config: { frequency: 1 },
      },
      actions: [],
      limits: { max_message_bytes: 4096, acts_per_second: 30, max_pending_acts: 3 },
      server_time_ms: 0,
    });
  }

  snapshot(tick: number): void {
    this.say({ type: "snapshot", tick, columns: { "cell.amount": { runs: [12, 0] } } });
  }

  /** The next message of this type that no earlier call has returned. */
  next(type: string): Promise<Record<string, unknown>> {
    return new Promise((found) => {
      this.waiting.push({ wanted: (m) => m.type === type, found });
      this.serveWaiting();
    });
  }

  private serveWaiting(): void {
    while (this.waiting.length && this.seen < this.received.length) {
      const message = this.received[this.seen++];
      if (this.waiting[0].wanted(message)) this.waiting.shift()!.found(message);
    }
  }
}

class PageMemory implements SessionMemory {
  saved: SavedSession | undefined;
  load(): SavedSession | undefined {
    return this.saved && { ...this.saved };
  }
  save(session: SavedSession): void {
    this.saved = { ...session };
  }
}

let gateway: Gateway;
let client: GameClient;
let memory: PageMemory;
let log: string[];
let listeners: { text: string; found: () => void }[];

function happened(text: string): Promise<void> {
  return new Promise((found) => (log.includes(text) ? found() : listeners.push({ text, found })));
}

function note(text: string): void {
  log.push(text);
  listeners = listeners.filter((l) => (l.text === text ? (l.found(), false) : true));
}

const events: ClientEvents = {
  connection: (c) => note(c.phase),
  state: (_touched, fresh) => note(`${fresh ? "snapshot" : "delta"} ${client.state.tick}`),
  ack: (act, tick, result) => note(`ack ${act.seq} ${act.action} at ${tick} ${JSON.stringify(result)}`),
  rejected: (act, refusal) => note(`rejected ${act.seq} ${refusal.code}`),
  notice: (refusal) => note(`notice ${refusal.code}`),
  database: (status) => note(`database ${status}`),
};

function newClient(): GameClient {
  return new GameClient({ url: gateway.url, memory, events, backoff: new Backoff(() => 0) });
}

describe("the client", () => {
  beforeEach(async () => {
    [log, listeners] = [[], []];
    gateway = new Gateway();
    await once(gateway.server, "listening");
    memory = new PageMemory();
    client = newClient();
    client.connect();
    await gateway.next("hello");
    gateway.greet();
    await happened("open");
  });

  afterEach(() => {
    client.close();
    gateway.server.close();
  });

  it("greets without a token first and with the one it was given after a break", async () => {
    expect(gateway.received[0]).toEqual({ type: "hello", protocol: 1 });
    gateway.peer!.close(1001);
    expect(await gateway.next("hello")).toEqual({ type: "hello", protocol: 1, token: "t1" });
  });

  it("knows how much of what it shows is on disk", async () => {
    gateway.snapshot(7);
    await happened("snapshot 7");
    expect(client.durableTick).toBe(7);
    const change = { "cell.amount": { gaps: [0], values: [1] } };
    gateway.say({ type: "delta", tick: 9, base: 7, durable_tick: 7, columns: change });
    await happened("delta 9");
    expect(client.durableTick).toBe(7);
    gateway.say({ type: "durable", tick: 11 });
    gateway.say({ type: "delta", tick: 11, base: 9, durable_tick: 8, columns: change });
    await happened("delta 11");
    expect(client.durableTick).toBe(11);
    gateway.say({ type: "status", database: "lost", message: "" });
    await happened("database lost");
    expect(client.durableTick).toBe(-1);
  });

  it("applies deltas that fit and asks for a snapshot once when one does not", async () => {
    gateway.snapshot(7);
    gateway.say({ type: "delta", tick: 8, base: 7, columns: { "cell.amount": { gaps: [3], values: [9] } } });
    await happened("delta 8");
    expect(client.state.bytes("cell.amount")![3]).toBe(9);
    gateway.say({ type: "delta", tick: 11, base: 10, columns: {} });
    gateway.say({ type: "delta", tick: 12, base: 11, columns: {} });
    await gateway.next("resync");
    gateway.snapshot(13);
    await happened("snapshot 13");
    expect(gateway.received.filter((m) => m.type === "resync")).toHaveLength(1);
  });

  it("numbers acts upwards and forgets those answered", async () => {
    client.act("join", { name: "Ayu" });
    client.act("claim", { cell: "5" });
    expect(await gateway.next("join")).toEqual({ type: "join", seq: 1, name: "Ayu" });
    expect(await gateway.next("act")).toEqual({ type: "act", seq: 2, action: "claim", args: { cell: "5" } });
    gateway.say({ type: "ack", seq: 1, tick: 9, result: 0 });
    gateway.say({ type: "error", seq: 2, code: "WGC01", message: "taken", hint: "choose another" });
    await happened("ack 1 join at 9 0");
    await happened("rejected 2 WGC01");
    expect(client.pendingActs).toEqual([]);
  });

  it("sends unanswered acts again after a break with the same number", async () => {
    client.act("claim", { cell: "5" });
    await gateway.next("act");
    gateway.peer!.terminate();
    await happened("waiting");
    client.act("claim", { cell: "6" });
    await gateway.next("hello");
    gateway.greet();
    expect(await gateway.next("act")).toMatchObject({ seq: 1, args: { cell: "5" } });
    expect(await gateway.next("act")).toMatchObject({ seq: 2, args: { cell: "6" } });
    gateway.say({ type: "ack", seq: 1, tick: 9, result: { duplicate: true } });
    await happened('ack 1 claim at 9 {"duplicate":true}');
  });

  it("keeps an act whose outcome is open and repeats it when the database is back", async () => {
    client.act("claim", { cell: "5" });
    await gateway.next("act");
    gateway.say({ type: "status", database: "lost", message: "gone" });
    gateway.say({ type: "error", seq: 1, code: "WGP06", message: "not reachable" });
    await happened("database lost");
    gateway.say({ type: "status", database: "ok", message: "" });
    expect(await gateway.next("act")).toMatchObject({ seq: 1 });
    expect(log).not.toContain("rejected 1 WGP06");
  });

  it("goes on counting after a reload", async () => {
    client.act("claim", { cell: "5" });
    client.close();
    client = newClient();
    client.connect();
    await gateway.next("hello");
    gateway.greet();
    client.act("claim", { cell: "6" });
    expect(await gateway.next("act")).toMatchObject({ seq: 2 });
  });

  it("numbers waiting acts anew when the server gives it another identity", async () => {
    client.act("claim", { cell: "5" });
    client.act("claim", { cell: "6" });
    gateway.peer!.terminate();
    await happened("waiting");
    await gateway.next("hello");
    gateway.greet("t2");
    await gateway.next("act");
    await gateway.next("act");
    expect(memory.saved).toMatchObject({ token: "t2", lastSeq: 2 });
  });

  it("refuses more unanswered acts than the server allows", () => {
    for (let k = 0; k < 3; k++) client.act("claim", { cell: String(k) });
    expect(() => client.act("claim", { cell: "9" })).toThrow(TooManyPending);
  });

  it("stays away when told that another tab has taken over", async () => {
    gateway.peer!.close(4009);
    await happened("refused");
    expect(client.connection).toMatchObject({ phase: "refused", code: 4009 });
  });

  it("reports what it cannot read and asks for a snapshot", async () => {
    gateway.snapshot(7);
    await happened("snapshot 7");
    gateway.peer!.send("[1]");
    await gateway.next("resync");
    expect(log).toContain("notice client");
  });

  it("measures latency from its pings", async () => {
    const ping = await gateway.next("ping");
    gateway.say({ type: "pong", nonce: ping.nonce, time: ping.time, tick: 5, server_time_ms: Date.now() });
    gateway.snapshot(7);
    await happened("snapshot 7");
    expect(client.clock.latencyMs()).toBeGreaterThanOrEqual(0);
  });
});

it("waits longer after each failure, never longer than the cap", () => {
  const backoff = new Backoff(() => 1);
  const pauses = Array.from({ length: 8 }, () => backoff.nextMs());
  expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
  backoff.reset();
  expect(backoff.nextMs()).toBe(250);
});
