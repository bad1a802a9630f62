/** How fast ticks arrive, and which tick to show between two of them. */

const WINDOW_MS = 4000;
const LEAST_SPAN_MS = 800;

export class TickMeter {
  private arrivals: { tick: number; atMs: number }[] = [];
  private tickRate = 1;

  arrived(tick: number, tickRate: number, nowMs = performance.now()): void {
    this.tickRate = tickRate;
    if (this.arrivals.length && tick < this.arrivals[this.arrivals.length - 1].tick) this.arrivals = [];
    this.arrivals.push({ tick, atMs: nowMs });
    while (this.arrivals.length > 2 && nowMs - this.arrivals[0].atMs > WINDOW_MS) this.arrivals.shift();
  }

  reset(): void {
    this.arrivals = [];
  }

  /** Ticks a second over the last seconds; undefined while too little has arrived. */
  rate(): number | undefined {
    const first = this.arrivals[0];
    const last = this.arrivals.at(-1);
    if (!first || !last || last.atMs - first.atMs < LEAST_SPAN_MS) return undefined;
    return ((last.tick - first.tick) * 1000) / (last.atMs - first.atMs);
  }

  /** The last tick plus the part of the next that has passed, at most one. */
  shown(nowMs = performance.now()): number {
    const last = this.arrivals.at(-1);
    if (!last) return 0;
    return last.tick + Math.min(1, ((nowMs - last.atMs) * this.tickRate) / 1000);
  }
}
