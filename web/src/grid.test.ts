import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { DIRECTIONS, Grid, NO_CELL } from "./grid.ts";

const SIZES = [1, 2, 4, 8, 16];

function neighboursOf(grid: Grid, cell: number): number[] {
  const row = grid.neighbours().subarray(cell * DIRECTIONS, (cell + 1) * DIRECTIONS);
  return [...row].filter((c) => c !== NO_CELL);
}

describe.each(SIZES)("a grid of frequency %i", (n) => {
  const grid = new Grid(n);

  it("has 10n² + 2 cells whose index and id go there and back", () => {
    expect(grid.cellCount).toBe(10 * n * n + 2);
    for (let cell = 0; cell < grid.cellCount; cell++) {
      expect(grid.indexOf(grid.cellAt(cell))).toBe(cell);
      const id = grid.cellId(cell, 7, -2);
      expect(grid.fromCellId(id)).toEqual({ index: cell, world: 7, layer: -2 });
    }
  });

  it("has twelve cells with five neighbours and no other that differs from six", () => {
    const degrees = new Map<number, number>();
    for (let cell = 0; cell < grid.cellCount; cell++) {
      const around = neighboursOf(grid, cell);
      expect(new Set(around).size).toBe(around.length);
      expect(around).not.toContain(cell);
      expect(grid.isPentagon(cell)).toBe(around.length === 5);
      degrees.set(around.length, (degrees.get(around.length) ?? 0) + 1);
    }
    expect(degrees.get(5)).toBe(12);
    expect(degrees.get(6) ?? 0).toBe(10 * n * n - 10);
  });

  it("is symmetric, with 30n² edges and 20n² triples of mutual neighbours", () => {
    let edges = 0;
    let triples = 0;
    for (let cell = 0; cell < grid.cellCount; cell++) {
      const around = neighboursOf(grid, cell);
      for (const other of around) {
        expect(neighboursOf(grid, other)).toContain(cell);
        if (other > cell) edges++;
      }
      around.forEach((a, k) => {
        const b = around[(k + 1) % around.length];
        expect(neighboursOf(grid, a)).toContain(b);
        if (cell < a && cell < b) triples++;
      });
    }
    expect(edges).toBe(30 * n * n);
    expect(triples).toBe(20 * n * n);
  });

  it("counts hops from the north pole as i + J and has diameter 3n", () => {
    const hops = new Int32Array(grid.cellCount).fill(-1);
    let front = [grid.north];
    hops[grid.north] = 0;
    for (let distance = 1; front.length; distance++) {
      const next: number[] = [];
      for (const cell of front)
        for (const other of neighboursOf(grid, cell))
          if (hops[other] < 0) {
            hops[other] = distance;
            next.push(other);
          }
      front = next;
    }
    for (let cell = 0; cell < grid.cellCount; cell++) expect(hops[cell]).toBe(grid.hopsFromNorth(cell));
    expect(Math.max(...hops)).toBe(3 * n);
  });

  it("finds every cell from its own centre and agrees with brute force elsewhere", () => {
    const centres = grid.centres();
    for (let cell = 0; cell < grid.cellCount; cell++)
      expect(grid.nearest(centres[3 * cell], centres[3 * cell + 1], centres[3 * cell + 2])).toBe(cell);
    const random = randomDirections(0x6e61 + n);
    for (let k = 0; k < 200; k++) {
      const [x, y, z] = random();
      let best = 0;
      let bestDot = -2;
      for (let cell = 0; cell < grid.cellCount; cell++) {
        const dot = centres[3 * cell] * x + centres[3 * cell + 1] * y + centres[3 * cell + 2] * z;
        if (dot > bestDot) [best, bestDot] = [cell, dot];
      }
      expect(grid.nearest(x, y, z)).toBe(best);
    }
  });
});

it("walks straight for exactly 5n steps or into a pentagon", () => {
  const n = 4;
  const grid = new Grid(n);
  let stopped = 0;
  for (let cell = 0; cell < grid.north; cell++) {
    if (grid.isPentagon(cell)) continue;
    for (let d = 0; d < DIRECTIONS; d++) {
      let [at, from] = [grid.step(cell, d), cell];
      let steps = 1;
      while (at !== cell && !grid.isPentagon(at)) {
        const around = neighboursOf(grid, at);
        const back = around.indexOf(from);
        [at, from] = [around[(back + 3) % 6], at];
        steps++;
        expect(steps).toBeLessThanOrEqual(5 * n);
      }
      if (grid.isPentagon(at)) stopped++;
      else expect(steps).toBe(5 * n);
    }
  }
  expect(stopped).toBeGreaterThan(0);
});

it("turns its neighbours counter-clockwise seen from outside", () => {
  const grid = new Grid(8);
  const c = grid.centres();
  for (let cell = 0; cell < grid.north; cell++) {
    const around = neighboursOf(grid, cell);
    around.forEach((a, k) => {
      const b = around[(k + 1) % around.length];
      const [ax, ay, az] = [c[3 * a], c[3 * a + 1], c[3 * a + 2]];
      const [bx, by, bz] = [c[3 * b], c[3 * b + 1], c[3 * b + 2]];
      const turn =
        (ay * bz - az * by) * c[3 * cell] +
        (az * bx - ax * bz) * c[3 * cell + 1] +
        (ax * by - ay * bx) * c[3 * cell + 2];
      expect(turn).toBeGreaterThan(0);
    });
  }
});

it("refuses frequencies and ids that are none", () => {
  expect(() => new Grid(3)).toThrow(RangeError);
  expect(() => new Grid(0)).toThrow(RangeError);
  const grid = new Grid(4);
  expect(grid.fromCellId(0n)).toBeUndefined();
  expect(grid.fromCellId(grid.cellId(0, 1, 0) | 4n)).toBeUndefined();
  expect(grid.fromCellId(grid.cellId(grid.north, 1, 0) | 1n)).toBeUndefined();
});

/**
 * SHA-256 of the centres as little-endian doubles in dense order. The server's grid has to give the same bytes:
 * write its centres to a file and run sha256sum on it.
 */
it.each([
  [1, "ff652d6fc0773fa951c510090281412f46ffa8a315f15abafbf6927ddcdb2e3e"],
  [8, "4a1c384dbed594a81d3414dbeaa1ced842a9c456e076f4e252c9718941bf8c1a"],
  [64, "5435e8015ae62494274b13a814f0b44ff3052be68e959462f9d2cc38b02095a0"],
])("keeps the bits of the centres at frequency %i", (n, golden) => {
  const centres = new Grid(n).centres();
  expect(createHash("sha256").update(new Uint8Array(centres.buffer)).digest("hex")).toBe(golden);
});

function randomDirections(seed: number): () => [number, number, number] {
  let state = seed;
  const unit = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  return () => {
    for (;;) {
      const v: [number, number, number] = [unit(), unit(), unit()];
      const length = Math.hypot(...v);
      if (length > 0.1 && length <= 1) return v;
    }
  };
}
