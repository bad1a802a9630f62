/**
 * One player's connection to the gateway: says hello, keeps the state current, numbers the acts and repeats the
 * unanswered ones after a break, under the same number, so that none is applied twice or lost.
 */
import { Backoff } from "./backoff.ts";
import { ServerClock } from "./clock.ts";
import {
  type Act,
  CLOSE_REASONS,
  type Limits,
  parseServerMessage,
  PROTOCOL_VERSION,
  ProtocolError,
  type ServerMessage,
  SUBPROTOCOL,
  type WorldInfo,
} from "./protocol.ts";
import type { SavedSession, SessionMemory } from "./session_memory.ts";
import { type Applied, WorldState } from "./state.ts";

const PING_EVERY_MS = 4000;
/** Nothing heard for this long means the line is dead, whatever the browser still believes. */
const SILENCE_MS = 15000;
/** Time for the connection to open and the hello to be answered. */
const OPEN_TIMEOUT_MS = 10000;

export type Connection =
  | { phase: "connecting" }
  | { phase: "open" }
  | { phase: "waiting"; reason: string; untilMs: number }
  | { phase: "refused"; reason: string; code: number };

export interface Refusal {
  code: string;
  message: string;
  detail?: string | undefined;
  hint?: string | undefined;
}

export interface ClientEvents {
  connection?(connection: Connection): void;
  hello?(world: WorldInfo): void;
  /** New state is in `client.state`; `fresh` after a snapshot, when every column is touched. */
  state?(touched: Applied, fresh: boolean): void;
  /** `client.durableTick` has caught up with what was shown before. */
  durable?(): void;
  /** The act was applied at `tick` and is durable. `result` is `{"duplicate": true}` for a repeated one. */
  ack?(act: Act, tick: number, result: unknown): void;
  rejected?(act: Act, refusal: Refusal): void;
  /** An error that answers no act. */
  notice?(refusal: Refusal): void;
  database?(status: "ok" | "lost", message: string): void;
  latency?(latencyMs: number): void;
}

export interface ClientOptions {
  url: string;
  memory: SessionMemory;
  events: ClientEvents;
  /** World to enter; the gateway's lowest otherwise. */
  world?: number;
  backoff?: Backoff;
}

/** Thrown by `act` when the unanswered acts have reached the limit the server named. */
export class TooManyPending extends Error {}

