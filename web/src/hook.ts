/** `window.__gamelan`: what tests and the curious may read, and the few harmless things they may do. */
import type { Game } from "./game.ts";
import type { Planet } from "./planet/planet.ts";
import { useView } from "./store.ts";

export interface Hook {
  readonly tick: number;
  /** The line is open and the gateway follows the world. */
  readonly connected: boolean;
  /** All meshes are built and drawn. */
  readonly ready: boolean;
  /** 64-bit id of the selected cell. */
  readonly selectedCell: string | undefined;
  readonly playerName: string | undefined;
  readonly playerSlot: number;
  /** Acts without an answer. */
  readonly pending: number;
  readonly stats: { drawCalls: number; triangles: number; jsMsP95: number };
  pick(x: number, y: number): string | undefined;
  cellScreenPosition(cell: string): { x: number; y: number; visible: boolean } | undefined;
  select(cell: string): boolean;
  /** What the page knows of a cell: resource, amount, owner (player slot, −1 for nobody). */
  cell(cell: string): { resource: number; amount: number; owner: number } | undefined;
}

declare global {
  interface Window {
    __gamelan: Hook;
  }
}

export function installHook(game: Game, planet: Planet | undefined): void {
  const index = (id: string) => game.cellOf(id);
  const hook: Hook = {
    get tick() {
      return game.client.state.tick;
    },
    get connected() {
      const { connection, database } = useView.getState();
      return connection.phase === "open" && database === "ok";
    },
    get ready() {
      return planet?.ready ?? false;
    },
    get selectedCell() {
      return game.selectedCell === undefined ? undefined : game.idOf(game.selectedCell);
    },
    get playerName() {
      return useView.getState().me >= 0 ? game.client.session.name : undefined;
    },
    get playerSlot() {
      return useView.getState().me;
    },
    get pending() {
      return game.client.pendingActs.length;
    },
    get stats() {
      return {
        drawCalls: planet?.drawCalls ?? 0,
        triangles: planet?.triangles ?? 0,
        jsMsP95: planet?.times.workP95() ?? 0,
      };
    },
    pick(x, y) {
      const cell = planet?.pick(x, y);
      return cell === undefined ? undefined : game.idOf(cell);
    },
    cellScreenPosition(id) {
      const cell = index(id);
      return cell === undefined ? undefined : planet?.screenPosition(cell);
    },
    select(id) {
      const cell = index(id);
      if (cell !== undefined) game.select(cell);
      return cell !== undefined;
    },
    cell(id) {
      const cell = index(id);
      if (cell === undefined) return undefined;
      const { resource, amount, owner } = game.view(cell);
      return { resource, amount, owner };
    },
  };
  Object.defineProperty(window, "__gamelan", { value: Object.freeze(hook), configurable: false });
}
