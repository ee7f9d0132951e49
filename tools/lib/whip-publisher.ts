// A WHIP client that is not a browser: GStreamer makes a test picture and a tone and publishes them (RFC 9725).
import { fingerprint } from './pictures.ts';
import type { TestPublisher, TestStreamOptions } from './publisher-types.ts';
import { once, within } from './signals.ts';
import { IceAgent, WebrtcBin } from '../test-publisher/webrtcbin.ts';
import { Element, GstObject, Pipeline, type Sample } from '#libs/gst';

export type { TestPublisher, TestStreamOptions };

const GATHERING_MS = 2000;
const HTTP_MS = 15_000;
const CONNECT_MS = 15_000;

/** The server did not take the stream. */
export class Refusal extends Error {
  readonly status: number;
  readonly body: string;

  constructor({ status, body }: { status: number; body: string }) {
    super(`the server refused to take the stream: ${status} ${body.slice(0, 500)}`);
    this.status = status;
    this.body = body;
  }
}

/** Publishes until `stop()`. Rejects with Refusal when the server refuses, and when no media path can be made. */
export async function publishTestStream(options: TestStreamOptions): Promise<TestPublisher> {
  const {
    url,
    token,
    video = true,
    audio = true,
    lateVideo = false,
    lateAudio = false,
    connectMs = CONNECT_MS,
    localAddress,
    mapOffer = (sdp) => sdp,
    mapAnswer = (sdp) => sdp,
  } = options;
  const pipeline = new Pipeline();
  const webrtc = WebrtcBin.create({ 'bundle-policy': 'max-bundle' });
  const failures: string[] = [];
  pipeline.onMessage((message) => message.type === 'error' && failures.push(message.message));
  pipeline.add(webrtc);
  // UPnP discovery would take 200 ms.
  const agent = IceAgent.of(webrtc).set({ upnp: false, 'ice-tcp': false });
  if (localAddress) agent.addLocalAddress(localAddress);
  webrtc.on('on-new-transceiver', (handle: GstObject['handle']) =>
    new GstObject(handle).set({ direction: 'sendonly' }),
  );
  webrtc.setOnSignal('on-new-transceiver', 'do-nack', 'true');
  const ready = once(webrtc, 'notify::ice-gathering-state', 'complete');
  const connected = once(webrtc, 'notify::connection-state', 'connected');
  // Closed until the connection stands: what is made before would be sent in a burst, as no real publisher does.
  const gate = () => Element.make('valve', { drop: true, 'drop-mode': 'forward-sticky-events' });
  const gates = { video: gate(), audio: gate() };
  const size = Element.make('capsfilter', { caps: rawCaps(options) });
  const sent: string[] = [];
  const claps: { seen: number[]; heard: number[] } = { seen: [], heard: [] };
  const tap = (isWanted = false) => (isWanted ? [Element.make('tee')] : []);
  const [encodedTap, pictureTap, toneTap] = [tap(options.remember), tap(options.claps), tap(options.claps)];
  const picture = Element.make('videotestsrc', { 'is-live': true, pattern: options.pattern ?? 'ball' });
  const tone = Element.make('audiotestsrc', {
    'is-live': true,
    ...(options.frequency === 0 ? { wave: 'silence' } : { freq: options.frequency ?? 440 }),
  });
  if (video)
    rewritten(
      pipeline,
      pipeline.chain([picture, ...videoSource(gates.video, [size, ...pictureTap], encodedTap, options)]),
      options,
    ).link(webrtc);
  if (audio) pipeline.chain([tone, ...audioSource(gates.audio, toneTap)]).link(webrtc);
  watch(pipeline, encodedTap, ({ data }) => sent.push(fingerprint(data)));
  watch(pipeline, pictureTap, onset(isBright, claps.seen));
  watch(pipeline, toneTap, onset(isLoud, claps.heard));

  let sessionUrl = '';
  let etag = '';
  let postedAt = 0;
  const close = () => pipeline.close();
  const stop = async () => {
    const answer = await request(sessionUrl, 'DELETE', { token });
    await close();
    return answer.status;
  };
  try {
    await pipeline.play();
    const made = await webrtc.ask('create-offer', null);
    await webrtc.ask('set-local-description', made?.offer ?? null);
    await within(GATHERING_MS, ready, 'gathering candidates').catch(() => undefined);
    const sdp = webrtc.localDescription ?? '';
    // A track that the offer lacks makes webrtcbin end the process (an assertion) once its caps come and the answer is set.
    const lacking = Object.entries({ video, audio }).filter(([kind, isOn]) => isOn && !sdp.includes(`\nm=${kind} `));
    if (lacking.length > 0) throw new Error(`the offer lacks ${lacking.map(([kind]) => kind).join(' and ')}: no caps`);
    postedAt = Date.now();
    const answer = await request(url, 'POST', { token, type: 'application/sdp', body: mapOffer(sdp) });
    if (answer.status !== 201) throw new Refusal(answer);
    sessionUrl = new URL(String(answer.headers.get('location')), url).href;
    etag = String(answer.headers.get('etag'));
    await webrtc.ask('set-remote-description', { type: 'answer', sdp: await mapAnswer(answer.body) });
    await within(connectMs, connected, 'connecting (ICE, DTLS)');
    if (!lateVideo) gates.video.set({ drop: false });
    if (!lateAudio) gates.audio.set({ drop: false });
  } catch (error) {
    await close();
    if (failures.length > 0 && error instanceof Error) error.message += ` (${failures.join('; ')})`;
    throw error;
  }
  return {
    sent: () => [...sent],
    postedAt,
    sessionUrl,
    etag,
    stop,
    close,
    setSending: (kind, sending) => gates[kind].set({ drop: !sending }),
    clap: (on) => {
      picture.set({ pattern: on ? 'white' : 'black' });
      tone.set({ volume: on ? 0.8 : 0 });
    },
    claps: () => claps,
    keyFrameRequests: async () => {
      const stats = Object.values((await webrtc.ask('get-stats', null)) ?? {}) as Partial<Stats>[];
      const outbound = stats.filter(({ type }) => type === 'outbound-rtp');
      return outbound.reduce((sum, entry) => sum + (entry['gst-rtpsource-stats']?.['recv-pli-count'] ?? 0), 0);
    },
    setSize: (width, height) => size.set({ caps: rawCaps({ ...options, width, height }) }),
  };
}

