import { AAC_FRAME_MS, type StreamMs } from './timeline.js';

/** Real audio that is off its place by less than this is moved; by more, frames are left out. */
const MAX_LATE_MS = 2 * AAC_FRAME_MS;
/** Real audio that has come too late for so long comes late for good: then it is given a later place. What the network held up comes in less. */
const LATE_FOR_GOOD_MS = 700;
/** Where that has been found out already and it comes later still. */
const LATER_STILL_MS = 50;
/** For so long after, what comes later than the frame before by no more than this is a clock that goes on running slow, and no gap of the network. */
const REMEMBERED_MS = 10_000;
const CREEPING_MS = 3 * AAC_FRAME_MS;
/** So much later at the most: who hears it so late would rather miss some. */
const MAX_LATER_MS = 1000;
/** How much one frame's place may differ from a perfect sequence: what players do not hear, yet a second mends 47 ms. */
const MAX_SHIFT_MS = 1;

/**
 * Decides which AAC frames go out, and when, so that the audio is one sequence without gap or overlap. (YouTube and Facebook
 * drop streams without audio, and players click at every jump.) Real audio is late or early by some milliseconds when the
 * network was, or when the publisher's clock is not ours: it slides into place. Silence fills what is missing, and a real
 * frame that comes too late for the silence already sent is left out; but where all come too late (a publisher's clock that runs wrong, or
 * did), they are heard later than they should be rather than never.
 */
export class AudioFiller {
  private end: StreamMs | null = null;
  private lastReal = -Infinity;
  /** How much later than it should be real audio is placed. */
  private shift = 0;
  /** When it was given a later place last. */
  private laterAt = -Infinity;
  /** Since when all that came was too late. */
  private lateSince: number | null = null;

  /** @param patienceMs how long real audio may stay away before silence takes over. */
  constructor(private readonly patienceMs: number) {}

  /** Times of the silent frames to send before this real frame, and the frame's own; null if it is left out. @param now when it came. */
  real(due: StreamMs, now: StreamMs): { silence: StreamMs[]; at: StreamMs | null } {
    this.end ??= due;
    // What comes less late than before needs its later place no more.
    if (this.shift > 0) this.shift = Math.max(0, Math.min(this.shift, this.end - due));
    let at = due + this.shift;
    if (at < this.end - MAX_LATE_MS) {
      const isCreeping = now - this.laterAt < REMEMBERED_MS && this.lateSince === null && at >= this.end - CREEPING_MS;
      this.lateSince ??= now;
      this.lastReal = at;
      if (!isCreeping && now - this.lateSince < (this.shift > 0 ? LATER_STILL_MS : LATE_FOR_GOOD_MS))
        return { silence: [], at: null };
      if (this.end - due > MAX_LATER_MS) return { silence: [], at: null };
      this.shift = this.end - due;
      this.laterAt = now;
      at = this.end;
    }
    this.lateSince = null;
    this.lastReal = at;
    const silence = this.fillTo(at - AAC_FRAME_MS);
    const time = this.end + Math.max(-MAX_SHIFT_MS, Math.min(MAX_SHIFT_MS, at - this.end));
    this.end = time + AAC_FRAME_MS;
    return { silence, at: time };
  }

  /** Times of the silent frames due when the stream's clock (or its video) has reached `now`. */
  silence(now: StreamMs): StreamMs[] {
    if (now - this.lastReal < this.patienceMs) return [];
    this.end ??= now;
    return this.fillTo(now);
  }

  /** Where the audio sent so far ends; null before the first frame. */
  get sentUntil(): StreamMs | null {
    return this.end;
  }

  private fillTo(limit: StreamMs): StreamMs[] {
    const times: StreamMs[] = [];
    while (this.end !== null && this.end <= limit) {
      times.push(this.end);
      this.end += AAC_FRAME_MS;
    }
    return times;
  }
}
