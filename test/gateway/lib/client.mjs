// A client of the wire protocol: keeps every message, applies states, checks what must hold for all of them.
import { WebSocket } from "ws";
import { ClientState } from "./state.mjs";

const limitMs = 30_000; // ends a test that would hang; no verdict hangs on it

let players = 0;
export const unique = (name) => `${name} ${process.pid % 10000}.${++players}`;

export class Client {
  messages = [];
  states = new ClientState();
  problems = [];
  #waiting = [];
  #seq = 0;

  static async connect(gateway, { protocols = ["gamelan.v1.json"] } = {}) {
    const client = new Client();
    client.socket = new WebSocket(gateway.address, protocols, { perMessageDeflate: false });
    client.closed = new Promise((resolve) =>
      client.socket.on("close", (code, reason) => {
        client.closeCode = code;
        resolve({ code, reason: reason.toString() });
        client.#wake();
      }),
    );
    client.socket.on("message", (data, binary) => client.#take(data, binary));
    await new Promise((resolve, reject) => {
      client.socket.once("open", resolve);
      client.socket.once("error", reject);
    });
    client.socket.on("error", () => {});
    return client;
  }

  // Connects, says hello, waits for the answer and the snapshot.
  // Names are made unique: a world refuses a second player of the same name.
  static async join(gateway, { name, ...hello } = {}) {
    const client = await Client.connect(gateway);
    await client.hello(hello);
    await client.next("snapshot");
    if (name) {
      const answer = await client.act("join", { name: unique(name) });
      if (answer.type !== "ack") throw new Error(`join was refused: ${JSON.stringify(answer)}`);
    }
    return client;
  }

  async hello(members = {}) {
    this.send({ type: "hello", protocol: 1, ...members });
    this.welcome = await this.next("hello");
    return this.welcome;
  }

  send(message) {
    this.sendRaw(JSON.stringify(message));
  }

  sendRaw(data, options) {
    this.socket.send(data, options);
  }

  nextSeq() {
    return ++this.#seq;
  }

  // Sends an act and waits for its answer, an ack or an error.
  act(action, args, seq = this.nextSeq()) {
    this.#seq = Math.max(this.#seq, seq);
    this.send(action === "join" ? { type: "join", seq, ...args } : { type: "act", seq, action, args });
    return this.answer(seq);
  }

  answer(seq) {
    return this.next((m) => (m.type === "ack" || m.type === "error") && m.seq === seq, `an answer to ${seq}`);
  }

  // The first message not taken yet that fits: a type or a test.
  async next(wanted, what = String(wanted)) {
    const fits = typeof wanted === "string" ? (m) => m.type === wanted : wanted;
    const end = Date.now() + limitMs;
    for (;;) {
      const found = this.messages.find((m) => !m.taken && fits(m.body));
      if (found) {
        found.taken = true;
        return found.body;
      }
      if (this.closeCode !== undefined) throw new Error(`closed with ${this.closeCode} while waiting for ${what}`);
      if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, Math.max(1, end - Date.now()));
        this.#waiting.push(() => (clearTimeout(timer), resolve()));
      });
    }
  }

  // Waits until the state has reached `tick`.
  async reach(tick) {
    while (this.states.tick === null || this.states.tick < tick) {
      this.messages.forEach((m) => (m.body.type === "delta" || m.body.type === "snapshot") && (m.taken = true));
      await this.next((m) => m.type === "delta" || m.type === "snapshot", `tick ${tick}`);
    }
  }

  async leave() {
    this.socket.close();
    await this.closed;
    if (this.problems.length > 0) throw new Error(this.problems.join("; "));
  }

  #take(data, binary) {
    if (binary) this.problems.push("a binary message came");
    const body = JSON.parse(data.toString("utf8"));
    this.messages.push({ body, taken: false });
    if (this.messages.length > 20_000) this.messages.splice(0, 10_000);
    if (body.type === "snapshot" || body.type === "delta") {
      try {
        this.states.apply(body);
      } catch (error) {
        this.problems.push(error.message);
      }
    }
    const late = body.type === "ack" && !body.result?.duplicate && this.states.tick >= body.tick;
    if (late) this.problems.push(`the ack of tick ${body.tick} came after the state of ${this.states.tick}`);
    this.#wake();
  }

  #wake() {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