/** Lets every RTP packet of the video pass through `mapPacket` (a packet in, those to send out). */
function rewritten(
  pipeline: Pipeline,
  last: Element,
  { mapPacket, codec = 'H264' }: Pick<TestStreamOptions, 'mapPacket' | 'codec'>,
): Element {
  if (!mapPacket) return last;
  const sink = Element.make('appsink', { sync: false, async: false });
  const format = codec === 'H264' ? ',packetization-mode=(string)1,profile-level-id=(string)42e01f' : '';
  const source = Element.make('appsrc', { format: 'time', 'is-live': true, 'max-bytes': 0 });
  // An appsrc that does not run yet answers no question about its caps, and the offer would lack the video; a filter always answers.
  const caps = Element.make('capsfilter', {
    caps: `application/x-rtp,media=video,encoding-name=${codec},payload=96,clock-rate=90000${format}`,
  });
  pipeline.add(sink, source, caps);
  last.link(sink);
  sink.onSample(({ data, pts }) => {
    for (const packet of mapPacket(data)) source.push(packet, pts);
  });
  return source.link(caps);
}

function rawCaps({ width = 640, height = 360, fps = 30 }: TestStreamOptions): string {
  return `video/x-raw,format=I420,width=${width},height=${height},framerate=${fps}/1`;
}

