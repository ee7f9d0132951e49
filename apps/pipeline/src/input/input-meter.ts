import type { InputFigures } from '#libs/protocol';
import type { ReceiverFigures } from '#libs/rtp';

const toTenths = (value: number | null): number | null => (value === null ? null : Math.round(value * 10) / 10);

/** What comes in from a publisher, for the figures. */
export class InputMeter {
  private size: { width: number | null; height: number | null } = { width: null, height: null };
  private frames = 0;
  private keyframes: { at: number; interval: number | null } = { at: 0, interval: null };
  private window = { at: performance.now(), bytes: 0, frames: 0 };

  constructor(private readonly receiver: { figures(): ReceiverFigures }) {}

  static none(): InputFigures {
    const media = {
      bitrate: 0,
      fps: 0,
      width: null,
      height: null,
      videoCodec: null,
      audioCodec: null,
      transcoded: null,
    };
    return { ...media, keyFrameIntervalMs: null, packetsLost: 0, jitterMs: null, rttMs: null, avSkewMs: null };
  }

  setSize(width: number | null, height: number | null): void {
    this.size = { width, height };
  }

  frame(keyframe: boolean): void {
    this.frames += 1;
    if (!keyframe) return;
    const now = performance.now();
    this.keyframes = { at: now, interval: this.keyframes.at === 0 ? null : Math.round(now - this.keyframes.at) };
  }

  /** Since the last packet of any track, ms; infinite before the first. */
  get idleMs(): number {
    const { lastArrival } = this.receiver.figures();
    return lastArrival === null ? Infinity : performance.now() - lastArrival;
  }

  /** Since the last call, and in total. */
  figures(videoCodec: string | null, audioCodec: string | null): InputFigures {
    const now = performance.now();
    const seconds = Math.max(0.001, (now - this.window.at) / 1000);
    const { bytes, packetsLost, jitterMs, roundTripMs } = this.receiver.figures();
    const figures: InputFigures = {
      bitrate: Math.round(((bytes - this.window.bytes) * 8) / seconds),
      fps: Math.round(((this.frames - this.window.frames) / seconds) * 10) / 10,
      ...this.size,
      videoCodec,
      audioCodec,
      transcoded: videoCodec === null || videoCodec === 'H264' ? null : 'codec',
      keyFrameIntervalMs: this.keyframes.interval,
      packetsLost,
      jitterMs: toTenths(jitterMs),
      rttMs: toTenths(roundTripMs),
      avSkewMs: null,
    };
    this.window = { at: now, bytes, frames: this.frames };
    return figures;
  }
}
