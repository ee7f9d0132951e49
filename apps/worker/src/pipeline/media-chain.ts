// What becomes of a track's packets: H.264 access units and AAC frames.
import { type Converted, Converter, Element, type Pipeline } from '#libs/gst';
import { Av1Depayloader } from './av1.js';
import { Backlog } from './backlog.js';
import type { DecoderConfig } from './h264/decoder-config.js';
import { H264Depayloader } from './h264/depayloader.js';
import type { MediaSample } from './hub.js';
import { UNKNOWN_MARKER_MS } from './marker-trust.js';
import type { OrderedPacket, TrackFormat } from './rtp/types.js';
import { beginsVp8Keyframe, beginsVp9Keyframe } from './vpx.js';

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
  'appsrc appsink dtlsdec dtlsenc queue capsfilter h264parse opusdec audioconvert voaacenc rtpvp8depay vp8dec rtpvp9depay vp9dec av1dec videoconvert x264enc'.split(' ');

/** An access unit of H.264, or a frame of AAC. */
export interface EncodedSample extends MediaSample {
  /** On pictures, when it is another than before. */
  config?: DecoderConfig;
}

/** One track of a session, from its packets to the samples. */
export interface Track {
  /** Takes the packets in order. */
  push(packet: OrderedPacket): void;
  /** So many packets before the next one are lost. Most see it by the sequence numbers. */
  lost?(count: number): void;
  /** Nothing can be shown until a key frame comes. */
  needsKeyframe(): boolean;
}

/** The track's elements go into `pipeline`; samples come from the moment when it plays. */
export function openTrack(pipeline: Pipeline, format: TrackFormat, onSample: (sample: EncodedSample) => void): Track {
  switch (format.codec) {
    case 'H264':
      return passthrough(format, onSample);
    case 'AV1':
      return av1(pipeline, onSample);
    case 'VP8':
      return vpx(pipeline, 'VP8', beginsVp8Keyframe, onSample);
    case 'VP9':
      return vpx(pipeline, 'VP9', beginsVp9Keyframe, onSample);
    default:
      return opus(pipeline, onSample);
  }
}

function passthrough({ fmtp }: TrackFormat, onSample: (sample: EncodedSample) => void): Track {
  const depayloader = new H264Depayloader(fmtp);
  let timer: NodeJS.Timeout | null = null;
  const flush = (): void => {
    timer = null;
    const unit = depayloader.flush();
    if (unit) onSample(unit);
  };
  return {
    push: (packet) => {
      for (const unit of depayloader.push(packet)) onSample(unit);
      // Only for the first pictures of a session.
      if (timer) clearTimeout(timer);
      timer = depayloader.isWaiting ? setTimeout(flush, UNKNOWN_MARKER_MS).unref() : null;
    },
    needsKeyframe: () => depayloader.isLost,
  };
}

function source(caps: string): Element {
  return Element.make('appsrc', { caps, format: 'time', 'is-live': true, 'max-bytes': 0, 'min-latency': 0 });
}

const OPUS_CAPS = 'audio/x-opus,channels=2,rate=48000,channel-mapping-family=0';

