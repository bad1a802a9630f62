/**
 * What a player may do, as far as the page can tell. The server decides; this only keeps the buttons honest and
 * says why one is disabled.
 */
import type { CellView, View } from "./store.ts";

export type CellAction = "claim" | "plant" | "harvest";

type Known = Pick<View, "connection" | "database" | "me" | "players">;

/** Why the action is not possible on this cell now, in words; undefined when it is. */
export function obstacle(action: CellAction, cell: CellView, known: Known): string | undefined {
  if (known.connection.phase !== "open") return "Not connected";
  if (known.database === "lost") return "The world is not reachable";
  if (known.me < 0) return "Join first";
  if (cell.pending) return "Waiting for an answer";
  if (action === "claim") {
    if (cell.owner === known.me) return "Already yours";
    if (cell.owner >= 0) return `Belongs to ${ownerName(cell.owner, known.players)}`;
    return undefined;
  }
  if (cell.owner !== known.me)
    return cell.owner < 0 ? "Claim it first" : `Belongs to ${ownerName(cell.owner, known.players)}`;
  if (action === "harvest" && (cell.resource === 0 || cell.amount === 0)) return "Nothing grows here";
  return undefined;
}

export function ownerName(slot: number, players: View["players"]): string {
  return players.find((p) => p.slot === slot)?.name ?? `player ${slot + 1}`;
}
