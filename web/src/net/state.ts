/**
 * The world's columns as the client last heard of them. Knows nothing of sockets or the page: snapshots and
 * deltas go in, typed arrays and lists of changed slots come out.
 */
import { type Change, type ColumnInfo, type Columns, ProtocolError, type Scalar } from "./protocol.ts";

/** More slots than the largest planet this client can draw; what asks for more is refused, not allocated. */
export const MAX_SLOTS = 1 << 24;

export type Values = Uint8Array | Int32Array | Float64Array | Scalar[];

/** Slots of one column that a message touched; `"all"` when it named every slot. */
export type Touched = "all" | Int32Array;

export type Applied = ReadonlyMap<string, Touched>;

export type DeltaOutcome = { kind: "applied"; touched: Applied } | { kind: "stale" } | { kind: "gap" };

function allocate(type: string, length: number): Values {
  switch (type) {
    case "u8":
      return new Uint8Array(length);
    case "i16":
    case "i32":
      return new Int32Array(length);
    case "f32":
    case "f64":
      return new Float64Array(length);
    default:
      return new Array<Scalar>(length).fill(type.startsWith("text") ? "" : 0);
  }
}

export class WorldState {
  /** Tick of the last message applied; −1 before the first snapshot. */
  tick = -1;
  private readonly columns = new Map<string, Values>();
  private types = new Map<string, string>();

  /** Forgets everything; `columns` are those the server named in its hello. */
  reset(columns: ColumnInfo[]): void {
    this.tick = -1;
    this.columns.clear();
    this.types = new Map(columns.map((c) => [c.name, c.type]));
  }

  /** A deltas' base is lost (another world, a new connection): only a snapshot helps now. */
  invalidate(): void {
    this.tick = -1;
  }

  column(name: string): Values | undefined {
    return this.columns.get(name);
  }

  bytes(name: string): Uint8Array | undefined {
    const values = this.columns.get(name);
    return values instanceof Uint8Array ? values : undefined;
  }

  integers(name: string): Int32Array | undefined {
    const values = this.columns.get(name);
    return values instanceof Int32Array ? values : undefined;
  }

  texts(name: string): string[] {
    const values = this.columns.get(name);
    return Array.isArray(values) ? values.map(String) : [];
  }

  applySnapshot(tick: number, columns: Columns): Applied {
    this.columns.clear();
    this.tick = tick;
    return this.applyColumns(columns);
  }

  applyDelta(tick: number, base: number, columns: Columns): DeltaOutcome {
    if (this.tick < 0) return { kind: "gap" };
    if (tick <= this.tick) return { kind: "stale" };
    if (base !== this.tick) return { kind: "gap" };
    this.tick = tick;
    return { kind: "applied", touched: this.applyColumns(columns) };
  }

  private applyColumns(columns: Columns): Applied {
    const touched = new Map<string, Touched>();
    for (const [name, change] of Object.entries(columns)) touched.set(name, this.applyChange(name, change));
    return touched;
  }

  private applyChange(name: string, change: Change): Touched {
    if (change.kind === "gaps") return this.applyGaps(name, change.gaps, change.values);
    const type = this.types.get(name) ?? "";
    const length = change.kind === "dense" ? change.values.length : totalOf(name, change.runs);
    limitSlots(name, length);
    const values = allocate(type, length);
    if (change.kind === "dense") for (let k = 0; k < length; k++) values[k] = change.values[k] as never;
    else fillRuns(values, change.runs);
    this.columns.set(name, values);
    return "all";
  }

  private applyGaps(name: string, gaps: number[], changed: Scalar[]): Touched {
    const slots = new Int32Array(gaps.length);
    let slot = -1;
    for (let k = 0; k < gaps.length; k++) {
      if (!Number.isInteger(gaps[k]) || gaps[k] < 0)
        throw new ProtocolError(`column "${name}" has a gap of ${gaps[k]}`);
      slot += 1 + gaps[k];
      limitSlots(name, slot + 1);
      slots[k] = slot;
    }
    let values = this.columns.get(name);
    if (!values || values.length <= slot) values = this.grow(name, slot + 1);
    for (let k = 0; k < slots.length; k++) values[slots[k]] = changed[k] as never;
    return slots;
  }

  private grow(name: string, length: number): Values {
    const larger = allocate(this.types.get(name) ?? "", length);
    const old = this.columns.get(name);
    if (old) for (let k = 0; k < old.length; k++) larger[k] = old[k] as never;
    this.columns.set(name, larger);
    return larger;
  }
}

function limitSlots(name: string, length: number): void {
  if (length > MAX_SLOTS) throw new ProtocolError(`column "${name}" has more than ${MAX_SLOTS} slots`);
}

function totalOf(name: string, runs: Scalar[]): number {
  let total = 0;
  for (let k = 0; k < runs.length; k += 2) {
    const count = runs[k];
    if (typeof count !== "number" || !Number.isInteger(count) || count < 0)
      throw new ProtocolError(`column "${name}" has a run of ${String(count)}`);
    total += count;
  }
  return total;
}

function fillRuns(values: Values, runs: Scalar[]): void {
  let slot = 0;
  for (let k = 0; k < runs.length; k += 2) {
    const end = slot + (runs[k] as number);
    values.fill(runs[k + 1] as never, slot, end);
    slot = end;
  }
}