export class GameClient {
  readonly state = new WorldState();
  readonly clock = new ServerClock();
  connection: Connection = { phase: "connecting" };
  world: WorldInfo | undefined;
  /** All up to this tick is on disk; a relaxed world shows later ones. −1 before the first state. */
  durableTick = -1;
  session: SavedSession;
  private limits: Limits = { max_message_bytes: 4096, acts_per_second: 30, max_pending_acts: 32 };
  private readonly options: ClientOptions;
  private readonly backoff: Backoff;
  private readonly pending = new Map<number, Act>();
  private socket: WebSocket | undefined;
  private greeted = false;
  private databaseOk = true;
  private awaitingSnapshot = false;
  private lastHeardMs = 0;
  private nonce = 0;
  private pings = new Map<number, number>();
  private heartbeat: ReturnType<typeof setInterval> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ClientOptions) {
    this.options = options;
    this.backoff = options.backoff ?? new Backoff();
    this.session = options.memory.load() ?? { token: "", lastSeq: 0, name: "", slot: -1 };
  }

  get pendingActs(): Act[] {
    return [...this.pending.values()];
  }

  /** Opens the connection, or tries again at once when waiting or refused. */
  connect(): void {
    clearTimeout(this.retry);
    this.dropSocket();
    this.setConnection({ phase: "connecting" });
    const socket = new WebSocket(this.options.url, SUBPROTOCOL);
    this.socket = socket;
    this.lastHeardMs = performance.now();
    socket.onopen = () => this.send(this.helloMessage());
    socket.onmessage = (event) => this.receive(socket, event.data);
    socket.onclose = (event) => this.closed(socket, event.code, event.reason);
    clearInterval(this.heartbeat);
    this.heartbeat = setInterval(() => this.beat(), PING_EVERY_MS);
  }

  /** Says goodbye and stays away. */
  close(): void {
    clearTimeout(this.retry);
    clearInterval(this.heartbeat);
    this.dropSocket(1000);
    this.setConnection({ phase: "refused", reason: CLOSE_REASONS[1000].text, code: 1000 });
  }

  /**
   * Sends one action, now or as soon as there is a connection.
   * @returns the act with its sequence number
   * @throws TooManyPending
   */
  act(action: string, args: Record<string, unknown>): Act {
    if (this.pending.size >= this.limits.max_pending_acts)
      throw new TooManyPending(`${this.pending.size} acts are still unanswered`);
    const stored = this.options.memory.load();
    const last =
      stored?.token === this.session.token ? Math.max(stored.lastSeq, this.session.lastSeq) : this.session.lastSeq;
    const act: Act = { seq: last + 1, action, args };
    this.remember({ lastSeq: act.seq });
    this.pending.set(act.seq, act);
    if (this.greeted && this.databaseOk) this.sendAct(act);
    return act;
  }

  /** Keeps what is known about ourselves across reloads. */
  remember(known: Partial<SavedSession>): void {
    this.session = { ...this.session, ...known };
    if (this.session.token) this.options.memory.save(this.session);
  }

  private helloMessage(): Record<string, unknown> {
    const message: Record<string, unknown> = { type: "hello", protocol: PROTOCOL_VERSION };
    if (this.options.world !== undefined) message.world = this.options.world;
    if (this.session.token) message.token = this.session.token;
    return message;
  }

  private sendAct(act: Act): void {
    if (act.action === "join") this.send({ type: "join", seq: act.seq, name: act.args.name });
    else this.send({ type: "act", seq: act.seq, action: act.action, args: act.args });
  }

  private send(message: Record<string, unknown>): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  private receive(socket: WebSocket, data: unknown): void {
    if (socket !== this.socket || typeof data !== "string") return;
    this.lastHeardMs = performance.now();
    try {
      this.handle(parseServerMessage(data));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.options.events.notice?.({
        code: "client",
        message: `The server said something this page does not understand: ${error.message}.`,
        hint: "Reload the page; if it stays, page and server are of different versions.",
      });
      this.resync();
    }
  }

  private handle(message: ServerMessage): void {
    const { events } = this.options;
    switch (message.type) {
      case "hello":
        return this.welcomed(message);
      case "snapshot":
        this.awaitingSnapshot = false;
        this.durable(message.durableTick);
        return events.state?.(this.state.applySnapshot(message.tick, message.columns), true);
      case "delta":
        this.durable(message.durableTick);
        return this.applyDelta(message);
      case "durable":
        this.durable(message.tick);
        return events.durable?.();
      case "ack": {
        const act = this.pending.get(message.seq);
        this.pending.delete(message.seq);
        if (act) events.ack?.(act, message.tick, message.result);
        return;
      }
      case "error":
        return this.refused(message);
      case "pong":
        return this.ponged(message);
      case "status":
        this.databaseOk = message.database === "ok";
        this.durableTick = -1;
        events.database?.(message.database, message.message);
        if (this.databaseOk) this.sendPending();
        return;
    }
  }

  private welcomed(message: ServerMessage & { type: "hello" }): void {
    if (this.session.token !== message.token) {
      // Unanswered acts belong to the old identity's numbering, so they are numbered anew for the new one.
      const waiting = this.pendingActs;
      this.pending.clear();
      this.remember({ token: message.token, lastSeq: 0, slot: -1 });
      for (const act of waiting) {
        act.seq = this.session.lastSeq + 1;
        this.pending.set(act.seq, act);
        this.remember({ lastSeq: act.seq });
      }
    }
    this.limits = message.limits;
    this.world = message.world;
    this.state.reset(message.columns);
    this.greeted = true;
    this.databaseOk = true;
    this.awaitingSnapshot = true;
    this.durableTick = -1;
    this.backoff.reset();
    this.clock.reset();
    this.setConnection({ phase: "open" });
    this.options.events.hello?.(message.world);
    this.sendPending();
    this.ping();
  }

  /** A state may be told of after the message that says it is on disk. */
  private durable(tick: number): void {
    this.durableTick = Math.max(this.durableTick, tick);
  }

  private sendPending(): void {
    for (const act of this.pending.values()) this.sendAct(act);
  }

  private applyDelta(message: ServerMessage & { type: "delta" }): void {
    if (this.awaitingSnapshot) return;
    const outcome = this.state.applyDelta(message.tick, message.base, message.columns);
    if (outcome.kind === "gap") this.resync();
    else if (outcome.kind === "applied") this.options.events.state?.(outcome.touched, false);
  }

  /** Asks for a snapshot once and ignores deltas until it is here. */
  private resync(): void {
    this.state.invalidate();
    if (this.awaitingSnapshot) return;
    this.awaitingSnapshot = true;
    this.send({ type: "resync" });
  }

  private refused(message: ServerMessage & { type: "error" }): void {
    const act = message.seq === undefined ? undefined : this.pending.get(message.seq);
    if (!act) return this.options.events.notice?.(message);
    // The outcome of an act is open while the database is away: it stays pending and is sent again.
    if (message.code === "WGP06") return;
    this.pending.delete(act.seq);
    this.options.events.rejected?.(act, message);
  }

  private beat(): void {
    if (this.connection.phase === "waiting" || this.connection.phase === "refused") return;
    const silent = performance.now() - this.lastHeardMs;
    if (silent > (this.greeted ? SILENCE_MS : OPEN_TIMEOUT_MS)) {
      const socket = this.socket;
      this.dropSocket();
      if (socket) this.lost(CLOSE_REASONS[4008].text);
    } else if (this.greeted) this.ping();
  }

  private ping(): void {
    const nonce = ++this.nonce;
    this.pings.set(nonce, performance.now());
    if (this.pings.size > 8) this.pings.delete(this.pings.keys().next().value!);
    this.send({ type: "ping", nonce, time: Date.now() });
  }

  private ponged(message: ServerMessage & { type: "pong" }): void {
    const left = message.nonce === undefined ? undefined : this.pings.get(message.nonce);
    if (left === undefined) return;
    this.pings.delete(message.nonce!);
    const rtt = performance.now() - left;
    const now = Date.now();
    this.clock.record(now - rtt, now, message.serverTimeMs);
    this.options.events.latency?.(this.clock.latencyMs() ?? rtt);
  }

  private closed(socket: WebSocket, code: number, reason: string): void {
    if (socket !== this.socket) return;
    this.dropSocket();
    const known = CLOSE_REASONS[code];
    if (known && !known.retry) {
      clearInterval(this.heartbeat);
      this.setConnection({ phase: "refused", reason: known.text, code });
    } else this.lost(known?.text ?? (reason || "The connection was lost."));
  }

  private lost(reason: string): void {
    clearTimeout(this.retry);
    const pause = this.backoff.nextMs();
    this.setConnection({ phase: "waiting", reason, untilMs: Date.now() + pause });
    this.retry = setTimeout(() => this.connect(), pause);
  }

  private dropSocket(code?: number): void {
    const socket = this.socket;
    this.socket = undefined;
    this.greeted = false;
    this.state.invalidate();
    this.pings.clear();
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
  }

  private setConnection(connection: Connection): void {
    this.connection = connection;
    this.options.events.connection?.(connection);
  }
}
