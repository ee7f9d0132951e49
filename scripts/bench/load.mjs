// The load of the benchmarks: a clip encoded once, and any number of publishers that send it by WHIP in real time without
// encoding anything themselves. Each picture bears its number and the time at which it was sent.
import { Element, GstObject, Pipeline } from '#libs/gst';
import { IceAgent, WebrtcBin } from '../../tools/test-publisher/webrtcbin.mjs';

const FPS = 30;
const CLIP_SECONDS = 4;
const OPUS_MS = 20;
/** Access unit delimiter (H.264, 7.4.1.2.4): a start code and two bytes. */
const DELIMITER = 9;
const DELIMITER_BYTES = 6;
/** Marks our SEI message (H.264, annex D.1.7: user data with a UUID of the sender's choice). */
export const STAMP = Buffer.from('6d616e7963617374206265636820737461'.slice(0, 32), 'hex');

/** 720p30 at 2.5 Mbit/s with a key frame every 2 seconds, and Opus: as lists of access units and packets. */
export async function makeClip() {
  const [video, audio] = await Promise.all([
    encode(CLIP_SECONDS * FPS, [
      Element.make('videotestsrc', { 'num-buffers': CLIP_SECONDS * FPS, pattern: 'smpte' }),
      Element.make('capsfilter', { caps: `video/x-raw,format=I420,width=1280,height=720,framerate=${FPS}/1` }),
      // Constant bitrate by filler is no picture: noise makes the bits real.
      Element.make('videobalance', { contrast: 0.9 }),
      Element.make('x264enc', {
        tune: 'zerolatency',
        'speed-preset': 'ultrafast',
        bitrate: 2500,
        'key-int-max': 60,
        bframes: 0,
        'option-string': 'nal-hrd=cbr:filler=1:vbv-maxrate=2500:vbv-bufsize=2500',
      }),
      Element.make('capsfilter', { caps: 'video/x-h264,profile=constrained-baseline' }),
      Element.make('h264parse', { 'config-interval': -1 }),
      Element.make('capsfilter', { caps: 'video/x-h264,stream-format=byte-stream,alignment=au' }),
    ]),
    encode((CLIP_SECONDS * 1000) / OPUS_MS, [
      Element.make('audiotestsrc', {
        'num-buffers': (CLIP_SECONDS * 1000) / OPUS_MS,
        samplesperbuffer: (48_000 * OPUS_MS) / 1000,
      }),
      Element.make('capsfilter', { caps: 'audio/x-raw,format=S16LE,layout=interleaved,rate=48000,channels=2' }),
      Element.make('opusenc', { bitrate: 96_000 }),
    ]),
  ]);
  return { video, audio };
}

async function encode(count, elements) {
  const pipeline = new Pipeline();
  const sink = Element.make('appsink', { sync: false });
  const buffers = [];
  sink.onSample(({ data }) => buffers.push(data));
  /** @type {Promise<void>} */
  const ended = new Promise((resolve, reject) =>
    pipeline.onMessage((message) =>
      message.type === 'eos' ? resolve() : message.type === 'error' && reject(new Error(message.message)),
    ),
  );
  pipeline.chain([...elements, sink]);
  await pipeline.play();
  await ended;
  await pipeline.close();
  return buffers.slice(0, count);
}

/** The access unit with its number and the present time in a SEI message, behind the delimiter that begins the unit. */
function stamped(unit, number) {
  const stamp = Buffer.alloc(12);
  stamp.writeDoubleBE(performance.timeOrigin + performance.now());
  stamp.writeUInt32BE(number, 8);
  // Emulation prevention: no two zero bytes may meet, so both are written in hex.
  const payload = Buffer.concat([STAMP, Buffer.from(stamp.toString('hex'))]);
  const sei = Buffer.concat([Buffer.from([0, 0, 0, 1, 6, 5, payload.length]), payload, Buffer.from([0x80])]);
  const begin = (unit[4] & 0x1f) === DELIMITER ? DELIMITER_BYTES : 0;
  return Buffer.concat([unit.subarray(0, begin), sei, unit.subarray(begin)]);
}

/** Publishes the clip again and again until `pause()`, and leaves with `stop()`. `frames` counts what was sent since the connection stood. */
export async function publishLoad(clip, { url, token }) {
  const pipeline = new Pipeline();
  const webrtc = WebrtcBin.create({ 'bundle-policy': 'max-bundle' });
  pipeline.add(webrtc);
  IceAgent.of(webrtc).set({ upnp: false, 'ice-tcp': false }).addLocalAddress('127.0.0.1');
  webrtc.on('on-new-transceiver', (handle) => new GstObject(handle).set({ direction: 'sendonly' }));
  /** @returns {Promise<void>} */
  const state = (signal, value) => new Promise((resolve) => webrtc.on(signal, (now) => now === value && resolve()));
  const gathered = state('notify::ice-gathering-state', 'complete');
  const connected = state('notify::connection-state', 'connected');
  const source = (caps) => Element.make('appsrc', { caps, format: 'time', 'is-live': true, 'do-timestamp': true });
  const video = source(
    `video/x-h264,stream-format=byte-stream,alignment=au,framerate=${FPS}/1,profile=constrained-baseline`,
  );
  const audio = source('audio/x-opus,channels=2,rate=48000,channel-mapping-family=0');
  pipeline
    .chain([
      video,
      Element.make('rtph264pay', { pt: 96, 'aggregate-mode': 'zero-latency' }),
      Element.make('capsfilter', {
        caps: 'application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000',
      }),
    ])
    .link(webrtc);
  pipeline
    .chain([
      audio,
      Element.make('rtpopuspay', { pt: 111 }),
      Element.make('capsfilter', {
        caps: 'application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000',
      }),
    ])
    .link(webrtc);
  await pipeline.play();
  const { offer } = /** @type {{offer: any}} */ (/** @type {unknown} */ (await webrtc.ask('create-offer', null)));
  await webrtc.ask('set-local-description', offer);
  await gathered;
  const posted = performance.now();
  const wallPosted = Date.now();
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/sdp', authorization: `Bearer ${token}` },
    body: webrtc.localDescription,
  });
  const sdp = await response.text();
  if (response.status !== 201) throw new Error(`${response.status} ${sdp}`);
  const answerMs = performance.now() - posted;
  await webrtc.ask('set-remote-description', { type: 'answer', sdp });
  await connected;
  const load = {
    answerMs,
    wallPosted,
    frames: 0,
    pause: () => clearInterval(timer),
    stop: async () => {
      load.pause();
      await fetch(new URL(String(response.headers.get('location')), url), { method: 'DELETE' }).then((answer) =>
        answer.text(),
      );
      await pipeline.close();
    },
  };
  const started = performance.now();
  let [v, a] = [0, 0];
  // Catches up after a late timer: the rate is that of the clock.
  const timer = setInterval(() => {
    const elapsed = performance.now() - started;
    while (v * (1000 / FPS) <= elapsed) {
      video.push(stamped(clip.video[v % clip.video.length], v));
      v += 1;
      load.frames = v;
    }
    while (a * OPUS_MS <= elapsed) {
      audio.push(clip.audio[a % clip.audio.length]);
      a += 1;
    }
  }, 10);
  return load;
}
