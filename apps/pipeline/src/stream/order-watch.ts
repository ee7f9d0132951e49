import type { StreamMs } from './timeline.js';

/** A step back further than this is a clock that was set to another time, not a frame shown before one that was decoded first. */
const MAX_REORDER_MS = 1000;
/** Frames in order after which a session is taken to have no others: several GOPs of any usual encoder. */
const SETTLED_FRAMES = 150;
/** An encoder with B-frames shows them among its first frames nearly always. */
const FIRST_FRAMES = 8;
/** B-frames come again and again: two steps back that are further apart are two slips of the publisher's clock. */
const APART_FRAMES = 20;
/** An encoder that has stopped making B-frames is believed after half a minute. */
const GONE_FRAMES = 900;

/**
 * Finds B-frames by what RTP says of them: the times at which frames are shown, in the order in which they are decoded.
 * (Neither the parameter sets nor, but for Baseline, the profile tell for sure.) A publisher's clock that is corrected, as at
 * sender reports, steps back as well, but not over and over.
 */
export class OrderWatch {
  private latest = -Infinity;
  private frames = 0;
  private isBehind = false;
  private lastStepBack = -Infinity;
  private found = false;

  /** Null until enough has been seen. */
  get reorders(): boolean | null {
    if (this.found) return true;
    return this.frames >= SETTLED_FRAMES ? false : null;
  }

  /** Whether B-frames would have shown by now, as a rule. */
  get isLikelyKnown(): boolean {
    return this.found || this.frames >= FIRST_FRAMES;
  }

  frame(shownAt: StreamMs): void {
    this.frames += 1;
    const isBehind = shownAt < this.latest && shownAt > this.latest - MAX_REORDER_MS;
    if (!isBehind) this.latest = shownAt;
    if (isBehind && !this.isBehind) {
      this.found ||= this.frames - this.lastStepBack <= APART_FRAMES;
      this.lastStepBack = this.frames;
    }
    this.isBehind = isBehind;
    if (this.found && this.frames - this.lastStepBack > GONE_FRAMES) this.found = false;
  }
}
