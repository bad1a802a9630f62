/** What the panels show. Written by the game at most ten times a second, read by React; never touched per frame. */
import { create } from "zustand";
import type { Connection } from "./net/client.ts";
import type { WorldInfo } from "./net/protocol.ts";

export interface CellView {
  /** Dense index on the grid, and the id that actions name it by. */
  index: number;
  id: string;
  resource: number;
  amount: number;
  /** Player slot, −1 for nobody. */
  owner: number;
  pentagon: boolean;
  latitude: number;
  longitude: number;
  /** The action on its way to the server for this cell. */
  pending: string | undefined;
}

export interface PlayerView {
  slot: number;
  name: string;
  cells: number;
  score: string;
}

export interface Toast {
  id: number;
  kind: "error" | "good";
  message: string;
  hint: string | undefined;
}

export type Drawing = "starting" | "building" | "ready" | "missing" | "lost";

export interface View {
  connection: Connection;
  database: "ok" | "lost";
  world: WorldInfo | undefined;
  tick: number;
  /** All up to this tick is on disk. */
  durableTick: number;
  /** Ticks a second as measured from what arrives; undefined before there is enough to tell. */
  measuredRate: number | undefined;
  latencyMs: number | undefined;
  drawing: Drawing;
  /** Share of the planet's meshes built, 0..1. */
  built: number;
  /** Our slot, −1 before joining. */
  me: number;
  joining: boolean;
  joinError: string | undefined;
  selected: CellView | undefined;
  neighbours: (CellView | undefined)[];
  players: PlayerView[];
  toasts: Toast[];
  announcement: string;
  helpOpen: boolean;
  spectating: boolean;
  colourBlind: boolean;
  patterns: boolean;
}

export const useView = create<View>(() => ({
  connection: { phase: "connecting" },
  database: "ok",
  world: undefined,
  tick: -1,
  durableTick: -1,
  measuredRate: undefined,
  latencyMs: undefined,
  drawing: "starting",
  built: 0,
  me: -1,
  joining: false,
  joinError: undefined,
  selected: undefined,
  neighbours: [],
  players: [],
  toasts: [],
  announcement: "",
  helpOpen: false,
  spectating: false,
  colourBlind: localStorageFlag("gamelan.colour-blind"),
  patterns: localStorageFlag("gamelan.patterns"),
}));

function localStorageFlag(key: string): boolean {
  try {
    return localStorage.getItem(key) === "1";
  } catch {
    return false;
  }
}

const TOASTS_KEPT = 4;
const TOAST_MS = 7000;
let nextToast = 1;

export function toast(kind: Toast["kind"], message: string, hint?: string): void {
  const id = nextToast++;
  useView.setState((v) => ({ toasts: [...v.toasts, { id, kind, message, hint }].slice(-TOASTS_KEPT) }));
  setTimeout(() => dismissToast(id), TOAST_MS);
}

export function dismissToast(id: number): void {
  useView.setState((v) => ({ toasts: v.toasts.filter((t) => t.id !== id) }));
}
