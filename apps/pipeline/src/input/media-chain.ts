// What becomes of a track's packets: H.264 access units and AAC frames.
import { type Converted, Converter, Element, type Pipeline } from '#libs/gst';
import { Av1Depayloader, type TemporalUnit } from './codecs/av1.js';
import { Backlog } from './codecs/backlog.js';
import type { DecoderConfig } from './codecs/h264/decoder-config.js';
import { H264Depayloader } from './codecs/h264/depayloader.js';
import type { MediaSample } from '../stream/hub.js';
import { UNKNOWN_MARKER_MS } from './codecs/marker-trust.js';
import { type Size, TooLarge } from './codecs/frame-size.js';
import type { OrderedPacket } from '#libs/rtp';
import type { Track as TrackFormat } from '#libs/sdp';
import { VpxDepayloader } from './codecs/vpx-depayloader.js';

/** Opus decoded and encoded once for all outputs, as AAC-LC, the only audio that every RTMP platform takes. */
export const AUDIO_CAPS = 'audio/x-raw,format=S16LE,layout=interleaved,rate=48000,channels=2';
export const AAC_BITRATE = 128_000;
/** AVC: length-prefixed NAL units with the parameter sets in codec_data, as FLV carries it. */
export const AVC_CAPS = 'video/x-h264,stream-format=avc,alignment=au';
/** What VP8, VP9 and AV1 publishers are turned into; RTMP has no older way to carry them. */
const TRANSCODE_KBPS = 2500;
const TRANSCODE_GOP = 60;
/** A packet of Opus holds so much as WebRTC senders make them (RFC 7587, section 4.2). */
const OPUS_MS = 20;
/** A decoder's guess fades to silence in less than so many packets. */
const MOST_GUESSED = 5;
/** GStreamer counts in ns. */
const NS = 1e6;

/** Every element a session may need; loaded before a publisher waits for them. */
export const FACTORIES =
  'appsrc appsink queue capsfilter h264parse opusdec audioconvert voaacenc vp8dec vp9dec av1dec videoconvert videoscale x264enc'.split(
    ' ',
  );

/** An access unit of H.264, or a frame of AAC. */
export interface EncodedSample extends MediaSample {
  /** On frames, when it is another than before. */
  config?: DecoderConfig;
}

/** What one track of a session goes through, from its packets to the samples. */
export interface MediaChain {
  /** Takes the packets in order. */
  push(packet: OrderedPacket): void;
  /** So many packets before the next one are lost. Most see it by the sequence numbers. */
  lost?(count: number): void;
  /** Nothing can be shown until a key frame comes. */
  needsKeyframe(): boolean;
  /** What decoding cannot do without has come; absent where a codec has nothing of the kind. */
  hasParameterSets?(): boolean;
  /** Frames wait for our decoder, or are left out for want of time: what does not come out is not the publisher's fault. */
  isBehind?(): boolean;
}

/** The track's elements go into `pipeline`; samples come from the moment when it plays. */
export function openTrack(
  pipeline: Pipeline,
  format: TrackFormat,
  onSample: (sample: EncodedSample) => void,
): MediaChain {
  switch (format.codec) {
    case 'H264':
      return passthrough(format, onSample);
    case 'AV1':
      return decoded(
        pipeline,
        new Av1Depayloader(),
        'video/x-av1,stream-format=obu-stream,alignment=tu',
        'av1dec',
        onSample,
      );
    case 'VP8':
      return decoded(pipeline, new VpxDepayloader('VP8'), 'video/x-vp8', 'vp8dec', onSample);
    case 'VP9':
      return decoded(pipeline, new VpxDepayloader('VP9'), 'video/x-vp9', 'vp9dec', onSample);
    default:
      return opus(pipeline, onSample);
  }
}

function passthrough({ fmtp }: TrackFormat, onSample: (sample: EncodedSample) => void): MediaChain {
  const depayloader = new H264Depayloader(fmtp);
  const waiting = new Moment();
  const flush = (): void => {
    const unit = depayloader.flush();
    if (unit) onSample(unit);
  };
  return {
    push: (packet) => {
      for (const unit of depayloader.push(packet)) onSample(unit);
      waiting.wait(depayloader.isWaiting, flush);
    },
    needsKeyframe: () => depayloader.isLost,
    hasParameterSets: () => depayloader.hasParameterSets,
  };
}

/** The wait for the packet after a marked one, of a sender that is not known yet: only for the first frames of a session. */
class Moment {
  private timer: NodeJS.Timeout | null = null;
  private refused: TooLarge | null = null;

  /** Throws TooLarge when `then` did so: nobody could catch it there. */
  wait(isNeeded: boolean, then: () => void): void {
    if (this.refused) throw this.refused;
    if (this.timer) clearTimeout(this.timer);
    this.timer = isNeeded ? setTimeout(() => this.end(then), UNKNOWN_MARKER_MS).unref() : null;
  }

  private end(then: () => void): void {
    try {
      then();
    } catch (error) {
      if (!(error instanceof TooLarge)) throw error;
      this.refused = error;
    }
  }
}

function source(caps: string): Element {
  return Element.make('appsrc', { caps, format: 'time', 'is-live': true, 'max-bytes': 0, 'min-latency': 0 });
}

const OPUS_CAPS = 'audio/x-opus,channels=2,rate=48000,channel-mapping-family=0';

