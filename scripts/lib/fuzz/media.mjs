import { setTimeout as sleep } from 'node:timers/promises';
import { Element, Pipeline } from '#libs/gst';
import { randomOf } from './random.mjs';
import { Wire } from './wire.mjs';

const CAPS = { VP8: 'VP8', VP9: 'VP9', H264: 'H264', OPUS: 'OPUS' };
/** Packets of each codec that the changes start from. */
const SEED_PACKETS = 240;
/** Then the decoders are made again, as for the next session. */
const PACKETS_PER_SESSION = 1500;
/** How far a changed sequence number is from the right one; SRTP refuses what is far behind, so that over a connection nothing more would come. */
const ANYWHERE = 32_768;
const NEAR = 1500;
/** AV1 has no encoder here: a sequence header of 64 x 64, then frames of noise. */
const AV1_PAYLOADS = ['280b0800000002affd5fbe8008 3010', '10 3210 aabbccdd'].map((hex) =>
  Buffer.from(hex.replaceAll(' ', ''), 'hex'),
);
const CLOCKS = { OPUS: 48_000 };

/** The RTP that GStreamer makes of a test picture or a tone. */
async function realPackets(codec) {
  if (codec === 'AV1')
    return Array.from({ length: SEED_PACKETS }, (_, i) => rtpOf(AV1_PAYLOADS[i % 30 === 0 ? 0 : 1], i));
  const packets = [];
  const pipeline = new Pipeline();
  const caps = Element.make('capsfilter', {
    caps:
      codec === 'OPUS'
        ? 'audio/x-raw,rate=48000,channels=2'
        : 'video/x-raw,format=I420,width=160,height=96,framerate=30/1',
  });
  const encoders = {
    OPUS: () => [Element.make('opusenc'), Element.make('rtpopuspay', { pt: 96 })],
    VP8: () => [
      Element.make('vp8enc', { deadline: 1, 'keyframe-max-dist': 30 }),
      Element.make('rtpvp8pay', { pt: 96, 'picture-id-mode': '15-bit' }),
    ],
    VP9: () => [
      Element.make('vp9enc', { deadline: 1, 'cpu-used': 8, 'lag-in-frames': 0, 'keyframe-max-dist': 30 }),
      Element.make('rtpvp9pay', { pt: 96, 'picture-id-mode': '15-bit' }),
    ],
    H264: () => [
      Element.make('x264enc', { tune: 'zerolatency', 'key-int-max': 30, 'option-string': 'slices=2' }),
      Element.make('rtph264pay', { pt: 96, 'config-interval': -1, mtu: 400 }),
    ],
  };
  const source = codec === 'OPUS' ? Element.make('audiotestsrc') : Element.make('videotestsrc', { pattern: 'ball' });
  const sink = pipeline.chain([
    source,
    caps,
    ...encoders[codec](),
    Element.make('appsink', { sync: false, 'max-buffers': 10 }),
  ]);
  sink.onSample(({ data }) => packets.length < SEED_PACKETS && packets.push(data));
  await pipeline.play();
  while (packets.length < SEED_PACKETS) await sleep(20);
  await pipeline.close();
  return packets;
}

function rtpOf(payload, i) {
  const head = Buffer.from('80e0000000000000aaaa0001', 'hex');
  head.writeUInt16BE(i & 0xffff, 2);
  head.writeUInt32BE(i * 3000, 4);
  return Buffer.concat([head, payload]);
}

/** Some bytes, the length, the header's fields, or nothing of a packet is changed; some are lost, doubled or swapped. */
function changed(packet, random, reach) {
  const copy = Buffer.from(packet);
  const kind = random(24);
  const at = 12 + random(Math.max(1, Math.min(copy.length - 12, random(3) === 0 ? copy.length : 24)));
  if (kind < 4 && at < copy.length) copy[at] = random(256);
  if (kind === 4)
    for (let i = 0; i < 8; i += 1) copy[Math.min(copy.length - 1, at + i)] = [0, 255, 128, random(256)][random(4)];
  if (kind === 5) return [copy.subarray(0, 1 + random(copy.length))];
  if (kind === 6) return [];
  if (kind === 7) return [copy, copy];
  if (kind === 8) copy.writeUInt32BE((copy.readUInt32BE(4) + random(2 ** 32)) >>> 0, 4);
  if (kind === 9) copy[1] ^= 0x80;
  if (kind === 10) copy.writeUInt16BE((copy.readUInt16BE(2) + random(2 * reach) - reach + 65_536) % 65_536, 2);
  if (kind === 11) copy.writeUInt32BE(random(4), 8);
  if (kind === 12) copy[0] = random(256);
  if (kind === 13) return [Buffer.concat([copy, Buffer.alloc(random(1400), random(256))])];
  return [copy];
}

/**
 * Pushes changed packets for so long: one session into the receiver, the next over a connection of loopback, and so on. Rejects with what the
 * code threw, and which seed made it.
 */
