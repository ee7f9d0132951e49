/** Milliseconds of one continuous clock that all sessions of a stream are mapped onto. Fractions are kept until the last moment. */
export type StreamMs = number;

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

/** Duration of one AAC frame: 1024 samples at 48 kHz. */
export const AAC_FRAME_MS = (1024 / 48_000) * 1000;

export type FrameKind = 'video' | 'audio';

/** One access unit or one AAC frame on the stream's clock, in the shape RTMP carries it. */
export interface Frame {
  kind: FrameKind;
  /** Decoding time. */
  at: StreamMs;
  keyframe: boolean;
  /** RTMP message body (FLV tag data), shared by all outputs and never changed. */
  body: Buffer;
  /** On video: the decoder configuration these pictures need; another object than before means it changed. */
  config?: VideoConfig;
}

/** What a platform must know before it can decode the pictures that follow. */
export interface VideoConfig {
  /** AVC sequence header as an RTMP message body. */
  header: Buffer;
  width: number | null;
  height: number | null;
}

/**
 * Merges audio and video into one sequence whose times never go back, as a single RTMP connection should carry them. A
 * frame waits for the other kind to catch up, but never longer than `holdMs`: a kind that pauses must not delay the other.
 */
export class Interleaver {
  private readonly lanes: Record<FrameKind, { frame: Frame; arrived: number }[]> = { video: [], audio: [] };
  /** No frame of this kind will come that is older. */
  private readonly passed: Record<FrameKind, StreamMs> = { video: -Infinity, audio: -Infinity };

  constructor(
    private readonly holdMs: number,
    private readonly emit: (frame: Frame) => void,
  ) {}

  push(frame: Frame, now: number): void {
    this.lanes[frame.kind].push({ frame, arrived: now });
    this.advance(frame.kind, frame.kind === 'audio' ? frame.at + AAC_FRAME_MS : frame.at);
    this.drain(now);
  }

  /** Promises that no frame of `kind` older than `until` will come, so that the other kind need not wait for it. */
  advance(kind: FrameKind, until: StreamMs): void {
    this.passed[kind] = Math.max(this.passed[kind], until);
  }

  /** Lets go of what has waited long enough; called by a timer while anything waits. */
  drain(now: number): void {
    for (;;) {
      const video = this.lanes.video[0];
      const audio = this.lanes.audio[0];
      const next = video && audio ? (audio.frame.at <= video.frame.at ? audio : video) : (video ?? audio);
      if (!next) return;
      const both = video !== undefined && audio !== undefined;
      const other: FrameKind = next.frame.kind === 'video' ? 'audio' : 'video';
      if (!both && this.passed[other] < next.frame.at && now - next.arrived < this.holdMs) return;
      this.lanes[next.frame.kind].shift();
      this.emit(next.frame);
    }
  }

  /** Whether a frame waits for the other kind. */
  get waiting(): boolean {
    return this.lanes.video.length + this.lanes.audio.length > 0;
  }

  /** When `drain` must be called at the latest, if nothing comes before; null while nothing waits. */
  get deadline(): number | null {
    const arrivals = [this.lanes.video[0], this.lanes.audio[0]].flatMap((entry) => (entry ? [entry.arrived] : []));
    return arrivals.length === 0 ? null : Math.min(...arrivals) + this.holdMs;
  }
}

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

/** Real audio that is off its place by less than this is moved; by more, frames are left out. */
const MAX_LATE_MS = 2 * AAC_FRAME_MS;
/** Real audio that has come too late for so long comes late for good: then it is given a later place. What the network held up comes in less. */
const LATE_FOR_GOOD_MS = 700;
/** Where that has been found out already and it comes later still. */
const LATER_STILL_MS = 50;
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
      this.lateSince ??= now;
      this.lastReal = at;
      if (now - this.lateSince < (this.shift > 0 ? LATER_STILL_MS : LATE_FOR_GOOD_MS)) return { silence: [], at: null };
      if (this.end - due > MAX_LATER_MS) return { silence: [], at: null };
      this.shift = this.end - due;
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
