/** How long frames take, over the last two seconds or so. */
import type { Quality } from "./planet.ts";

const KEPT = 120;
const SLOW_FRAME_MS = 40;

export class FrameTimes {
  private readonly works: number[] = [];
  private readonly intervals: number[] = [];

  /** Milliseconds of JavaScript in one drawn frame. */
  work(ms: number): void {
    push(this.works, ms);
  }

  /** Milliseconds between two frames. */
  interval(ms: number): void {
    push(this.intervals, ms);
  }

  workP95(): number {
    if (!this.works.length) return 0;
    const sorted = [...this.works].sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length * 0.95)];
  }

  /** The share of full resolution to draw at from now on. */
  resolutionFor(current: number, quality: Quality): number {
    const least = quality === "high" ? 0.6 : 0.5;
    if (this.intervals.length < KEPT || current <= least) return current;
    const sorted = [...this.intervals].sort((a, b) => a - b);
    if (sorted[KEPT >> 1] < SLOW_FRAME_MS) return current;
    this.intervals.length = 0;
    return Math.max(least, current * 0.8);
  }
}

function push(values: number[], value: number): void {
  values.push(value);
  if (values.length > KEPT) values.shift();
}