export async function fuzzMedia({ seconds, seed, codec: only = null, onProgress = () => undefined }) {
  const part = (name) => import(new URL(`../../../dist/apps/pipeline/src/${name}.js`, import.meta.url));
  const parts = Object.assign(
    {},
    ...(await Promise.all(
      [
        'input/media-chain',
        'input/rtp/receiver',
        'input/codecs/frame-size',
        'stream/hub',
        'input/transport/webrtc-transport',
      ].map(part),
    )),
  );
  const codecs = only === null ? [...Object.keys(CAPS), 'AV1'] : [only];
  const seeds = new Map();
  for (const codec of codecs) seeds.set(codec, await realPackets(codec));
  const until = performance.now() + seconds * 1000;
  const report = {
    seed,
    seconds: 0,
    sessions: 0,
    packets: 0,
    samples: 0,
    tooLarge: 0,
    errors: 0,
    connected: 0,
    notConnected: 0,
    datagrams: 0,
    rtpArrived: 0,
    rtcpArrived: 0,
    maxRssMb: 0,
  };
  const began = performance.now();
  for (let session = 0; performance.now() < until; session += 1) {
    const codec = codecs[Math.floor(session / 2) % codecs.length];
    const random = randomOf(seed + session);
    try {
      await runSession({ codec, packets: seeds.get(codec), random, report, parts, until, isWired: session % 2 === 1 });
    } catch (error) {
      error.message += ` (${codec}, --seed ${seed + session})`;
      throw error;
    }
    report.sessions += 1;
    report.seconds = Math.round((performance.now() - began) / 1000);
    report.maxRssMb = Math.max(report.maxRssMb, Math.round(process.memoryUsage.rss() / 1e6));
    if (session % 50 === 49) onProgress(JSON.stringify(report));
  }
  return report;
}

/** What takes the packets of a session: depayloader, decoder and encoder as a publisher's. `over` says why no more is taken. */
async function openReceiver({ codec, random, report, parts: { openTrack, RtpReceiver, TooLarge, Hub } }) {
  const kind = codec === 'OPUS' ? 'audio' : 'video';
  const format = {
    kind,
    codec,
    payloadType: 96,
    rtxPayloadType: null,
    clockRate: CLOCKS[codec] ?? 90_000,
    mid: '0',
    nack: random(2) === 0,
    fmtp: '',
  };
  const pipeline = new Pipeline();
  const hub = new Hub();
  const feed = hub.openFeed(kind === 'video');
  const state = { isOver: false, thrown: /** @type {Error | null} */ (null) };
  // What a decoder makes of the media is its answer; the session ends.
  pipeline.onMessage(({ type }) => {
    if (type !== 'error') return;
    state.isOver = true;
    report.errors += 1;
  });
  const track = openTrack(pipeline, format, (sample) => {
    if (state.isOver) return;
    report.samples += 1;
    if (sample.config) feed.setVideoConfig(sample.config.record, sample.config.width, sample.config.height);
    if (kind === 'video') feed.video(sample);
    else feed.audio(sample);
  });
  await pipeline.play();
  const receiver = new RtpReceiver(
    [format],
    { midExtension: null, transportCcExtension: null, reducedSize: true },
    {
      onPacket: (_, packet) => track.push(packet),
      onLost: (_, count) => track.lost?.(count),
      send: (rtcp) => state.send?.(rtcp),
    },
  );
  /** Nothing that comes over a connection has a caller who could catch. */
  const guarded = (work) => {
    if (state.isOver) return;
    try {
      work();
    } catch (error) {
      state.isOver = true;
      if (error instanceof TooLarge) report.tooLarge += 1;
      else state.thrown = /** @type {Error} */ (error);
    }
  };
  return {
    state,
    rtp: (packet, arrival) => guarded(() => receiver.rtp(packet, arrival, performance.now())),
    rtcp: (packet, arrival) => guarded(() => receiver.rtcp(packet, arrival)),
    work: () => guarded(() => receiver.work(performance.now())),
    close: async () => {
      state.isOver = true;
      feed.close();
      hub.close();
      await pipeline.close();
    },
  };
}

async function runSession(session) {
  const { packets, random, report, until, isWired } = session;
  const receiver = await openReceiver(session);
  const { state } = receiver;
  const wire = isWired ? await openWire(session, receiver) : null;
  const cleanFor = random(200);
  for (let i = 0; i < PACKETS_PER_SESSION && !state.isOver && performance.now() < until; i += 1) {
    const original = Buffer.from(packets[i % packets.length]);
    // The same again, as if it went on.
    original.writeUInt16BE((packets[0].readUInt16BE(2) + i) & 0xffff, 2);
    for (const packet of i < cleanFor ? [original] : changed(original, random, wire ? NEAR : ANYWHERE)) {
      if (wire) wire.rtp(packet);
      else receiver.rtp(packet, performance.now());
    }
    report.packets += 1;
    if (wire) bother(wire, random, report);
    else receiver.work();
    if (i % 16 === 15) await sleep(4);
  }
  await wire?.close();
  await receiver.close();
  const { thrown } = state;
  if (thrown instanceof Error) throw thrown;
}

async function openWire({ random, report, parts: { WebrtcTransport } }, receiver) {
  const events = {
    rtp: (packet, arrival) => {
      report.rtpArrived += 1;
      receiver.rtp(packet, arrival);
    },
    rtcp: (packet, arrival) => {
      report.rtcpArrived += 1;
      receiver.rtcp(packet, arrival);
    },
    done: () => receiver.work(),
    onClosed: () => (receiver.state.isOver = true),
  };
  const wire = await Wire.open({ WebrtcTransport, random, events, isRude: random(3) === 0 });
  if (wire.isSecured) report.connected += 1;
  else {
    report.notConnected += 1;
    receiver.state.isOver = true;
  }
  receiver.state.send = (rtcp) => wire.transport.sendRtcp(rtcp);
  return wire;
}

/** What comes beside the media. */
function bother(wire, random, report) {
  const kind = random(8);
  if (kind > 2) return;
  report.datagrams += 1;
  if (kind < 2) wire.odd();
  else wire.rtcp();
  if (random(400) === 0) wire.restart();
}
