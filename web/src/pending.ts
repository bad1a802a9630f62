/**
 * Acts shown before the server has answered: a cell keeps its hatch until the state that holds the act's effect
 * is on screen, or until the act is rejected.
 */
interface Waiting {
  cell: number;
  action: string;
  /** Tick whose state ends the wait; undefined before the ack. */
  until: number | undefined;
}

export class PendingCells {
  private readonly waiting = new Map<number, Waiting>();

  add(seq: number, cell: number, action: string): void {
    this.waiting.set(seq, { cell, action, until: undefined });
  }

  acknowledged(seq: number, tick: number): void {
    const entry = this.waiting.get(seq);
    if (entry) entry.until = tick;
  }

  rejected(seq: number): void {
    this.waiting.delete(seq);
  }

  /** Drops what the state at `tick` already shows. Says whether anything was dropped. */
  shown(tick: number): boolean {
    let dropped = false;
    for (const [seq, { until }] of this.waiting)
      if (until !== undefined && tick >= until) dropped = this.waiting.delete(seq) || dropped;
    return dropped;
  }

  actionOn(cell: number): string | undefined {
    for (const entry of this.waiting.values()) if (entry.cell === cell) return entry.action;
    return undefined;
  }

  cells(): number[] {
    return [...this.waiting.values()].map((w) => w.cell);
  }
}
