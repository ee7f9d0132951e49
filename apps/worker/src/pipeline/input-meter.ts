import type { Element, Pad, RtpSession } from '#libs/gst';
import type { InputFigures } from './protocol.js';

type Counter = () => { packets: number; bytes: number; idleMs: number };

/** Fields of webrtcbin's `get-stats` that we show; RFC names in the W3C's webrtc-stats. */
interface RtpStats {
  type?: string;
  kind?: string;
  'packets-lost'?: number;
  jitter?: number;
}

/** What comes in from a publisher, for the figures. */
export class InputMeter {
  private readonly counters: Counter[] = [];
  private readonly sessions: RtpSession[] = [];
  private size: { width: number | null; height: number | null } = { width: null, height: null };
  private frames = 0;
  private keyframes: { at: number; interval: number | null } = { at: 0, interval: null };
  private window = { at: performance.now(), bytes: 0, frames: 0 };
  private rtp = { packetsLost: 0, jitterMs: null as number | null, rttMs: null as number | null };
  private asking = false;

  constructor(private readonly webrtc: Element) {}

  static none(): InputFigures {
    const media = { bitrate: 0, fps: 0, width: null, height: null, videoCodec: null, audioCodec: null, transcoded: null };
    return { ...media, keyFrameIntervalMs: null, packetsLost: 0, jitterMs: null, rttMs: null, avSkewMs: null };
  }

  watch(pad: Pad): void {
    this.counters.push(pad.count());
  }

  watchSession(session: RtpSession): void {
    this.sessions.push(session);
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

  /** Since the last packet of any track, ms. */
  get idleMs(): number {
    return Math.min(...this.counters.map((read) => read().idleMs), Infinity);
  }

  figures(videoCodec: string | null, audioCodec: string | null): InputFigures {
    const now = performance.now();
    const seconds = Math.max(0.001, (now - this.window.at) / 1000);
    const bytes = this.counters.reduce((sum, read) => sum + read().bytes, 0);
    const figures: InputFigures = {
      bitrate: Math.round(((bytes - this.window.bytes) * 8) / seconds),
      fps: Math.round(((this.frames - this.window.frames) / seconds) * 10) / 10,
      ...this.size,
      videoCodec,
      audioCodec,
      transcoded: videoCodec === null || videoCodec === 'H264' ? null : 'codec',
      keyFrameIntervalMs: this.keyframes.interval,
      ...this.rtp,
      avSkewMs: null,
    };
    this.window = { at: now, bytes, frames: this.frames };
    void this.askStats();
    return figures;
  }

  /** The reply comes later and is shown next time: figures must not wait for a thread of GStreamer. */
  private async askStats(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    const reply = await this.webrtc.ask('get-stats', null).catch(() => null);
    this.asking = false;
    const entries = Object.values(reply ?? {}).filter((value): value is RtpStats => typeof value === 'object' && value !== null);
    const inbound = entries.filter((entry) => entry.type === 'inbound-rtp');
    if (inbound.length === 0) return;
    const jitters = inbound.map((entry) => entry.jitter ?? 0);
    this.rtp = {
      packetsLost: inbound.reduce((sum, entry) => sum + Math.max(0, entry['packets-lost'] ?? 0), 0),
      jitterMs: Math.round(Math.max(...jitters) * 10_000) / 10,
      rttMs: this.roundTripMs(),
    };
  }

  /**
   * What the publisher's answers to our reports say (browsers give them). From others we know only how long a packet took that
   * we asked for again: null on a network that has lost none yet.
   */
  private roundTripMs(): number | null {
    const [answered] = this.sessions.flatMap(({ roundTripMs }) => (roundTripMs === null ? [] : [roundTripMs]));
    if (answered !== undefined) return Math.round(answered * 10) / 10;
    const times = this.webrtc.findByFactory('rtpjitterbuffer').map((buffer) => buffer.get<{ 'rtx-rtt'?: number }>('stats')['rtx-rtt'] ?? 0);
    const known = times.filter((ns) => ns > 0);
    return known.length === 0 ? null : Math.round(Math.min(...known) / 1e5) / 10;
  }
}
