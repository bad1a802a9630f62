/** The wire protocol of docs/protocol.md, version 1, as types, and the one place where received text is checked. */

export const PROTOCOL_VERSION = 1;
export const SUBPROTOCOL = "gamelan.v1.json";

export type Scalar = number | string | boolean;

export type Change =
  | { kind: "dense"; values: Scalar[] }
  | { kind: "runs"; runs: Scalar[] }
  | { kind: "gaps"; gaps: number[]; values: Scalar[] };

export type Columns = Record<string, Change>;

export interface WorldInfo {
  id: number;
  name: string;
  game: string;
  state: string;
  tick: number;
  tick_rate: number;
  config: Record<string, unknown>;
}

export interface Limits {
  max_message_bytes: number;
  acts_per_second: number;
  max_pending_acts: number;
}

export interface ColumnInfo {
  name: string;
  type: string;
}

export type ServerMessage =
  | {
      type: "hello";
      session: string;
      token: string;
      world: WorldInfo;
      columns: ColumnInfo[];
      limits: Limits;
      server: string;
      serverTimeMs: number;
    }
  | { type: "snapshot"; tick: number; durableTick: number; columns: Columns }
  | { type: "delta"; tick: number; durableTick: number; base: number; columns: Columns }
  | { type: "durable"; tick: number }
  | { type: "ack"; seq: number; tick: number; result: unknown }
  | {
      type: "error";
      seq: number | undefined;
      code: string;
      message: string;
      detail: string | undefined;
      hint: string | undefined;
    }
  | { type: "pong"; nonce: number | undefined; time: number; tick: number; serverTimeMs: number }
  | { type: "status"; database: "ok" | "lost"; message: string };

export type Action = "join" | "claim" | "plant" | "harvest";

export interface Act {
  seq: number;
  action: string;
  args: Record<string, unknown>;
}

/** What close codes mean for the client: whether another attempt can succeed, and words for the player. */
export const CLOSE_REASONS: Record<number, { retry: boolean; text: string }> = {
  1000: { retry: false, text: "The session has ended." },
  1001: { retry: true, text: "The gateway is restarting." },
  1009: { retry: false, text: "The gateway refused a message as too big." },
  4000: { retry: false, text: "This page is too old or too new for the server. Reload it." },
  4001: { retry: false, text: "The gateway could not read what this page sent." },
  4002: { retry: false, text: "The gateway expected a greeting first." },
  4004: { retry: false, text: "There is no such world on this server." },
  4008: { retry: true, text: "The connection was idle too long." },
  4009: { retry: false, text: "You are playing in another tab or window." },
};

type Json = Record<string, unknown>;

export class ProtocolError extends Error {}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function number(json: Json, member: string): number {
  const value = json[member];
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value === "string" && /^-?\d+$/.test(value)) return Number(value);
  throw new ProtocolError(`"${String(json.type)}" has no number "${member}"`);
}

function text(json: Json, member: string): string {
  const value = json[member];
  if (typeof value === "string") return value;
  throw new ProtocolError(`"${String(json.type)}" has no string "${member}"`);
}

function optionalText(json: Json, member: string): string | undefined {
  return typeof json[member] === "string" ? json[member] : undefined;
}

function object(json: Json, member: string): Json {
  const value = json[member];
  if (isObject(value)) return value;
  throw new ProtocolError(`"${String(json.type)}" has no object "${member}"`);
}

function change(name: string, value: unknown): Change {
  if (isObject(value)) {
    if (Array.isArray(value.gaps) && Array.isArray(value.values)) {
      if (value.gaps.length !== value.values.length)
        throw new ProtocolError(`column "${name}" has ${value.gaps.length} gaps for ${value.values.length} values`);
      return { kind: "gaps", gaps: value.gaps as number[], values: value.values as Scalar[] };
    }
    if (Array.isArray(value.runs)) {
      if (value.runs.length % 2) throw new ProtocolError(`column "${name}" has half a run`);
      return { kind: "runs", runs: value.runs as Scalar[] };
    }
    if (Array.isArray(value.values)) return { kind: "dense", values: value.values as Scalar[] };
  }
  throw new ProtocolError(`column "${name}" has a change of no known form`);
}

function columns(json: Json): Columns {
  return Object.fromEntries(
    Object.entries(object(json, "columns")).map(([name, value]) => [name, change(name, value)]),
  );
}

/** What a state says to be on disk: all of it, unless it names an earlier tick. */
function durableTick(json: Json): number {
  return number(json, json.durable_tick === undefined ? "tick" : "durable_tick");
}

function hello(json: Json): ServerMessage {
  const world = object(json, "world");
  const limits = isObject(json.limits) ? json.limits : {};
  const limit = (name: string, otherwise: number) => (typeof limits[name] === "number" ? limits[name] : otherwise);
  return {
    type: "hello",
    session: optionalText(json, "session") ?? "",
    token: text(json, "token"),
    server: typeof json.server === "string" ? json.server : "",
    serverTimeMs: typeof json.server_time_ms === "number" ? json.server_time_ms : Number.NaN,
    columns: (Array.isArray(json.columns) ? json.columns : []) as ColumnInfo[],
    world: {
      id: number(world, "id"),
      name: text(world, "name"),
      game: text(world, "game"),
      state: optionalText(world, "state") ?? "",
      tick: number(world, "tick"),
      tick_rate: number(world, "tick_rate"),
      config: isObject(world.config) ? world.config : {},
    },
    limits: {
      max_message_bytes: limit("max_message_bytes", 4096),
      acts_per_second: limit("acts_per_second", 30),
      max_pending_acts: limit("max_pending_acts", 32),
    },
  };
}

/**
 * Reads one message of the server.
 * @throws ProtocolError when it is not one that version 1 knows.
 */
export function parseServerMessage(received: string): ServerMessage {
  let json: unknown;
  try {
    json = JSON.parse(received);
  } catch {
    throw new ProtocolError("not JSON");
  }
  if (!isObject(json)) throw new ProtocolError("not a JSON object");
  switch (json.type) {
    case "hello":
      return hello(json);
    case "snapshot":
      return { type: "snapshot", tick: number(json, "tick"), durableTick: durableTick(json), columns: columns(json) };
    case "delta":
      return {
        type: "delta",
        tick: number(json, "tick"),
        durableTick: durableTick(json),
        base: number(json, "base"),
        columns: columns(json),
      };
    case "durable":
      return { type: "durable", tick: number(json, "tick") };
    case "ack":
      return { type: "ack", seq: number(json, "seq"), tick: number(json, "tick"), result: json.result };
    case "error":
      return {
        type: "error",
        seq: typeof json.seq === "number" ? json.seq : undefined,
        code: text(json, "code"),
        message: text(json, "message"),
        detail: optionalText(json, "detail"),
        hint: optionalText(json, "hint"),
      };
    case "pong":
      return {
        type: "pong",
        nonce: typeof json.nonce === "number" ? json.nonce : undefined,
        time: typeof json.time === "number" ? json.time : Number.NaN,
        tick: typeof json.tick === "number" ? json.tick : Number.NaN,
        serverTimeMs: typeof json.server_time_ms === "number" ? json.server_time_ms : Number.NaN,
      };
    case "status":
      return {
        type: "status",
        database: json.database === "ok" ? "ok" : "lost",
        message: optionalText(json, "message") ?? "",
      };
    default:
      throw new ProtocolError(`unknown message type ${JSON.stringify(json.type)}`);
  }
}
