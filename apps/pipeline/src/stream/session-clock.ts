import type { StreamMs } from './timeline.js';

/** A track's time is at most 10 s before its arrival and 1.5 s after it (rtp/clock.ts). What goes further ahead than from one to the other is wrong, and would be filled with silence. */
const MAX_AHEAD_MS = 12_000;

/**
 * Maps one session's times onto the stream's clock. The offset is fixed by the arrival of
 * the session's first sample, so the pause between two sessions is as long on the stream's clock as it was for real, and
 * time never goes back.
 */
export class SessionClock {
  private offset: number | null = null;

  /** @param now reads the stream's clock. */
  constructor(private readonly now: () => StreamMs) {}

  /** @param time of the sample on the session's clock, ms. */
  map(time: number): StreamMs {
    const now = this.now();
    this.offset ??= now - time;
    return Math.min(time + this.offset, now + MAX_AHEAD_MS);
  }
}
