// A WHIP client that is not a browser: GStreamer makes a test picture and a tone and publishes them (RFC 9725).
import { fingerprint } from './pictures.mjs';
import { Element, GstObject, IceAgent, Pipeline } from '#libs/gst';

const GATHERING_MS = 2000;
const HTTP_MS = 15_000;
const CONNECT_MS = 15_000;

/**
 * Publishes until `stop()`. Rejects when the server refuses (`error.status`, `error.body`) or no media path can be made.
 *
 * @param {{url: string, token?: string, width?: number, height?: number, fps?: number, kbps?: number, gop?: number,
 *   pattern?: string, frequency?: number, video?: boolean, audio?: boolean, codec?: 'H264' | 'VP8' | 'VP9', connectMs?: number,
 *   bframes?: number, x264?: Record<string, string | number>, mapPacket?: (packet: Buffer) => Buffer[], lateVideo?: boolean, lateAudio?: boolean, localAddress?: string, remember?: boolean, claps?: boolean, mapOffer?: (sdp: string) => string,
 *   mapAnswer?: (sdp: string) => string | Promise<string>}} options `frequency` of the tone in Hz, 0 is silence; `localAddress`: send from
 *   this one only; `lateVideo`, `lateAudio`: negotiated, but nothing is sent before
 *   `setSending`; `remember`: keep the fingerprint of every H.264 picture for `sent()`; `claps`: keep the times of all claps for `claps()`;
 *   `x264`: more properties of the H.264 encoder; `mapPacket`: changes the video's RTP packets on their way out
 */
