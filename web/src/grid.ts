/**
 * The icosahedral hex grid, twin of the server's grid in C++ (`core/grid`).
 *
 * A class-I geodesic grid with subdivision n: 10n² + 2 cells, twelve of them pentagons, kept as five strips
 * of n × 2n cells and two poles. A strip k holds the cells (k, i, J) with i = 1..n and J = 0..2n−1; the dense
 * index is (2nk + J)·n + (i − 1), the poles are 10n² and 10n² + 1. The six directions run counter-clockwise
 * seen from outside: 0 south-west, 1 south-east, 2 east, 3 north-east, 4 north-west, 5 west.
 *
 * The centres come from recursive bisection, which needs only + × ÷ √; IEEE 754 rounds these the same way
 * everywhere, so browser and server agree on every bit of every centre.
 */

export const DIRECTIONS = 6;
export const NO_CELL = -1;

const STEP_I = [1, 0, -1, -1, 0, 1];
const STEP_J = [0, 1, 1, 0, -1, -1];

/** A cell on its strip. Poles have no strip: `strip` is −1 for the north, −2 for the south. */
export interface StripCell {
  strip: number;
  i: number;
  j: number;
}

const NORTH_POLE: StripCell = { strip: -1, i: 0, j: 0 };
const SOUTH_POLE: StripCell = { strip: -2, i: 0, j: 0 };

export class Grid {
  readonly n: number;
  readonly cellCount: number;
  readonly north: number;
  readonly south: number;
  private centreCache: Float64Array | undefined;
  private neighbourCache: Int32Array | undefined;

  /** @param n subdivision (the world's `frequency`), a power of two from 1 to 1024. */
  constructor(n: number) {
    if (!Number.isInteger(n) || n < 1 || n > 1024 || (n & (n - 1)) !== 0)
      throw new RangeError(`the grid's frequency must be a power of two from 1 to 1024, not ${n}`);
    this.n = n;
    this.north = 10 * n * n;
    this.south = this.north + 1;
    this.cellCount = this.north + 2;
  }

  indexOf(cell: StripCell): number {
    if (cell.strip === -1) return this.north;
    if (cell.strip === -2) return this.south;
    return (2 * this.n * cell.strip + cell.j) * this.n + (cell.i - 1);
  }

  cellAt(index: number): StripCell {
    if (index === this.north) return NORTH_POLE;
    if (index === this.south) return SOUTH_POLE;
    if (!Number.isInteger(index) || index < 0 || index > this.south)
      throw new RangeError(`no cell ${index} on a grid of frequency ${this.n}`);
    const row = Math.floor(index / this.n);
    return { strip: Math.floor(row / (2 * this.n)), i: (index % this.n) + 1, j: row % (2 * this.n) };
  }

  isPentagon(index: number): boolean {
    if (index >= this.north) return true;
    const { i, j } = this.cellAt(index);
    return i === this.n && (j === 0 || j === this.n);
  }

  /**
   * The cell one step in `direction`, or NO_CELL where a pentagon has no such neighbour. Directions at a pole
   * are 0..4 and count the strips.
   */
  step(index: number, direction: number): number {
    const n = this.n;
    const from = this.cellAt(index);
    if (from.strip < 0) {
      if (direction > 4) return NO_CELL;
      return this.indexOf(
        from.strip === -1 ? { strip: direction, i: 1, j: 0 } : { strip: direction, i: n, j: 2 * n - 1 },
      );
    }
    if (direction === 5 && this.isPentagon(index)) return NO_CELL;
    return this.indexOf(normalise(n, from.strip, from.i + STEP_I[direction], from.j + STEP_J[direction]));
  }

  /** Flat table of neighbours, six for each cell, NO_CELL where there is none. Built on first use. */
  neighbours(): Int32Array {
    if (this.neighbourCache) return this.neighbourCache;
    const table = new Int32Array(this.cellCount * DIRECTIONS);
    for (let cell = 0; cell < this.cellCount; cell++)
      for (let d = 0; d < DIRECTIONS; d++) table[cell * DIRECTIONS + d] = this.step(cell, d);
    this.neighbourCache = table;
    return table;
  }

  /** Unit vectors of all cells as x, y, z triples in dense order. Built on first use. */
  centres(): Float64Array {
    this.centreCache ??= buildCentres(this);
    return this.centreCache;
  }

  /** Hops to the north pole: i + J; to the south pole it is 3n minus that. */
  hopsFromNorth(index: number): number {
    if (index === this.north) return 0;
    if (index === this.south) return 3 * this.n;
    const { i, j } = this.cellAt(index);
    return i + j;
  }

