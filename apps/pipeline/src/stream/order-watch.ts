import type { StreamMs } from './timeline.js';

/** A step back further than this is a clock that was set anew, not a picture shown before one that was decoded first. */
const MAX_REORDER_MS = 1000;
/** Pictures in order after which a session is taken to have no others: several groups of pictures of any usual encoder. */
const SETTLED_PICTURES = 150;
/** An encoder with B-frames shows them among its first pictures nearly always. */
const FIRST_PICTURES = 8;
/** B-frames come again and again: two steps back that are further apart are two slips of the publisher's clock. */
const APART_PICTURES = 20;
/** An encoder that has stopped making B-frames is believed after half a minute. */
const GONE_PICTURES = 900;

/**
 * Finds B-frames by what RTP says of them: the times at which pictures are shown, in the order in which they are decoded.
 * (Neither the parameter sets nor, but for Baseline, the profile tell for sure.) A publisher's clock that is corrected, as at
 * sender reports, steps back as well, but not over and over.
 */
export class OrderWatch {
  private latest = -Infinity;
  private pictures = 0;
  private isBehind = false;
  private lastStepBack = -Infinity;
  private found = false;

  /** Null until enough has been seen. */
  get reorders(): boolean | null {
    if (this.found) return true;
    return this.pictures >= SETTLED_PICTURES ? false : null;
  }

  /** Whether B-frames would have shown by now, as a rule. */
  get isLikelyKnown(): boolean {
    return this.found || this.pictures >= FIRST_PICTURES;
  }

  picture(shownAt: StreamMs): void {
    this.pictures += 1;
    const isBehind = shownAt < this.latest && shownAt > this.latest - MAX_REORDER_MS;
    if (!isBehind) this.latest = shownAt;
    if (isBehind && !this.isBehind) {
      this.found ||= this.pictures - this.lastStepBack <= APART_PICTURES;
      this.lastStepBack = this.pictures;
    }
    this.isBehind = isBehind;
    if (this.found && this.pictures - this.lastStepBack > GONE_PICTURES) this.found = false;
  }
}