export async function publishTestStream(options) {
  const { url, token, video = true, audio = true, lateVideo = false, lateAudio = false, connectMs = CONNECT_MS, localAddress, mapOffer = (sdp) => sdp, mapAnswer = (sdp) => sdp } = options;
  const pipeline = new Pipeline();
  const webrtc = Element.make('webrtcbin', { 'bundle-policy': 'max-bundle' });
  const failures = [];
  pipeline.onMessage((message) => message.type === 'error' && failures.push(message.message));
  pipeline.add(webrtc);
  // UPnP discovery would take 200 ms.
  const agent = IceAgent.of(webrtc).set({ upnp: false, 'ice-tcp': false });
  if (localAddress) agent.addLocalAddress(localAddress);
  webrtc.on('on-new-transceiver', (handle) => new GstObject(handle).set({ direction: 'sendonly' }));
  webrtc.setOnSignal('on-new-transceiver', 'do-nack', 'true');
  const ready = once(webrtc, 'notify::ice-gathering-state', 'complete');
  const connected = once(webrtc, 'notify::connection-state', 'connected');
  // Closed until the connection stands: what is made before would be sent in a burst, as no real publisher does.
  const gates = [0, 1].map(() => Element.make('valve', { drop: true, 'drop-mode': 'forward-sticky-events' }));
  const size = Element.make('capsfilter', { caps: rawCaps(options) });
  const sent = [];
  const claps = { seen: [], heard: [] };
  const [encodedTap, pictureTap, toneTap] = [options.remember, options.claps, options.claps].map((isWanted) => (isWanted ? [Element.make('tee')] : []));
  const picture = Element.make('videotestsrc', { 'is-live': true, pattern: options.pattern ?? 'ball' });
  const tone = Element.make('audiotestsrc', { 'is-live': true, ...(options.frequency === 0 ? { wave: 'silence' } : { freq: options.frequency ?? 440 }) });
  if (video) rewritten(pipeline, pipeline.chain([picture, ...videoSource(gates[0], [size, ...pictureTap], encodedTap, options)]), options).link(webrtc);
  if (audio) pipeline.chain([tone, ...audioSource(gates[1], toneTap)]).link(webrtc);
  watch(pipeline, encodedTap, ({ data }) => sent.push(fingerprint(data)));
  watch(pipeline, pictureTap, onset(isBright, claps.seen));
  watch(pipeline, toneTap, onset(isLoud, claps.heard));

  let sessionUrl;
  let etag;
  let postedAt;
  const close = () => pipeline.close();
  const stop = async () => {
    const answer = await request(sessionUrl, 'DELETE', { token });
    await close();
    return answer.status;
  };
  try {
    await pipeline.play();
    const { offer } = await webrtc.ask('create-offer', null);
    await webrtc.ask('set-local-description', offer);
    await within(GATHERING_MS, ready, 'gathering candidates').catch(() => undefined);
    const { sdp } = webrtc.get('local-description');
    postedAt = Date.now();
    const answer = await request(url, 'POST', { token, type: 'application/sdp', body: mapOffer(sdp) });
    if (answer.status !== 201) throw refusal(answer);
    sessionUrl = new URL(answer.headers.get('location'), url).href;
    etag = answer.headers.get('etag');
    await webrtc.ask('set-remote-description', { type: 'answer', sdp: await mapAnswer(answer.body) });
    await within(connectMs, connected, 'connecting (ICE, DTLS)');
    if (!lateVideo) gates[0].set({ drop: false });
    if (!lateAudio) gates[1].set({ drop: false });
  } catch (error) {
    await close();
    if (failures.length > 0) error.message += ` (${failures.join('; ')})`;
    throw error;
  }
  return {
    /** Fingerprints of the pictures given to the payloader so far: what should arrive (`remember`). */
    sent: () => [...sent],
    /** When the offer was posted (Date.now()). */
    postedAt,
    /** The WHIP session's own URL, and the entity tag of its ICE session. */
    sessionUrl,
    etag,
    /** Ends the session as a publisher should: DELETE, then nothing more is sent. Resolves with the status. */
    stop,
    /** Vanishes without a word. */
    close,
    /** Stops a track without a word, as a muted device may, and lets it go on (`kind` is 'video' or 'audio'). */
    setSending: (kind, sending) => gates[kind === 'video' ? 0 : 1].set({ drop: !sending }),
    /** A white picture and the tone, or a black one and silence: at the same moment (a picture more or less), as when somebody claps. */
    clap: (on) => {
      picture.set({ pattern: on ? 'white' : 'black' });
      tone.set({ volume: on ? 0.8 : 0 });
    },
    /** When the claps so far began in the picture and in the sound that were sent, ms (`claps`). */
    claps: () => claps,
    /** How often a key frame was asked for (RTCP PLI) so far. */
    keyFrameRequests: async () => {
      const sent = Object.values((await webrtc.ask('get-stats', null)) ?? {}).filter(({ type }) => type === 'outbound-rtp');
      return sent.reduce((sum, entry) => sum + (entry['gst-rtpsource-stats']?.['recv-pli-count'] ?? 0), 0);
    },
    /** Another picture size from now on, as when a phone is turned. */
    setSize: (width, height) => size.set({ caps: rawCaps({ ...options, width, height }) }),
  };
}

/** Lets every RTP packet of the video pass through `mapPacket` (a packet in, those to send out). */
function rewritten(pipeline, last, { mapPacket, codec = 'H264' }) {
  if (!mapPacket) return last;
  const sink = Element.make('appsink', { sync: false, async: false });
  const format = codec === 'H264' ? ',packetization-mode=(string)1,profile-level-id=(string)42e01f' : '';
  const source = Element.make('appsrc', { caps: `application/x-rtp,media=video,encoding-name=${codec},payload=96,clock-rate=90000${format}`, format: 'time', 'is-live': true, 'max-bytes': 0 });
  pipeline.add(sink, source);
  last.link(sink);
  sink.onSample(({ data, pts }) => {
    for (const packet of mapPacket(data)) source.push(packet, pts);
  });
  return source;
}

function rawCaps({ width = 640, height = 360, fps = 30 }) {
  return `video/x-raw,format=I420,width=${width},height=${height},framerate=${fps}/1`;
}

