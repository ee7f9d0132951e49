import type { Frame } from '../stream/timeline.js';

/**
 * Frames that wait for one platform's socket. When the platform is too slow for the stream, whole GOPs go:
 * a viewer sees a jump to the next key frame instead of a smear, and audio goes on.
 */
export class SendQueue {
  private frames: Frame[] = [];
  /** True from a drop until the next key frame: what refers to dropped video frames is useless. */
  private skipping = false;
  /** Video frames dropped so far. */
  dropped = 0;

  /** @param maxMs the most stream time that may wait. */
  constructor(private readonly maxMs: number) {}

  push(frame: Frame): void {
    if (frame.kind === 'video') {
      if (this.skipping && !frame.keyframe) {
        this.dropped += 1;
        return;
      }
      this.skipping = false;
    }
    this.frames.push(frame);
    const first = this.frames[0] as Frame;
    if (frame.at - first.at > this.maxMs) this.dropGroups();
  }

  shift(): Frame | undefined {
    return this.frames.shift();
  }

  get length(): number {
    return this.frames.length;
  }

  /** Video frames that wait. */
  get videoFrames(): number {
    return this.frames.filter(({ kind }) => kind === 'video').length;
  }

  /** Stream time of the oldest; of nothing when none waits. */
  get firstAt(): number {
    return this.frames[0]?.at ?? 0;
  }

  /** Stream time between the oldest and the newest waiting frame, ms. */
  get spanMs(): number {
    const first = this.frames[0];
    const last = this.frames.at(-1);
    return first && last ? Math.max(0, last.at - first.at) : 0;
  }

  get bytes(): number {
    return this.frames.reduce((sum, frame) => sum + frame.body.length, 0);
  }

  /** Keeps the newest GOP if an older one can go for it; else all video goes until the next key frame. Old audio goes with it. */
  private dropGroups(): void {
    const newestKey = this.frames.findLastIndex((frame) => frame.kind === 'video' && frame.keyframe);
    const keepFrom = newestKey > 0 ? newestKey : this.frames.length;
    const gone = this.frames.slice(0, keepFrom);
    this.dropped += gone.filter((frame) => frame.kind === 'video').length;
    this.frames = this.frames.slice(keepFrom);
    this.skipping = keepFrom !== newestKey;
  }
}
