/** What the pings tell: round trips, and how far the server's clock is ahead of ours. */

const KEPT_SAMPLES = 16;

export class ServerClock {
  private readonly samples: { rttMs: number; offsetMs: number }[] = [];

  /** One pong: when its ping left and when it came back on our clock, and the server's time inside it. */
  record(sentMs: number, receivedMs: number, serverMs: number): void {
    const rttMs = receivedMs - sentMs;
    if (!(rttMs >= 0) || !Number.isFinite(serverMs)) return;
    this.samples.push({ rttMs, offsetMs: serverMs - (sentMs + receivedMs) / 2 });
    if (this.samples.length > KEPT_SAMPLES) this.samples.shift();
  }

  reset(): void {
    this.samples.length = 0;
  }

  /** Median round trip of the last pings; undefined before the first. */
  latencyMs(): number | undefined {
    if (!this.samples.length) return undefined;
    const sorted = this.samples.map((s) => s.rttMs).sort((a, b) => a - b);
    return sorted[sorted.length >> 1];
  }

  /** Server time minus ours, taken from the fastest round trip, which bounds the error best. */
  offsetMs(): number {
    let best = this.samples[0];
    for (const sample of this.samples) if (sample.rttMs < best.rttMs) best = sample;
    return best?.offsetMs ?? 0;
  }
}