/** Decoding and encoding 20 ms takes a fraction of one: on this thread, for waking another one costs as much. */
function opus(pipeline: Pipeline, onSample: (sample: EncodedSample) => void): MediaChain {
  const decoder = Element.make('opusdec', { plc: true, 'use-inband-fec': true });
  const sink = chainTo(pipeline, [
    decoder,
    Element.make('audioconvert'),
    Element.make('capsfilter', { caps: AUDIO_CAPS }),
    Element.make('voaacenc', { bitrate: AAC_BITRATE }),
  ]);
  let converter: Converter | null = null;
  let missing = 0;
  const deliver = (frames: Converted[]): void => {
    for (const { data, pts } of frames) if (pts !== null) onSample({ data, time: pts / NS, keyframe: false });
  };
  return {
    push: ({ payload, time }) => {
      if (payload.length === 0) return;
      converter ??= Converter.into(decoder, sink, OPUS_CAPS);
      // The decoder makes up for what is missing, as far as the next packet carries it a second time (FEC) or it can be guessed from the last one.
      if (missing > 0) deliver(converter.gap((time - missing * OPUS_MS) * NS, missing * OPUS_MS * NS));
      missing = 0;
      deliver(converter.push(payload, time * NS));
    },
    lost: (count) => {
      missing = Math.min(count, MOST_GUESSED);
    },
    needsKeyframe: () => false,
  };
}

/** From a publisher's frames to those of our own encoder. Where decoding is too slow, whole GOPs are left out. */
function decoded(
  pipeline: Pipeline,
  depayloader: Av1Depayloader | VpxDepayloader,
  caps: string,
  decoder: string,
  onSample: (sample: EncodedSample) => void,
): MediaChain {
  const frames = source(caps);
  const setSize = transcoded(pipeline, [frames, Element.make(decoder)], onSample);
  const backlog = new Backlog();
  const moment = new Moment();
  let leftOut = false;
  let hasSize = false;
  const deliver = (units: TemporalUnit[]): void => {
    for (const { data, keyframe, time, size } of units) {
      if (size === null) continue;
      if (!hasSize) setSize(size);
      hasSize = true;
      const waiting = frames.get<number>('current-level-buffers');
      const isTaken = backlog.takes(keyframe, waiting, performance.now());
      if (isTaken) frames.push(data, time * NS);
      leftOut = !isTaken && waiting === 0;
    }
  };
  return {
    push: (packet) => {
      deliver(depayloader.push(packet));
      moment.wait(depayloader.isWaiting, () => deliver(depayloader.flush()));
    },
    needsKeyframe: () => depayloader.isLost || leftOut,
    isBehind: () => leftOut || frames.get<number>('current-level-buffers') > 0,
  };
}

/** What decoders may give out at all, whatever the headers said: x264enc and its queue hold several frames. */
const DECODED_CAPS = 'video/x-raw,width=[1,8192],height=[1,8192]';
/** Our own encoder's largest frame: what the bit rate is good for, portrait or landscape. */
const [LONG_SIDE, SHORT_SIDE] = [1920, 1080];
/** x264 wants at least a macroblock. */
const MIN_SIDE = 16;

/** The canvas that a publisher's first frame is given: later ones of another shape are fitted into it with borders. */
export function canvasOf({ width, height }: Size): Size {
  const scale = Math.min(1, LONG_SIDE / Math.max(width, height), SHORT_SIDE / Math.min(width, height));
  const even = (side: number): number => Math.max(MIN_SIDE, 2 * Math.round((side * scale) / 2));
  return { width: even(width), height: even(height) };
}

/** Returns what sets the size of the encoded frames; it must be set before the first frame, and stays: an encoder that is made again while another thread asks for its latency ends the process. */
function transcoded(
  pipeline: Pipeline,
  decoder: Element[],
  onSample: (sample: EncodedSample) => void,
): (first: Size) => void {
  const canvas = Element.make('capsfilter');
  const sink = chainTo(pipeline, [
    ...decoder,
    Element.make('capsfilter', { caps: DECODED_CAPS }),
    Element.make('videoconvert'),
    // A phone that is turned, or a publisher with less bandwidth, changes the size of its frames.
    Element.make('videoscale', { 'add-borders': true }),
    canvas,
    // Its own thread: decoding goes on while a frame is encoded. Where encoding is too slow, decoded frames are left out: nothing
    // refers to them, and what waited before the decoder would only become older.
    Element.make('queue', { leaky: 'downstream', 'max-size-buffers': 4, 'max-size-bytes': 0, 'max-size-time': 0 }),
    Element.make('x264enc', {
      tune: 'zerolatency',
      'speed-preset': 'veryfast',
      bitrate: TRANSCODE_KBPS,
      'key-int-max': TRANSCODE_GOP,
      bframes: 0,
    }),
    Element.make('h264parse'),
    Element.make('capsfilter', { caps: AVC_CAPS }),
  ]);
  let time = 0;
  sink.onSample(({ data, pts, keyframe, caps, codecData }) => {
    // The parser gives no time to what came in the same instant as the frame before: it is no less needed.
    if (pts !== null) time = pts / NS;
    onSample({
      data,
      time,
      keyframe,
      ...(caps !== undefined && codecData ? { config: { record: codecData, ...sizeOf(caps) } } : {}),
    });
  });
  return (first) => {
    const { width, height } = canvasOf(first);
    canvas.set({
      caps: `video/x-raw,format=I420,width=${width},height=${height},pixel-aspect-ratio=1/1,colorimetry=bt709,interlace-mode=progressive`,
    });
  };
}

function sizeOf(caps: string): { width: number | null; height: number | null } {
  const size = (name: string): number | null => Number(new RegExp(`${name}=\\(int\\)(\\d+)`).exec(caps)?.[1]) || null;
  return { width: size('width'), height: size('height') };
}

function chainTo(pipeline: Pipeline, elements: Element[]): Element {
  return pipeline.chain([
    ...elements,
    Element.make('appsink', { sync: false, async: false, 'enable-last-sample': false }),
  ]);
}
