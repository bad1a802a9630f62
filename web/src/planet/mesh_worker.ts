/** Builds chunk meshes off the main thread, in the order asked for, and hands each over as soon as it is done. */
import { Grid } from "../grid.ts";
import { buildChunk, chunksOf } from "./mesh.ts";

export interface MeshOrder {
  frequency: number;
  chunks: number[];
}

self.onmessage = (event: MessageEvent<MeshOrder>) => {
  const grid = new Grid(event.data.frequency);
  const cells = chunksOf(grid);
  for (const chunk of event.data.chunks) {
    const mesh = buildChunk(grid, chunk, cells[chunk]);
    self.postMessage(mesh, { transfer: [mesh.directions.buffer, mesh.cells.buffer, mesh.indices.buffer] });
  }
};
