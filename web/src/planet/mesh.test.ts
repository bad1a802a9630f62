import { describe, expect, it } from "vitest";
import { Grid } from "../grid.ts";
import { buildChunk, chunksOf, cornersOf, ROLE_SIDE_TOP } from "./mesh.ts";

describe.each([1, 4, 16, 32])("the meshes of a planet of frequency %i", (n) => {
  const grid = new Grid(n);
  const chunks = chunksOf(grid);

  it("hold every cell exactly once", () => {
    const cells = chunks.flatMap((c) => [...c]).sort((a, b) => a - b);
    expect(cells).toEqual(Array.from({ length: grid.cellCount }, (_, k) => k));
  });

  it("have six top triangles for a hexagon and five for a pentagon, all facing outwards", () => {
    let triangles = 0;
    chunks.forEach((cells, chunk) => {
      const mesh = buildChunk(grid, chunk, cells);
      triangles += mesh.topIndexCount / 3;
      for (let t = 0; t < mesh.topIndexCount; t += 3) {
        const [a, b, c] = [0, 1, 2].map((k) => [
          ...mesh.directions.subarray(4 * mesh.indices[t + k], 4 * mesh.indices[t + k] + 3),
        ]);
        const det =
          a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0]);
        expect(det).toBeGreaterThan(0);
      }
    });
    expect(triangles).toBe(6 * (10 * n * n - 10) + 5 * 12);
  });

  it("name across each wedge's edge the neighbour that has both its corners", () => {
    const mesh = buildChunk(grid, 0, chunks[0]);
    for (let t = 0; t < mesh.topIndexCount; t += 3) {
      const [, b, c] = [mesh.indices[t], mesh.indices[t + 1], mesh.indices[t + 2]];
      const neighbour = mesh.cells[2 * c + 1];
      const theirs = cornersOf(grid, neighbour).corners.map((corner) =>
        corner.map((v) => Math.round(v * 32767)).join(),
      );
      for (const vertex of [b, c])
        expect(theirs).toContain([...mesh.directions.subarray(4 * vertex, 4 * vertex + 3)].join());
    }
  });
});

it("cover the sphere: the tiles' areas add up to 4π", () => {
  const grid = new Grid(8);
  let area = 0;
  const centres = grid.centres();
  for (let cell = 0; cell < grid.cellCount; cell++) {
    const { corners } = cornersOf(grid, cell);
    const p = [centres[3 * cell], centres[3 * cell + 1], centres[3 * cell + 2]];
    corners.forEach((q, k) => {
      const r = corners[(k + 1) % corners.length];
      const dot = (u: number[], v: number[]) => u[0] * v[0] + u[1] * v[1] + u[2] * v[2];
      const det =
        p[0] * (q[1] * r[2] - q[2] * r[1]) - p[1] * (q[0] * r[2] - q[2] * r[0]) + p[2] * (q[0] * r[1] - q[1] * r[0]);
      area += 2 * Math.atan2(det, 1 + dot(p, q) + dot(q, r) + dot(r, p));
    });
  }
  expect(area).toBeCloseTo(4 * Math.PI, 10);
});

it("keep sides apart from tops", () => {
  const grid = new Grid(4);
  const mesh = buildChunk(grid, 0, chunksOf(grid)[0]);
  const role = (k: number) => mesh.directions[4 * mesh.indices[k] + 3];
  for (let k = 0; k < mesh.indices.length; k++) expect(role(k) >= ROLE_SIDE_TOP).toBe(k >= mesh.topIndexCount);
});
