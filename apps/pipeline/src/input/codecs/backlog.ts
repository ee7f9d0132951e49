/** A frame may wait for the decoder so long: what a machine that is busy for a moment makes up for. */
const MAX_WAIT_MS = 1000;
/** What waits must be younger than this for a key frame to be worth beginning with. */
const RESUME_MS = 300;

/**
 * Decides which frames a machine that is too slow for them leaves out: all from the one that would have to wait too long up
 * to a key frame, for what refers to a frame that was left out cannot be decoded.
 */
export class Backlog {
  /** When the frames came that were taken in, as far as they may still wait. */
  private arrivals: number[] = [];
  private isSkipping = false;

  /** Whether to take this frame. @param waiting how many of those before have not been decoded. @param now ms. */
  takes(keyframe: boolean, waiting: number, now: number): boolean {
    this.arrivals = waiting === 0 ? [] : this.arrivals.slice(-waiting);
    const wait = now - (this.arrivals[0] ?? now);
    this.isSkipping = this.isSkipping ? !keyframe || wait > RESUME_MS : wait > MAX_WAIT_MS;
    if (!this.isSkipping) this.arrivals.push(now);
    return !this.isSkipping;
  }
}