  /**
   * The cell whose centre is nearest to a direction (any length but zero). Starts at the corner-weighted guess
   * on the icosahedron's face and climbs; greedy descent is exact because the cells are Delaunay neighbours.
   */
  nearest(x: number, y: number, z: number, start = this.guess(x, y, z)): number {
    const centres = this.centres();
    const table = this.neighbours();
    const dot = (c: number) => centres[3 * c] * x + centres[3 * c + 1] * y + centres[3 * c + 2] * z;
    let best = start;
    let bestDot = dot(best);
    for (;;) {
      let next = best;
      for (let d = 0; d < DIRECTIONS; d++) {
        const candidate = table[best * DIRECTIONS + d];
        if (candidate === NO_CELL) continue;
        const value = dot(candidate);
        if (value > bestDot) {
          bestDot = value;
          next = candidate;
        }
      }
      if (next === best) return best;
      best = next;
    }
  }

  private guess(x: number, y: number, z: number): number {
    const n = this.n;
    let bestScore = -Infinity;
    let best: Face = FACES[0];
    for (const face of FACES) {
      const score = face.middle[0] * x + face.middle[1] * y + face.middle[2] * z;
      if (score > bestScore) {
        bestScore = score;
        best = face;
      }
    }
    const weights = best.dual.map((w) => Math.max(0, w[0] * x + w[1] * y + w[2] * z));
    const sum = weights[0] + weights[1] + weights[2];
    const b = Math.round((n * weights[1]) / sum);
    const c = Math.min(n - b, Math.round((n * weights[2]) / sum));
    const a = n - b - c;
    const at = (axis: 0 | 1) => a * best.corners[0][axis] + b * best.corners[1][axis] + c * best.corners[2][axis];
    return this.indexOf(ownerOf(n, best.strip, at(0), at(1)));
  }

  /** The 64-bit cell id of docs/protocol.md, "Cells". */
  cellId(index: number, world: number, layer: number): bigint {
    const n = this.n;
    let diamond = index === this.north ? 10 : 11;
    let i = 0;
    let j = 0;
    if (index < this.north) {
      const cell = this.cellAt(index);
      diamond = 2 * cell.strip + (cell.j >= n ? 1 : 0);
      i = cell.i - 1;
      j = cell.j % n;
    }
    return (
      (1n << 60n) |
      (BigInt(world & 255) << 52n) |
      (BigInt((128 + layer) & 255) << 44n) |
      (BigInt(diamond) << 32n) |
      (BigInt(i) << 16n) |
      BigInt(j)
    );
  }

  /** The way back from `cellId`; undefined when the id is no cell of this grid. */
  fromCellId(id: bigint): { index: number; world: number; layer: number } | undefined {
    if (id >> 60n !== 1n || ((id >> 36n) & 255n) !== 0n) return undefined;
    const diamond = Number((id >> 32n) & 15n);
    const i = Number((id >> 16n) & 0xffffn);
    const j = Number(id & 0xffffn);
    const world = Number((id >> 52n) & 255n);
    const layer = Number((id >> 44n) & 255n) - 128;
    if (diamond >= 10) {
      if (diamond > 11 || i !== 0 || j !== 0) return undefined;
      return { index: diamond === 10 ? this.north : this.south, world, layer };
    }
    if (i >= this.n || j >= this.n) return undefined;
    const strip = diamond >> 1;
    return { index: this.indexOf({ strip, i: i + 1, j: j + (diamond & 1) * this.n }), world, layer };
  }
}

/** The step rule: brings coordinates one step outside a strip back onto the strip that owns the cell. */
function normalise(n: number, strip: number, i: number, j: number): StripCell {
  const west = (strip + 4) % 5;
  const east = (strip + 1) % 5;
  if (j === -1) return { strip: west, i: 1, j: i - 1 };
  if (i === 0 && j === 0) return NORTH_POLE;
  if (i === 0 && j <= n) return { strip: east, i: j, j: 0 };
  if (i === 0) return { strip: east, i: n, j: j - n };
  if (i === n + 1 && j < n) return { strip: west, i: 1, j: n + j };
  if (i === n + 1) return { strip: west, i: j - n + 1, j: 2 * n - 1 };
  if (j === 2 * n && i === n) return SOUTH_POLE;
  if (j === 2 * n) return { strip: east, i: n, j: n + i };
  return { strip, i, j };
}

/** The owner of a point on the closed strip, i = 0..n and J = 0..2n. */
function ownerOf(n: number, strip: number, i: number, j: number): StripCell {
  return normalise(n, strip, i, j);
}

