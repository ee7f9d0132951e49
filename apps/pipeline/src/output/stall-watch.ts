/** No progress for so long although something waits to be taken, and the platform is not reading. */
const STALL_MS = 10_000;
/** A look that comes later than this after the last one proves no more than this: it was we who were late. */
const MAX_STEP_MS = 1000;

/** What is known of a connection at one moment. */
export interface Progress {
  /** Bytes that the platform's TCP has acknowledged; where that cannot be known, that have left for the network. */
  taken: number;
  /** Some that were to be taken are not. */
  waits: boolean;
}

/**
 * Tells a platform that is slow from one that takes nothing more, by its TCP alone: what it says in RTMP is a hint, and a
 * server that takes bytes and does nothing with them cannot be told from a good one. Pure but for what it remembers: times are given.
 */
export class StallWatch {
  private last: Progress = { taken: 0, waits: false };
  private lookedAt: number;
  private stuckMs = 0;

  constructor(now: number) {
    this.lookedAt = now;
  }

  /** Whether nothing has gone on for too long. To be asked every half second or so. */
  isStalled(progress: Progress, now: number): boolean {
    // What did not wait at the last look may have been given a moment ago.
    const isStuck = progress.waits && this.last.waits && progress.taken <= this.last.taken;
    this.stuckMs = isStuck ? this.stuckMs + Math.min(now - this.lookedAt, MAX_STEP_MS) : 0;
    this.last = progress;
    this.lookedAt = now;
    return this.stuckMs > STALL_MS;
  }
}
