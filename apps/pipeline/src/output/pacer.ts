import type { StreamMs } from '../stream/timeline.js';

/** How far beyond its cushion a buffer may grow before it catches up, ms: our clock and the publisher's do not run quite alike. */
const SLACK_MS = 500;

/** What the frames that wait are like. */
interface Waiting {
  /** Stream time of the oldest. */
  firstAt: StreamMs;
  spanMs: number;
}

/**
 * Lets frames leave as evenly as they were made, a cushion later: what the network between publisher and node does to their
 * rhythm stays here. A cushion that is used up is filled again, so often as is permitted; then frames leave as they come.
 */
export class Pacer {
  /** The stream's time `at` leaves at `now`; null while the cushion fills. */
  private clock: { at: StreamMs; now: number } | null = null;
  private refills = 0;
  private readonly mostMs: number;

  constructor(
    private readonly cushionMs: number,
    bufferMs: number,
    private readonly maxRefills: number,
  ) {
    this.mostMs = Math.min(2 * cushionMs + SLACK_MS, bufferMs * 0.75);
  }

  /** Whether the oldest frame may leave now. */
  mayLeave({ firstAt, spanMs }: Waiting, now: number): boolean {
    if (this.clock === null && spanMs < this.cushionMs) return false;
    if (this.clock === null || spanMs > this.mostMs) this.clock = { at: firstAt, now };
    return firstAt - this.clock.at <= now - this.clock.now;
  }

  /** Nothing waits any more. */
  ranEmpty(): void {
    if (this.clock === null || this.refills >= this.maxRefills) return;
    this.refills += 1;
    this.clock = null;
  }
}
