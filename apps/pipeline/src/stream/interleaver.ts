import { AAC_FRAME_MS, type Frame, type FrameKind, type StreamMs } from './timeline.js';

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
