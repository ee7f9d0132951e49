import { AAC_FRAME_MS, type Frame, type FrameKind, type StreamMs } from '../stream/timeline.js';

/** The times that one connection gives its messages: whole milliseconds from 0, which is where it began on the stream's clock. */
export class Timestamps {
  /** The stream's time that is 0 for this platform; null until the first frame is sent. */
  private base: StreamMs | null = null;
  /** Of each kind: a frame that came too late to be in order with the other kind keeps its own place. */
  private readonly last: Record<FrameKind, number> = { video: 0, audio: 0 };

  get hasBegun(): boolean {
    return this.base !== null;
  }

  begin(at: StreamMs): void {
    this.base = at;
  }

  /** Of this frame, ms; null for one that has no place after the beginning. @param apart no two video frames have the same time. */
  next(frame: Frame, apart: boolean): number | null {
    const base = this.base as number;
    // Audio that comes late can be older than the video frame that a platform began with: all of it would be at 0.
    if (frame.kind === 'audio' && frame.at < base - AAC_FRAME_MS / 2) return null;
    // Never backwards, even where rounding would.
    const least = this.last[frame.kind] + (frame.kind === 'video' && apart ? 1 : 0);
    const timestamp = Math.max(least, Math.round(frame.at - base));
    this.last[frame.kind] = timestamp;
    return timestamp;
  }
}