/** Decoding and encoding 20 ms takes a fraction of one: on this thread, for waking another one costs as much. */
function opus(pipeline: Pipeline, onSample: (sample: EncodedSample) => void): Track {
  const decoder = Element.make('opusdec', { plc: true, 'use-inband-fec': true });
  const sink = chainTo(pipeline, [decoder, Element.make('audioconvert'), Element.make('capsfilter', { caps: AUDIO_CAPS }), Element.make('voaacenc', { bitrate: AAC_BITRATE })]);
  let converter: Converter | null = null;
  let missing = 0;
  const deliver = (frames: Converted[]): void => {
    for (const { data, pts } of frames) if (pts !== null) onSample({ data, time: pts / NS, keyframe: false });
  };
  return {
    push: ({ payload, time }) => {
      if (payload.length === 0) return;
      converter ??= Converter.into(decoder, sink, OPUS_CAPS);
      // The decoder makes up for what is missing, as far as the next packet bears it twice (FEC) or the last one lets guess.
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

/** What comes between the depayloader's pictures and the decoder: where that is too slow, whole groups of pictures are left out. */
function av1(pipeline: Pipeline, onSample: (sample: EncodedSample) => void): Track {
  const pictures = source('video/x-av1,stream-format=obu-stream,alignment=tu');
  const depayloader = new Av1Depayloader();
  const backlog = new Backlog();
  let leftOut = false;
  transcoded(pipeline, [pictures, Element.make('av1dec')], onSample);
  return {
    push: (packet) => {
      for (const { data, keyframe, time } of depayloader.push(packet)) {
        const waiting = pictures.get<number>('current-level-buffers');
        const isTaken = backlog.takes(keyframe, waiting, performance.now());
        if (isTaken) pictures.push(data, time * NS);
        leftOut = !isTaken && waiting === 0;
      }
    },
    needsKeyframe: () => depayloader.isLost || leftOut,
  };
}

/** GStreamer's depayloaders take packets as they were, so each gets a plain header again. */
function vpx(pipeline: Pipeline, codec: 'VP8' | 'VP9', beginsKeyframe: (payload: Buffer) => boolean, onSample: (sample: EncodedSample) => void): Track {
  const name = codec.toLowerCase();
  const packets = source(`application/x-rtp,media=video,encoding-name=${codec},payload=${PAYLOAD_TYPE},clock-rate=90000`);
  const backlog = new Backlog();
  let isLost = true;
  let last: number | null = null;
  transcoded(pipeline, [packets, Element.make(`rtp${name}depay`, { 'wait-for-keyframe': true }), Element.make(`${name}dec`)], onSample);
  return {
    push: (packet) => {
      const begins = beginsKeyframe(packet.payload);
      // The depayloader sees for itself what is missing, also where it was left out or the sender's numbers began anew.
      if (last !== null && packet.sequence !== ((last + 1) & 0xffff)) isLost = true;
      last = packet.sequence;
      const waiting = packets.get<number>('current-level-buffers');
      if (!backlog.takes(begins, waiting, performance.now())) {
        isLost = waiting === 0;
        return;
      }
      if (begins) isLost = false;
      // Those without payload, which only probe the bandwidth, too: else their numbers would be missing.
      packets.push(withHeader(packet), packet.time * NS);
    },
    needsKeyframe: () => isLost,
  };
}

const PAYLOAD_TYPE = 96;

/** RFC 3550, section 5.1. */
function withHeader({ sequence, timestamp, marker, payload }: OrderedPacket): Buffer {
  const head = Buffer.alloc(12);
  head[0] = 0x80;
  head[1] = (marker ? 0x80 : 0) | PAYLOAD_TYPE;
  head.writeUInt16BE(sequence, 2);
  head.writeUInt32BE(timestamp, 4);
  return Buffer.concat([head, payload]);
}

function transcoded(pipeline: Pipeline, decoder: Element[], onSample: (sample: EncodedSample) => void): void {
  const sink = chainTo(pipeline, [
    ...decoder,
    Element.make('videoconvert'),
    // Its own thread: decoding goes on while a frame is encoded. Where encoding is too slow, decoded pictures are left out: nothing
    // refers to them, and what waited before the decoder would only become older.
    Element.make('queue', { leaky: 'downstream', 'max-size-buffers': 4, 'max-size-bytes': 0, 'max-size-time': 0 }),
    Element.make('x264enc', { tune: 'zerolatency', 'speed-preset': 'veryfast', bitrate: TRANSCODE_KBPS, 'key-int-max': TRANSCODE_GOP, bframes: 0 }),
    Element.make('h264parse'),
    Element.make('capsfilter', { caps: AVC_CAPS }),
  ]);
  let time = 0;
  sink.onSample(({ data, pts, keyframe, caps, codecData }) => {
    // The parser gives no time to what came in the same instant as the picture before: it is no less needed.
    if (pts !== null) time = pts / NS;
    onSample({ data, time, keyframe, ...(caps !== undefined && codecData ? { config: { record: codecData, ...sizeOf(caps) } } : {}) });
  });
}

function sizeOf(caps: string): { width: number | null; height: number | null } {
  const size = (name: string): number | null => Number(new RegExp(`${name}=\\(int\\)(\\d+)`).exec(caps)?.[1]) || null;
  return { width: size('width'), height: size('height') };
}

function chainTo(pipeline: Pipeline, elements: Element[]): Element {
  return pipeline.chain([...elements, Element.make('appsink', { sync: false, async: false, 'enable-last-sample': false })]);
}
