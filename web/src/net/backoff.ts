/** Pauses between attempts to connect: doubling, capped, and jittered so that many pages do not return at once. */

const FIRST_MS = 250;
const LONGEST_MS = 8000;

export class Backoff {
  private attempt = 0;
  private readonly random: () => number;

  constructor(random: () => number = Math.random) {
    this.random = random;
  }

  /** Milliseconds to wait before the next attempt, between half and the whole of the doubled pause. */
  nextMs(): number {
    const pause = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.attempt);
    this.attempt = Math.min(this.attempt + 1, 16);
    return pause * (0.5 + 0.5 * this.random());
  }

  reset(): void {
    this.attempt = 0;
  }
}
