// What hangs behind a track of webrtcbin: from RTP to H.264 access units and AAC frames.
import { Element, type Pad, type Pipeline, type Sample } from '#libs/gst';
import { Av1Depayloader } from './av1.js';
import { Backlog } from './backlog.js';

/** Opus decoded and encoded once for all outputs, as AAC-LC, the only audio that every RTMP platform takes. */
export const AUDIO_CAPS = 'audio/x-raw,format=S16LE,layout=interleaved,rate=48000,channels=2';
export const AAC_BITRATE = 128_000;
/** AVC: length-prefixed NAL units with the parameter sets in codec_data, as FLV carries it. */
export const AVC_CAPS = 'video/x-h264,stream-format=avc,alignment=au';
/** A key frame that does not come is asked for again. */
const ASK_AGAIN_MS = 500;
/** What VP8, VP9 and AV1 publishers are turned into; RTMP has no older way to carry them. */
const TRANSCODE_KBPS = 2500;
const TRANSCODE_GOP = 60;

/** Every element a session may need; loaded before a publisher waits for them. */
export const FACTORIES = (
  'webrtcbin nicesrc nicesink dtlssrtpdec dtlssrtpenc srtpdec rtpbin rtpjitterbuffer rtprtxreceive rtpfunnel capsfilter queue appsink fakesink tee ' +
  'rtph264depay h264parse rtpopusdepay opusdec audioconvert voaacenc rtpvp8depay vp8dec rtpvp9depay vp9dec appsrc av1dec videoconvert x264enc'
).split(' ');

export type TrackKind = 'video' | 'audio';

/** One track of a session, from its RTP pad to the samples. */
export interface Track {
  kind: TrackKind;
  /** As in SDP: H264, VP8, OPUS... */
  codec: string;
  sink: Element;
}

/** Builds and links the chain for a pad's encoding. Null for what is not forwarded: it is swallowed. */
export function attachTrack(pipeline: Pipeline, pad: Pad, onSample: (sample: Sample) => void): Track | null {
  const codec = /encoding-name=\(string\)([\w-]+)/.exec(pad.caps)?.[1]?.toUpperCase() ?? '';
  const elements = chainFor(codec);
  const sink = Element.make(elements ? 'appsink' : 'fakesink', { sync: false, async: false, 'enable-last-sample': false });
  const chain = [...(elements ?? []), sink];
  const first = chain[0] as Element;
  pipeline.chain(chain);
  const entry = codec === 'AV1' ? av1Entry(pipeline, first) : first;
  if (elements) sink.onSample(onSample);
  // From the sink upwards, so that nothing arrives at an element that is not ready.
  for (const element of new Set([...chain.toReversed(), entry])) element.syncState();
  pad.linkTo(entry);
  return elements ? { kind: codec === 'OPUS' ? 'audio' : 'video', codec, sink } : null;
}

function chainFor(codec: string): Element[] | null {
  switch (codec) {
    case 'H264':
      return [Element.make('rtph264depay', { 'request-keyframe': true, 'wait-for-keyframe': true }), ...avc()];
    case 'VP8':
    case 'VP9':
      return [Element.make(`rtp${codec.toLowerCase()}depay`, { 'request-keyframe': true, 'wait-for-keyframe': true }), ...transcoder(codec)];
    case 'AV1':
      return [Element.make('appsrc', { caps: 'video/x-av1,stream-format=obu-stream,alignment=tu', format: 'time', 'is-live': true, 'max-bytes': 0, 'min-latency': 0 }), ...transcoder(codec)];
    case 'OPUS':
      return [
        Element.make('rtpopusdepay'),
        Element.make('opusdec', { plc: true, 'use-inband-fec': true }),
        Element.make('audioconvert'),
        Element.make('capsfilter', { caps: AUDIO_CAPS }),
        Element.make('voaacenc', { bitrate: AAC_BITRATE }),
      ];
    default:
      return null;
  }
}

/** What takes the RTP packets of an AV1 track and hands its pictures to `source`. */
function av1Entry(pipeline: Pipeline, source: Element): Element {
  const packets = Element.make('appsink', { sync: false, async: false, 'enable-last-sample': false });
  const depayloader = new Av1Depayloader();
  const backlog = new Backlog();
  let askedAt = -Infinity;
  packets.onSample(({ data, pts }) => {
    const now = performance.now();
    let wantsKeyframe = false;
    for (const unit of depayloader.push(data, pts)) {
      const waiting = source.get<number>('current-level-buffers');
      if (backlog.takes(unit.keyframe, waiting, now)) source.push(unit.data, unit.pts);
      else wantsKeyframe ||= waiting === 0;
    }
    if (!(depayloader.isLost || wantsKeyframe) || now - askedAt < ASK_AGAIN_MS) return;
    askedAt = now;
    packets.forceKeyUnit();
  });
  pipeline.add(packets);
  return packets;
}

const avc = (): Element[] => [Element.make('h264parse'), Element.make('capsfilter', { caps: AVC_CAPS })];

function transcoder(codec: string): Element[] {
  return [
    Element.make(`${codec.toLowerCase()}dec`),
    Element.make('videoconvert'),
    // Its own thread: decoding goes on while a frame is encoded. Where encoding is too slow, decoded pictures are left out: nothing
    // refers to them, and what waited before the decoder would only become older.
    Element.make('queue', { leaky: 'downstream', 'max-size-buffers': 4, 'max-size-bytes': 0, 'max-size-time': 0 }),
    Element.make('x264enc', { tune: 'zerolatency', 'speed-preset': 'veryfast', bitrate: TRANSCODE_KBPS, 'key-int-max': TRANSCODE_GOP, bframes: 0 }),
    ...avc(),
  ];
}