type Vector = [number, number, number];

/** The icosahedron's corner at a corner of strip k: (i, J) in units of n, i = 0..1, J = 0..2. */
function icosahedronCorner(strip: number, i: number, j: number): Vector {
  if (i === 0 && j === 0) return [0, 0, 1];
  if (i === 1 && j === 2) return [0, 0, -1];
  if (i + j === 1) return upperRing((strip + j) % 5);
  return lowerRing((strip + j - 1) % 5);
}

const ROOT5 = Math.sqrt(5);
const RING_Z = 1 / ROOT5;
const RING_RADIUS = 2 / ROOT5;
const COS72 = (ROOT5 - 1) / 4;
const SIN72 = Math.sqrt(10 + 2 * ROOT5) / 4;
const COS36 = (ROOT5 + 1) / 4;
const SIN36 = Math.sqrt(10 - 2 * ROOT5) / 4;

function upperRing(k: number): Vector {
  const x = [1, COS72, -COS36, -COS36, COS72][k];
  const y = [0, SIN72, SIN36, -SIN36, -SIN72][k];
  return [RING_RADIUS * x, RING_RADIUS * y, RING_Z];
}

function lowerRing(k: number): Vector {
  const x = [COS36, -COS72, -1, -COS72, COS36][k];
  const y = [SIN36, SIN72, 0, -SIN72, -SIN36][k];
  return [RING_RADIUS * x, RING_RADIUS * y, -RING_Z];
}

interface Face {
  strip: number;
  corners: [number, number][];
  middle: Vector;
  /** For each corner the vector whose dot product with a direction is proportional to that corner's weight. */
  dual: Vector[];
}

const FACES: Face[] = buildFaces();

function buildFaces(): Face[] {
  const faces: Face[] = [];
  for (let strip = 0; strip < 5; strip++)
    for (let j = 0; j < 2; j++) {
      const square: [number, number][][] = [
        [
          [0, j],
          [1, j],
          [0, j + 1],
        ],
        [
          [1, j + 1],
          [0, j + 1],
          [1, j],
        ],
      ];
      for (const corners of square) {
        const p = corners.map(([ci, cj]) => icosahedronCorner(strip, ci, cj));
        const dual = [cross(p[1], p[2]), cross(p[2], p[0]), cross(p[0], p[1])];
        const middle: Vector = [p[0][0] + p[1][0] + p[2][0], p[0][1] + p[1][1] + p[2][1], p[0][2] + p[1][2] + p[2][2]];
        faces.push({ strip, corners, middle, dual });
      }
    }
  return faces;
}

function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

/** Bisects the edges of one strip until its spacing is 1, keeping the closed strip's seams in place. */
function buildCentres(grid: Grid): Float64Array {
  const n = grid.n;
  const centres = new Float64Array(3 * grid.cellCount);
  const width = n + 1;
  const points = new Float64Array(3 * width * (2 * n + 1));
  const at = (i: number, j: number) => 3 * (j * width + i);
  for (let strip = 0; strip < 5; strip++) {
    for (let i = 0; i <= 1; i++)
      for (let j = 0; j <= 2; j++) points.set(icosahedronCorner(strip, i, j), at(i * n, j * n));
    for (let half = n / 2; half >= 1; half /= 2) bisect(points, at, n, half);
    for (let j = 0; j < 2 * n; j++)
      for (let i = 1; i <= n; i++) {
        const from = at(i, j);
        centres.set(points.subarray(from, from + 3), 3 * grid.indexOf({ strip, i, j }));
      }
  }
  centres.set([0, 0, 1], 3 * grid.north);
  centres.set([0, 0, -1], 3 * grid.south);
  return centres;
}

function bisect(points: Float64Array, at: (i: number, j: number) => number, n: number, half: number): void {
  for (let j = 0; j <= 2 * n; j += half)
    for (let i = 0; i <= n; i += half) {
      const oddI = (i / half) & 1;
      const oddJ = (j / half) & 1;
      if (!oddI && !oddJ) continue;
      const a = at(oddI ? i + half : i, oddJ ? (oddI ? j - half : j + half) : j);
      const b = at(oddI ? i - half : i, oddJ ? (oddI ? j + half : j - half) : j);
      const x = points[a] + points[b];
      const y = points[a + 1] + points[b + 1];
      const z = points[a + 2] + points[b + 2];
      const length = Math.sqrt(x * x + y * y + z * z);
      points.set([x / length, y / length, z / length], at(i, j));
    }
}
