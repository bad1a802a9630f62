/**
 * Tiles as triangles. A chunk of cells becomes one mesh that never changes: heights and colours are read in the
 * shader from the state texture, so a tick uploads a few bytes for each cell and touches no geometry.
 *
 * A top is a fan of its real dual corners (normalised centroids of three neighbouring centres). The last vertex
 * of each triangle is the provoking one and names the neighbour across that edge, which gives every wedge flat
 * knowledge of both its cells without more vertices. A side is a quad from the tile's own height to its
 * neighbour's, degenerate where the neighbour stands higher.
 */
import { DIRECTIONS, type Grid, NO_CELL } from "../grid.ts";

export const CHUNK_EDGE = 16;

/** Vertex roles in the fourth component of `directions`. A rim or side vertex adds its corner's number. */
export const ROLE_CENTRE = 0;
export const ROLE_RIM_HEXAGON = 8;
export const ROLE_RIM_PENTAGON = 16;
export const ROLE_SIDE_TOP = 32;
export const ROLE_SIDE_BOTTOM = 40;

export interface ChunkMesh {
  chunk: number;
  /** Unit directions scaled to ±32767 and the role, four to a vertex. */
  directions: Int16Array;
  /** The cell and the neighbour, two to a vertex. */
  cells: Uint32Array;
  /** Triangles of all tops, then those of all sides. */
  indices: Uint16Array;
  topIndexCount: number;
  /** Unit direction to the middle of the chunk and the angle that covers it, radians. */
  middle: [number, number, number];
  angle: number;
}

/** The cells of each chunk; the poles belong to the first and the last strip's chunk beside them. */
export function chunksOf(grid: Grid): Int32Array[] {
  const edge = Math.min(CHUNK_EDGE, grid.n);
  const chunks: Int32Array[] = [];
  for (let strip = 0; strip < 5; strip++)
    for (let cj = 0; cj < (2 * grid.n) / edge; cj++)
      for (let ci = 0; ci < grid.n / edge; ci++) {
        const cells: number[] = [];
        for (let j = cj * edge; j < (cj + 1) * edge; j++)
          for (let i = ci * edge + 1; i <= (ci + 1) * edge; i++) cells.push(grid.indexOf({ strip, i, j }));
        if (cells[0] === grid.indexOf({ strip: 0, i: 1, j: 0 })) cells.push(grid.north);
        if (cells[cells.length - 1] === grid.indexOf({ strip: 4, i: grid.n, j: 2 * grid.n - 1 }))
          cells.push(grid.south);
        chunks.push(Int32Array.from(cells));
      }
  return chunks;
}

/** Neighbours in counter-clockwise order seen from outside; the south pole's strips run the other way round. */
function ringOf(grid: Grid, cell: number): number[] {
  const table = grid.neighbours();
  const ring: number[] = [];
  for (let d = 0; d < DIRECTIONS; d++) {
    const neighbour = table[cell * DIRECTIONS + d];
    if (neighbour !== NO_CELL) ring.push(neighbour);
  }
  return cell === grid.south ? ring.reverse() : ring;
}

/** The corner shared by three cells. Sums in ascending order, so that all three cells get the same bits. */
export function cornerOf(centres: Float64Array, a: number, b: number, c: number): [number, number, number] {
  const [p, q, r] = [a, b, c].sort((u, v) => u - v).map((cell) => 3 * cell);
  const x = centres[p] + centres[q] + centres[r];
  const y = centres[p + 1] + centres[q + 1] + centres[r + 1];
  const z = centres[p + 2] + centres[q + 2] + centres[r + 2];
  const length = Math.sqrt(x * x + y * y + z * z);
  return [x / length, y / length, z / length];
}

/** Corner k lies between neighbours k and k + 1. */
export function cornersOf(grid: Grid, cell: number): { ring: number[]; corners: [number, number, number][] } {
  const ring = ringOf(grid, cell);
  const centres = grid.centres();
  const corners = ring.map((a, k) => cornerOf(centres, cell, a, ring[(k + 1) % ring.length]));
  return { ring, corners };
}

class Writer {
  readonly directions: number[] = [];
  readonly cells: number[] = [];
  readonly tops: number[] = [];
  readonly sides: number[] = [];

  vertex(direction: ArrayLike<number>, role: number, cell: number, neighbour: number): number {
    for (let axis = 0; axis < 3; axis++) this.directions.push(Math.round(direction[axis] * 32767));
    this.directions.push(role);
    this.cells.push(cell, neighbour);
    return this.directions.length / 4 - 1;
  }
}

function writeTile(writer: Writer, grid: Grid, cell: number): void {
  const { ring, corners } = cornersOf(grid, cell);
  const edges = ring.length;
  const rim = edges === 5 ? ROLE_RIM_PENTAGON : ROLE_RIM_HEXAGON;
  const centre = writer.vertex(grid.centres().subarray(3 * cell, 3 * cell + 3), ROLE_CENTRE, cell, cell);
  for (let k = 0; k < edges; k++) writer.vertex(corners[k], rim + k, cell, ring[k]);
  for (let k = 0; k < edges; k++) {
    const before = (k + edges - 1) % edges;
    writer.tops.push(centre, centre + 1 + before, centre + 1 + k);
    const a = writer.vertex(corners[before], ROLE_SIDE_BOTTOM, cell, ring[k]);
    const b = writer.vertex(corners[k], ROLE_SIDE_BOTTOM, cell, ring[k]);
    const c = writer.vertex(corners[k], ROLE_SIDE_TOP, cell, ring[k]);
    const d = writer.vertex(corners[before], ROLE_SIDE_TOP, cell, ring[k]);
    writer.sides.push(a, b, c, a, c, d);
  }
}

export function buildChunk(grid: Grid, chunk: number, cells: Int32Array): ChunkMesh {
  const writer = new Writer();
  for (const cell of cells) writeTile(writer, grid, cell);
  const directions = Int16Array.from(writer.directions);
  const [middle, angle] = boundsOf(directions);
  return {
    chunk,
    directions,
    cells: Uint32Array.from(writer.cells),
    indices: Uint16Array.from([...writer.tops, ...writer.sides]),
    topIndexCount: writer.tops.length,
    middle,
    angle,
  };
}

function boundsOf(directions: Int16Array): [[number, number, number], number] {
  const sum = [0, 0, 0];
  for (let v = 0; v < directions.length; v += 4) for (let axis = 0; axis < 3; axis++) sum[axis] += directions[v + axis];
  const length = Math.hypot(...sum);
  const middle: [number, number, number] = [sum[0] / length, sum[1] / length, sum[2] / length];
  let least = 1;
  for (let v = 0; v < directions.length; v += 4) {
    const dot = (directions[v] * middle[0] + directions[v + 1] * middle[1] + directions[v + 2] * middle[2]) / 32767;
    least = Math.min(least, dot);
  }
  return [middle, Math.acos(Math.max(-1, least))];
}
