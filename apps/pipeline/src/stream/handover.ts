import { SILENT_AUDIO } from './hub.js';
import { AAC_FRAME_MS, type Frame, type StreamMs } from './timeline.js';

/** A hole between two branches is as long as an encoder's delay; what is longer has another cause. */
const MAX_FILLED_MS = 1000;

/**
 * The seam where a connected output goes over from one branch to another, which may be ahead of the first or behind it: the
 * new video frames begin with a key frame, for nothing before it can be decoded, and the audio has neither hole nor echo.
 */
export class Handover {
  private lastVideo: StreamMs = -Infinity;
  private lastAudio: StreamMs = -Infinity;
  private waits = { video: false, audio: false };
  private askedAgain = false;

  /** @param requestKeyframe asks the new branch for a key frame. */
  constructor(private readonly requestKeyframe: () => void) {}

  /** The frames that follow come from another branch. */
  begin(): void {
    this.waits = { video: true, audio: true };
    this.askedAgain = false;
  }

  /** What to send for this frame: itself as a rule; nothing, or what fills the hole before it, at a seam. */
  pass(frame: Frame): Frame[] {
    return frame.kind === 'video' ? this.video(frame) : this.audio(frame);
  }

  private video(frame: Frame): Frame[] {
    if (this.waits.video) {
      if (frame.at <= this.lastVideo) return [];
      if (!frame.keyframe) {
        // A branch that is behind gave its key frame while that was still in the past.
        if (!this.askedAgain) this.requestKeyframe();
        this.askedAgain = true;
        return [];
      }
      this.waits.video = false;
    }
    this.lastVideo = frame.at;
    return [frame];
  }

  private audio(frame: Frame): Frame[] {
    const frames = [frame];
    if (this.waits.audio) {
      if (frame.at < this.lastAudio + AAC_FRAME_MS / 2) return [];
      this.waits.audio = false;
      if (frame.at - this.lastAudio < MAX_FILLED_MS) {
        for (let at = frame.at - AAC_FRAME_MS; at > this.lastAudio + AAC_FRAME_MS / 2; at -= AAC_FRAME_MS)
          frames.unshift({ ...frame, at, body: SILENT_AUDIO });
      }
    }
    this.lastAudio = frame.at;
    return frames;
  }
}