function videoSource(gate, raw, encodedTap, { kbps = 800, gop = 60, codec = 'H264', bframes = 0, x264 = {} }) {
  const source = [...raw, gate, Element.make('queue', { 'max-size-buffers': 3 })];
  if (codec !== 'H264') {
    const name = codec.toLowerCase();
    return [
      ...source,
      // As fast as it can, and no picture held back for a better look at the next ones.
      Element.make(`${name}enc`, { deadline: 1, 'cpu-used': 8, 'lag-in-frames': 0, 'keyframe-max-dist': gop, 'target-bitrate': kbps * 1000 }),
      Element.make(`rtp${name}pay`, { pt: 96, 'picture-id-mode': '15-bit' }),
      Element.make('capsfilter', { caps: `application/x-rtp,media=video,encoding-name=${codec},payload=96,clock-rate=90000` }),
    ];
  }
  return [
    ...source,
    h264Encoder({ bitrate: kbps, 'key-int-max': gop, threads: 1, 'speed-preset': 'ultrafast', ...x264 }, bframes),
    Element.make('capsfilter', { caps: `video/x-h264,profile=${bframes > 0 ? 'main' : 'constrained-baseline'},stream-format=byte-stream,alignment=au` }),
    ...encodedTap,
    Element.make('rtph264pay', { pt: 96, 'config-interval': -1, 'aggregate-mode': 'zero-latency' }),
    Element.make('capsfilter', { caps: 'application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000' }),
  ];
}

/** B-frames come as a camera's own encoder makes them: always as many, and with little lookahead. */
function h264Encoder(settings, bframes) {
  if (bframes === 0) return Element.make('x264enc', { tune: 'zerolatency', bframes, ...settings });
  return Element.make('x264enc', { tune: 0, bframes, 'b-adapt': false, 'rc-lookahead': bframes + 1, 'sync-lookahead': 0, ...settings });
}

/** Shows everything that passes a tee, if there is one. What an encoder on a busy machine skips never gets behind it. */
function watch(pipeline, [tee], onSample) {
  if (!tee) return;
  const sink = Element.make('appsink', { sync: false, async: false });
  sink.onSample(onSample);
  pipeline.add(sink);
  tee.link(sink);
}

/** Keeps the times (ms) at which what was not so becomes so. */
function onset(isSo, times) {
  let was = true;
  return ({ data, pts }) => {
    const is = isSo(data);
    if (is && !was) times.push(pts / 1e6);
    was = is;
  };
}

const isBright = (i420) => i420[0] > 128;
/** Ten percent of what 16 bits hold. */
const isLoud = (s16) => new Int16Array(s16.buffer, s16.byteOffset, s16.length / 2).some((sample) => sample > 3277);

function audioSource(gate, rawTap) {
  return [
    Element.make('capsfilter', { caps: 'audio/x-raw,format=S16LE,layout=interleaved,rate=48000,channels=2' }),
    ...rawTap,
    gate,
    Element.make('queue', { 'max-size-buffers': 10 }),
    Element.make('opusenc', { bitrate: 64_000 }),
    // 97 is what webrtcbin takes for the video's retransmission.
    Element.make('rtpopuspay', { pt: 111 }),
    Element.make('capsfilter', { caps: 'application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000' }),
  ];
}

function once(object, signal, value) {
  return new Promise((resolve) => object.on(signal, (now) => now === value && resolve()));
}

async function within(ms, promise, what) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${ms} ms`)), ms);
  });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}

async function request(url, method, { token, type, body }) {
  const headers = { ...(token ? { authorization: `Bearer ${token}` } : {}), ...(type ? { 'content-type': type } : {}) };
  const response = await fetch(url, { method, headers, body, signal: AbortSignal.timeout(HTTP_MS) });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

function refusal({ status, body }) {
  return Object.assign(new Error(`the server refused to take the stream: ${status} ${body.slice(0, 500)}`), { status, body });
}
