import { Element, Pipeline, type Sample } from '#libs/gst';
import type { VideoProfile } from '#libs/transfer';
import { Backlog } from '../input/codecs/backlog.js';
import type { FrameSink } from '../stream/hub.js';
import { inBackground } from '../process/in-background.js';
import { AVC_CAPS } from '../input/media-chain.js';
import { AVC_HEAD, avcFrame, avcSequenceHeader } from '../flv/flv.js';
import { Interleaver } from '../stream/interleaver.js';
import type { Frame, VideoConfig } from '../stream/timeline.js';

/** Decoding, scaling and encoding take a few frames' time; audio waits for it no longer than this. */
const HOLD_MS = 400;
const TICK_MS = 50;
/** A frame is shown again so long where the next one is missing; where the publisher was away, nothing is made up. */
const MAX_REPEAT_NS = 1e9;
/** Only a hint for parsers; frames carry their own times. */
const DEFAULT_FPS = 30;

export interface TranscoderEvents {
  requestKeyframe: () => void;
  onWarning: (message: string) => void;
  /** Nothing comes out of it any more. */
  onFailed: (message: string) => void;
  /** A video frame was left out: the machine is too slow for the profile. */
  onDropped: () => void;
}

/**
 * Decodes the stream's video frames and encodes them again by one profile, for all outputs that want it. Stands between the hub
 * and those outputs: takes frames as they do and gives frames as the hub does, on the same clock.
 */
export class Transcoder implements FrameSink {
  private readonly sinks = new Set<FrameSink>();
  private readonly interleaver = new Interleaver(HOLD_MS, (frame) => this.deliver(frame));
  private readonly pipeline = new Pipeline();
  private readonly source = Element.make('appsrc', {
    format: 'time',
    'is-live': true,
    'max-bytes': 0,
    'min-latency': 0,
  });
  private readonly sink = Element.make('appsink', { sync: false, async: false, 'enable-last-sample': false });
  private readonly scaler = Element.make('capsfilter');
  private readonly backlog = new Backlog();
  private started = false;
  private inputConfig: VideoConfig | null = null;
  private outputConfig: VideoConfig | null = null;
  private readonly ticker: NodeJS.Timeout;

  constructor(
    private readonly profile: VideoProfile,
    private readonly events: TranscoderEvents,
  ) {
    this.ticker = setInterval(() => this.interleaver.drain(performance.now()), TICK_MS).unref();
    this.pipeline.onMessage((message) => {
      if (message.type === 'error') events.onFailed(message.message);
      else if (message.type === 'warning') events.onWarning(`transcoder: ${message.message}`);
    });
    this.sink.onSample((sample) => this.encoded(sample));
    try {
      this.pipeline.chain(this.chain());
    } catch (error) {
      inBackground('an encoder was not closed', this.close());
      throw error;
    }
  }

  private chain(): Element[] {
    const { keyFrameInterval, bitrate, fps } = this.profile;
    return [
      this.source,
      Element.make('h264parse'),
      Element.make('avdec_h264', { 'max-threads': 1 }),
      Element.make('queue', { 'max-size-buffers': 3, 'max-size-bytes': 0, 'max-size-time': 0 }),
      Element.make('videoconvert'),
      // add-borders keeps the picture's shape inside the canvas.
      Element.make('videoscale', { 'add-borders': true }),
      // By itself it repeats the first frame for all the time that the stream was there before.
      ...(fps === null
        ? []
        : [Element.make('videorate', { 'skip-to-first': true, 'max-duplication-time': MAX_REPEAT_NS })]),
      this.scaler,
      Element.make('x264enc', {
        tune: 'zerolatency',
        'speed-preset': 'veryfast',
        bitrate,
        'key-int-max': keyFrameInterval,
        bframes: 0,
        'vbv-buf-capacity': 1000,
        threads: 2,
      }),
      Element.make('capsfilter', { caps: 'video/x-h264,profile=main' }),
      Element.make('h264parse'),
      Element.make('capsfilter', { caps: AVC_CAPS }),
      this.sink,
    ];
  }

  get isUsed(): boolean {
    return this.sinks.size > 0;
  }

  attach(sink: FrameSink): void {
    this.sinks.add(sink);
  }

  detach(sink: FrameSink): void {
    this.sinks.delete(sink);
  }

  /** From our own encoder, once it runs: costs the publisher nothing. */
  requestKeyframe(): void {
    if (this.outputConfig) this.sink.forceKeyUnit();
    else this.events.requestKeyframe();
  }

  push(frame: Frame): void {
    const now = performance.now();
    if (frame.kind === 'audio') return this.interleaver.push(frame, now);
    const { config } = frame;
    if (!config || (!this.started && !frame.keyframe)) return;
    const waiting = this.source.get<number>('current-level-buffers');
    if (!this.backlog.takes(frame.keyframe, waiting, now)) {
      this.events.onDropped();
      if (waiting === 0) this.events.requestKeyframe();
      return;
    }
    if (!this.started) this.start(config);
    if (config !== this.inputConfig) this.changeInput(config);
    const composition = frame.body.readIntBE(2, 3);
    this.source.push(frame.body.subarray(AVC_HEAD), Math.max(0, (frame.at + composition) * 1e6));
  }

  async close(): Promise<void> {
    clearInterval(this.ticker);
    await this.pipeline.close();
  }

  /** The first frame decides the canvas; later ones of another shape or colour are fitted into it: an encoder that is made again while another thread asks for its latency ends the process. */
  private start(config: VideoConfig): void {
    this.started = true;
    const { width, height } = canvas(this.profile, config);
    const rate = this.profile.fps === null ? '' : `,framerate=${this.profile.fps}/1`;
    this.scaler.set({
      caps: `video/x-raw,format=I420,width=${width},height=${height},pixel-aspect-ratio=1/1,colorimetry=bt709${rate}`,
    });
    this.pipeline.play().catch((error: unknown) => this.events.onFailed((error as Error).message));
  }

  private changeInput(config: VideoConfig): void {
    this.inputConfig = config;
    const record = config.header.subarray(AVC_HEAD).toString('hex');
    this.source.set({ caps: `${AVC_CAPS},codec_data=(buffer)${record},framerate=${DEFAULT_FPS}/1` });
  }

  private encoded(sample: Sample): void {
    if (sample.codecData) {
      const { width, height } = canvas(this.profile, this.inputConfig as VideoConfig);
      this.outputConfig = {
        header: avcSequenceHeader(sample.codecData),
        width: this.outputConfig?.width ?? width,
        height: this.outputConfig?.height ?? height,
      };
    }
    if (sample.pts === null || !this.outputConfig) return;
    const at = sample.pts / 1e6;
    this.interleaver.push(
      {
        kind: 'video',
        at,
        keyframe: sample.keyframe,
        body: avcFrame(sample.data, sample.keyframe, 0),
        config: this.outputConfig,
      },
      performance.now(),
    );
  }

  private deliver(frame: Frame): void {
    for (const sink of this.sinks) sink.push(frame);
  }
}

/** The size of the encoded frame: what the profile says, in the publisher's shape where it leaves that open; always even. */
function canvas({ width, height }: VideoProfile, config: VideoConfig): { width: number; height: number } {
  const [inputWidth, inputHeight] = [config.width ?? 1280, config.height ?? 720];
  if (height === null) return { width: even(inputWidth), height: even(inputHeight) };
  return { width: width ?? even((inputWidth * height) / inputHeight), height };
}

const even = (size: number): number => Math.max(16, 2 * Math.round(size / 2));
