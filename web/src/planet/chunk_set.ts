/** The planet's chunk meshes: ordered from a worker near the viewer first, culled by horizon and by frustum. */
import { BufferAttribute, BufferGeometry, Group, type Material, Mesh, Sphere, Vector3 } from "three";
import type { Grid } from "../grid.ts";
import { greatestHeight } from "./height.ts";
import { type ChunkMesh, chunksOf } from "./mesh.ts";
import type { MeshOrder } from "./mesh_worker.ts";

interface Chunk {
  mesh: Mesh;
  middle: Vector3;
  angle: number;
  topIndexCount: number;
}

export class ChunkSet {
  readonly group = new Group();
  readonly total: number;
  private readonly chunks: Chunk[] = [];
  private readonly worker: Worker;
  private readonly frequency: number;

  /** @param towards unit direction of the viewer; chunks on that side are built first. */
  constructor(grid: Grid, material: Material, towards: Vector3, onProgress: (built: number, total: number) => void) {
    this.frequency = grid.n;
    const centres = grid.centres();
    const order = chunksOf(grid).map((cells, chunk) => {
      const at = 3 * cells[cells.length >> 1];
      return { chunk, dot: centres[at] * towards.x + centres[at + 1] * towards.y + centres[at + 2] * towards.z };
    });
    order.sort((a, b) => b.dot - a.dot);
    this.total = order.length;
    this.worker = new Worker(new URL("./mesh_worker.ts", import.meta.url), { type: "module" });
    this.worker.onmessage = (event: MessageEvent<ChunkMesh>) => {
      this.add(event.data, material);
      onProgress(this.chunks.length, this.total);
      if (this.chunks.length === this.total) this.worker.terminate();
    };
    const message: MeshOrder = { frequency: grid.n, chunks: order.map((o) => o.chunk) };
    this.worker.postMessage(message);
  }

  get complete(): boolean {
    return this.chunks.length === this.total;
  }

  private add(built: ChunkMesh, material: Material): void {
    const geometry = new BufferGeometry();
    geometry.setAttribute("aDirection", new BufferAttribute(built.directions, 4, true));
    geometry.setAttribute("aCells", new BufferAttribute(built.cells, 2));
    geometry.setIndex(new BufferAttribute(built.indices, 1));
    const middle = new Vector3(...built.middle);
    const radius = 2 * Math.sin(built.angle / 2) + greatestHeight(this.frequency);
    geometry.boundingSphere = new Sphere(middle.clone(), radius);
    const mesh = new Mesh(geometry, material);
    mesh.matrixAutoUpdate = false;
    this.group.add(mesh);
    this.chunks.push({ mesh, middle, angle: built.angle, topIndexCount: built.topIndexCount });
  }

  /**
   * Hides what lies behind the horizon and leaves out the sides of chunks too far away to show them.
   * @param eye position of the viewer, in planet radii
   * @param sidesWithin distance up to which sides are drawn
   */
  cull(eye: Vector3, sidesWithin: number): void {
    const distance = eye.length();
    const behind = Math.acos(Math.min(1, 1 / distance)) + Math.acos(1 / (1 + greatestHeight(this.frequency)));
    for (const chunk of this.chunks) {
      const angle = Math.acos(Math.max(-1, Math.min(1, chunk.middle.dot(eye) / distance)));
      chunk.mesh.visible = angle <= behind + chunk.angle;
      const sides = eye.distanceTo(chunk.middle) - chunk.angle < sidesWithin;
      chunk.mesh.geometry.setDrawRange(0, sides ? Infinity : chunk.topIndexCount);
    }
  }

  dispose(): void {
    this.worker.terminate();
    for (const chunk of this.chunks) chunk.mesh.geometry.dispose();
    this.group.clear();
  }
}
