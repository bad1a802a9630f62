import { describe, expect, it } from "vitest";
import { type Columns, ProtocolError } from "./protocol.ts";
import { MAX_SLOTS, WorldState } from "./state.ts";

const COLUMNS = [
  { name: "cell.amount", type: "u8" },
  { name: "cell.owner", type: "i32" },
  { name: "player.name", type: "text" },
];

function stateWith(columns: Columns, tick = 10): WorldState {
  const state = new WorldState();
  state.reset(COLUMNS);
  state.applySnapshot(tick, columns);
  return state;
}

describe("a snapshot", () => {
  it("fills columns from dense values and from runs", () => {
    const state = stateWith({
      "cell.amount": { kind: "dense", values: [1, 2, 255] },
      "cell.owner": { kind: "runs", runs: [2, 7, 3, 0] },
      "player.name": { kind: "dense", values: ["Ayu", ""] },
    });
    expect(state.tick).toBe(10);
    expect([...state.bytes("cell.amount")!]).toEqual([1, 2, 255]);
    expect([...state.integers("cell.owner")!]).toEqual([7, 7, 0, 0, 0]);
    expect(state.texts("player.name")).toEqual(["Ayu", ""]);
  });

  it("replaces everything that was there", () => {
    const state = stateWith({
      "cell.amount": { kind: "dense", values: [1] },
      "cell.owner": { kind: "dense", values: [4] },
    });
    state.applySnapshot(11, { "cell.amount": { kind: "dense", values: [9, 9] } });
    expect([...state.bytes("cell.amount")!]).toEqual([9, 9]);
    expect(state.integers("cell.owner")).toBeUndefined();
  });

  it("refuses broken runs and absurd sizes before allocating", () => {
    const state = stateWith({});
    expect(() => state.applySnapshot(1, { "cell.amount": { kind: "runs", runs: [-1, 0] } })).toThrow(ProtocolError);
    expect(() => state.applySnapshot(1, { "cell.amount": { kind: "runs", runs: [MAX_SLOTS + 1, 0] } })).toThrow(
      ProtocolError,
    );
    expect(() => state.applySnapshot(1, { "cell.amount": { kind: "gaps", gaps: [MAX_SLOTS], values: [1] } })).toThrow(
      ProtocolError,
    );
  });
});

describe("a delta", () => {
  const base = { "cell.amount": { kind: "runs" as const, runs: [8, 0] } };

  it("changes the slots its gaps name and reports them", () => {
    const state = stateWith(base);
    const outcome = state.applyDelta(11, 10, { "cell.amount": { kind: "gaps", gaps: [0, 0, 3], values: [5, 6, 7] } });
    expect([...state.bytes("cell.amount")!]).toEqual([5, 6, 0, 0, 0, 7, 0, 0]);
    expect(outcome.kind).toBe("applied");
    if (outcome.kind === "applied") expect([...(outcome.touched.get("cell.amount") as Int32Array)]).toEqual([0, 1, 5]);
    expect(state.tick).toBe(11);
  });

  it("may grow a column when players arrive", () => {
    const state = stateWith({ "player.name": { kind: "dense", values: ["Ayu"] } });
    state.applyDelta(12, 10, { "player.name": { kind: "gaps", gaps: [2], values: ["Budi"] } });
    expect(state.texts("player.name")).toEqual(["Ayu", "", "Budi"]);
  });

  it("is a gap when its base is not our tick, and leaves the state alone", () => {
    const state = stateWith(base);
    expect(state.applyDelta(13, 12, { "cell.amount": { kind: "gaps", gaps: [0], values: [1] } }).kind).toBe("gap");
    expect(state.bytes("cell.amount")![0]).toBe(0);
    expect(state.tick).toBe(10);
  });

  it("is stale when it ends at or before our tick", () => {
    expect(stateWith(base).applyDelta(10, 9, {}).kind).toBe("stale");
  });

  it("is a gap after the state was invalidated", () => {
    const state = stateWith(base);
    state.invalidate();
    expect(state.applyDelta(11, 10, {}).kind).toBe("gap");
  });
});
