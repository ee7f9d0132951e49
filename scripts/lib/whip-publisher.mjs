// A WHIP client that is not a browser: GStreamer makes a test picture and a tone and publishes them (RFC 9725).
import { fingerprint } from './pictures.mjs';
import { once, within } from './signals.mjs';
import { Element, GstObject, Pipeline } from '#libs/gst';
import { IceAgent, WebrtcBin } from '../../tools/test-publisher/webrtcbin.mjs';

const GATHERING_MS = 2000;
const HTTP_MS = 15_000;
const CONNECT_MS = 15_000;

/**
 * @typedef {object} TestStreamOptions
 * @property {string} url
 * @property {string} [token]
 * @property {number} [width]
 * @property {number} [height]
 * @property {number} [fps]
 * @property {number} [kbps]
 * @property {number} [gop]
 * @property {string} [pattern]
 * @property {number} [frequency] of the tone, Hz; 0 is silence
 * @property {boolean} [video]
 * @property {boolean} [audio]
 * @property {boolean} [lateVideo] negotiated, but silent until `setSending`
 * @property {boolean} [lateAudio]
 * @property {'H264' | 'VP8' | 'VP9'} [codec]
 * @property {number} [bframes] H.264 pictures out of order between two that are in order
 * @property {Record<string, string | number>} [x264] more properties of the H.264 encoder
 * @property {(packet: Buffer) => Buffer[]} [mapPacket] changes the video's RTP packets on their way out: those to send for each one
 * @property {number} [connectMs]
 * @property {string} [localAddress] send from this one only
 * @property {boolean} [remember] keep the fingerprint of every H.264 picture, for `sent()`
 * @property {boolean} [claps] keep the times of all claps, for `claps()`
 * @property {(sdp: string) => string} [mapOffer] changes the offer before it is sent
 * @property {(sdp: string) => string | Promise<string>} [mapAnswer] changes the answer before it is used (a relay in between, say)
 */

/**
 * @typedef {object} TestPublisher
 * @property {() => string[]} sent fingerprints of the pictures given to the payloader so far: what should arrive (`remember`)
 * @property {number} postedAt when the offer was posted (Date.now())
 * @property {string} sessionUrl the WHIP session's own URL
 * @property {string} etag the entity tag of its ICE session
 * @property {() => Promise<number>} stop ends the session as a publisher should: DELETE, then nothing more is sent; resolves with the status
 * @property {() => Promise<void>} close vanishes without a word
 * @property {(kind: 'video' | 'audio', sending: boolean) => void} setSending stops a track without a word, as a muted device may, and lets it go on
 * @property {(on: boolean) => void} clap a white picture and the tone, or a black one and silence: at the same moment (a picture more or less), as when somebody claps
 * @property {() => {seen: number[], heard: number[]}} claps when the claps so far began in the picture and in the sound that were sent, ms (`claps`)
 * @property {() => Promise<number>} keyFrameRequests how often a key frame was asked for (RTCP PLI) so far
 * @property {(width: number, height: number) => void} setSize another picture size from now on, as when a phone is turned
 */

/**
 * Publishes until `stop()`. Rejects when the server refuses (`error.status`, `error.body`) or no media path can be made.
 *
 * @param {TestStreamOptions} options
 * @returns {Promise<TestPublisher>}
 */
export async function publishTestStream(options) {
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
  /** @type {string[]} */
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
  const gate = () => Element.make('valve', { drop: true, 'drop-mode': 'forward-sticky-events' });
  const gates = { video: gate(), audio: gate() };
  const size = Element.make('capsfilter', { caps: rawCaps(options) });
  /** @type {string[]} */
  const sent = [];
  /** @type {{seen: number[], heard: number[]}} */
  const claps = { seen: [], heard: [] };
  const tap = (isWanted) => (isWanted ? [Element.make('tee')] : []);
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
    const { offer } = /** @type {{offer: any}} */ (/** @type {unknown} */ (await webrtc.ask('create-offer', null)));
    await webrtc.ask('set-local-description', offer);
    await within(GATHERING_MS, ready, 'gathering candidates').catch(() => undefined);
    const sdp = webrtc.localDescription ?? '';
    // A track that the offer lacks makes webrtcbin end the process (an assertion) once its caps come and the answer is set.
    const lacking = Object.entries({ video, audio }).filter(([kind, isOn]) => isOn && !sdp.includes(`\nm=${kind} `));
    if (lacking.length > 0) throw new Error(`the offer lacks ${lacking.map(([kind]) => kind).join(' and ')}: no caps`);
    postedAt = Date.now();
    const answer = await request(url, 'POST', { token, type: 'application/sdp', body: mapOffer(sdp) });
    if (answer.status !== 201) throw refusal(answer);
    sessionUrl = new URL(String(answer.headers.get('location')), url).href;
    etag = String(answer.headers.get('etag'));
    await webrtc.ask('set-remote-description', { type: 'answer', sdp: await mapAnswer(answer.body) });
    await within(connectMs, connected, 'connecting (ICE, DTLS)');
    if (!lateVideo) gates.video.set({ drop: false });
    if (!lateAudio) gates.audio.set({ drop: false });
  } catch (error) {
    await close();
    if (failures.length > 0) error.message += ` (${failures.join('; ')})`;
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
      /** @type {Record<string, any>} */
      const stats = (await webrtc.ask('get-stats', null)) ?? {};
      const sent = Object.values(stats).filter(({ type }) => type === 'outbound-rtp');
      return sent.reduce((sum, entry) => sum + (entry['gst-rtpsource-stats']?.['recv-pli-count'] ?? 0), 0);
    },
    setSize: (width, height) => size.set({ caps: rawCaps({ ...options, width, height }) }),
  };
}

/**
 * Lets every RTP packet of the video pass through `mapPacket` (a packet in, those to send out).
 *
 * @param {Pipeline} pipeline
 * @param {Element} last
 * @param {Pick<TestStreamOptions, 'mapPacket' | 'codec'>} options
 */
function rewritten(pipeline, last, { mapPacket, codec = 'H264' }) {
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
function h264Encoder(settings, bframes) {
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

/**
 * Shows everything that passes a tee, if there is one. What an encoder on a busy machine skips never gets behind it.
 *
 * @param {Pipeline} pipeline
 * @param {Element[]} tap
 */
function watch(pipeline, tap, onSample) {
  const [tee] = tap;
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
    Element.make('capsfilter', {
      caps: 'application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000',
    }),
  ];
}

/**
 * @param {string} url
 * @param {string} method
 * @param {{token?: string, type?: string, body?: string}} options
 */
async function request(url, method, { token, type, body }) {
  const headers = { ...(token ? { authorization: `Bearer ${token}` } : {}), ...(type ? { 'content-type': type } : {}) };
  const response = await fetch(url, { method, headers, body, signal: AbortSignal.timeout(HTTP_MS) });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

function refusal({ status, body }) {
  return Object.assign(new Error(`the server refused to take the stream: ${status} ${body.slice(0, 500)}`), {
    status,
    body,
  });
}