/** From raw pictures to RTP; `encodedTap` sees the H.264 between. */
function videoSource(
  gate: Element,
  raw: Element[],
  encodedTap: Element[],
  { kbps = 800, gop = 60, codec = 'H264', bframes = 0, x264 = {} }: TestStreamOptions,
): Element[] {
  const source = [...raw, gate, Element.make('queue', { 'max-size-buffers': 3 })];
  if (codec !== 'H264') {
    const name = codec.toLowerCase();
    return [
      ...source,
      // As fast as it can, and no picture held back for a better look at the next ones.
      Element.make(`${name}enc`, {
        deadline: 1,
        'cpu-used': 8,
        'lag-in-frames': 0,
        'keyframe-max-dist': gop,
        'target-bitrate': kbps * 1000,
      }),
      Element.make(`rtp${name}pay`, { pt: 96, 'picture-id-mode': '15-bit' }),
      Element.make('capsfilter', {
        caps: `application/x-rtp,media=video,encoding-name=${codec},payload=96,clock-rate=90000`,
      }),
    ];
  }
  return [
    ...source,
    h264Encoder({ bitrate: kbps, 'key-int-max': gop, threads: 1, 'speed-preset': 'ultrafast', ...x264 }, bframes),
    Element.make('capsfilter', {
      caps: `video/x-h264,profile=${bframes > 0 ? 'main' : 'constrained-baseline'},stream-format=byte-stream,alignment=au`,
    }),
    ...encodedTap,
    Element.make('rtph264pay', { pt: 96, 'config-interval': -1, 'aggregate-mode': 'zero-latency' }),
    Element.make('capsfilter', {
      caps: 'application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000',
    }),
  ];
}

/** B-frames come as a camera's own encoder makes them: always as many, and with little lookahead. */
function h264Encoder(settings: Record<string, string | number>, bframes: number): Element {
  if (bframes === 0) return Element.make('x264enc', { tune: 'zerolatency', bframes, ...settings });
  return Element.make('x264enc', {
    tune: 0,
    bframes,
    'b-adapt': false,
    'rc-lookahead': bframes + 1,
    'sync-lookahead': 0,
    ...settings,
  });
}

/** Shows everything that passes a tee, if there is one. What an encoder on a busy machine skips never gets behind it. */
function watch(pipeline: Pipeline, tap: Element[], onSample: (sample: Sample) => void): void {
  const [tee] = tap;
  if (!tee) return;
  const sink = Element.make('appsink', { sync: false, async: false });
  sink.onSample(onSample);
  pipeline.add(sink);
  tee.link(sink);
}

/** Keeps the times (ms) at which what was not so becomes so. */
function onset(isSo: (data: Buffer) => boolean, times: number[]): (sample: Sample) => void {
  let was = true;
  return ({ data, pts }) => {
    const is = isSo(data);
    if (is && !was) times.push((pts ?? 0) / 1e6);
    was = is;
  };
}

const isBright = (i420: Buffer): boolean => (i420[0] ?? 0) > 128;
/** Ten percent of what 16 bits hold. */
const isLoud = (s16: Buffer): boolean =>
  new Int16Array(s16.buffer, s16.byteOffset, s16.length / 2).some((sample) => sample > 3277);

/** From raw sound to RTP. */
function audioSource(gate: Element, rawTap: Element[]): Element[] {
  return [
    Element.make('capsfilter', { caps: 'audio/x-raw,format=S16LE,layout=interleaved,rate=48000,channels=2' }),
    ...rawTap,
    gate,
    Element.make('queue', { 'max-size-buffers': 10 }),
    Element.make('opusenc', { bitrate: 64_000 }),
    // 97 is what webrtcbin takes for the video's retransmission.
    Element.make('rtpopuspay', { pt: 111 }),
    Element.make('capsfilter', {
      caps: 'application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000',
    }),
  ];
}

/** What we read of one of webrtcbin's statistics. */
interface Stats {
  type: string;
  'gst-rtpsource-stats': { 'recv-pli-count'?: number };
}

interface Sent {
  token: string | undefined;
  type?: string;
  body?: string;
}

async function request(url: string, method: string, { token, type, body }: Sent) {
  const headers = { ...(token ? { authorization: `Bearer ${token}` } : {}), ...(type ? { 'content-type': type } : {}) };
  const response = await fetch(url, { method, headers, body, signal: AbortSignal.timeout(HTTP_MS) });
  return { status: response.status, headers: response.headers, body: await response.text() };
}
