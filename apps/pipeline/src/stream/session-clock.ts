import type { StreamMs } from './timeline.js';

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
    this.offset ??= this.now() - time;
    return time + this.offset;
  }
}
