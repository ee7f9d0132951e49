import { setTimeout as sleep } from 'node:timers/promises';
import { Element, Pipeline } from '#libs/gst';
import { built } from './built.mjs';

const CAPS = { VP8: 'VP8', VP9: 'VP9', H264: 'H264', OPUS: 'OPUS' };
/** Packets of each codec that the changes start from. */
const SEED_PACKETS = 240;
/** Then the decoders are made again, as for the next session. */
const PACKETS_PER_SESSION = 1500;
/** AV1 has no encoder here: a sequence header of 64 x 64, then frames of noise. */
const AV1_PAYLOADS = ['280b0800000002affd5fbe8008 3010', '10 3210 aabbccdd'].map((hex) => Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const CLOCKS = { OPUS: 48_000 };

/** The RTP that GStreamer makes of a test picture or a tone. */
async function realPackets(codec) {
  if (codec === 'AV1') return Array.from({ length: SEED_PACKETS }, (_, i) => rtpOf(AV1_PAYLOADS[i % 30 === 0 ? 0 : 1], i));
  const packets = [];
  const pipeline = new Pipeline();
  const caps = Element.make('capsfilter', { caps: codec === 'OPUS' ? 'audio/x-raw,rate=48000,channels=2' : 'video/x-raw,format=I420,width=160,height=96,framerate=30/1' });
  const encoders = {
    OPUS: () => [Element.make('opusenc'), Element.make('rtpopuspay', { pt: 96 })],
    VP8: () => [Element.make('vp8enc', { deadline: 1, 'keyframe-max-dist': 30 }), Element.make('rtpvp8pay', { pt: 96, 'picture-id-mode': '15-bit' })],
    VP9: () => [Element.make('vp9enc', { deadline: 1, 'cpu-used': 8, 'lag-in-frames': 0, 'keyframe-max-dist': 30 }), Element.make('rtpvp9pay', { pt: 96, 'picture-id-mode': '15-bit' })],
    H264: () => [Element.make('x264enc', { tune: 'zerolatency', 'key-int-max': 30, 'option-string': 'slices=2' }), Element.make('rtph264pay', { pt: 96, 'config-interval': -1, mtu: 400 })],
  };
  const source = codec === 'OPUS' ? Element.make('audiotestsrc') : Element.make('videotestsrc', { pattern: 'ball' });
  const sink = pipeline.chain([source, caps, ...encoders[codec](), Element.make('appsink', { sync: false, 'max-buffers': 10 })]);
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

/** mulberry32. */
function randomOf(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Some bytes, the length, the header's fields, or nothing of a packet is changed; some are lost, doubled or swapped. */
function changed(packet, random) {
  const copy = Buffer.from(packet);
  const kind = random(24);
  const at = 12 + random(Math.max(1, Math.min(copy.length - 12, random(3) === 0 ? copy.length : 24)));
  if (kind < 4 && at < copy.length) copy[at] = random(256);
  if (kind === 4) for (let i = 0; i < 8; i += 1) copy[Math.min(copy.length - 1, at + i)] = [0, 255, 128, random(256)][random(4)];
  if (kind === 5) return [copy.subarray(0, 1 + random(copy.length))];
  if (kind === 6) return [];
  if (kind === 7) return [copy, copy];
  if (kind === 8) copy.writeUInt32BE((copy.readUInt32BE(4) + random(2 ** 32)) >>> 0, 4);
  if (kind === 9) copy.writeUInt8(copy.readUInt8(1) ^ 0x80, 1);
  if (kind === 10) copy.writeUInt16BE(random(65_536), 2);
  if (kind === 11) copy.writeUInt32BE(random(4), 8);
  if (kind === 12) copy[0] = random(256);
  if (kind === 13) return [Buffer.concat([copy, Buffer.alloc(random(1400), random(256))])];
  return [copy];
}

/** @typedef {{seed: number, sessions: number, packets: number, samples: number, tooLarge: number, errors: number, maxRssMb: number}} FuzzReport */

/**
 * Pushes changed packets through the built pipeline code for so long. Rejects with what the code threw, and which seed made it.
 *
 * @param {{seconds: number, seed: number, codec?: string | null, onProgress?: (line: string) => void}} options
 * @returns {Promise<FuzzReport>}
 */
export async function fuzzMedia({ seconds, seed, codec: only = null, onProgress = () => undefined }) {
  const [{ openTrack }, { RtpReceiver }, { TooLarge }, { Hub }] = await Promise.all(['input/media-chain', 'input/rtp/receiver', 'input/codecs/picture-size', 'stream/hub'].map((name) => built(`apps/pipeline/src/${name}`)));
  const codecs = only === null ? [...Object.keys(CAPS), 'AV1'] : [only];
  const seeds = new Map();
  for (const codec of codecs) seeds.set(codec, await realPackets(codec));
  const until = performance.now() + seconds * 1000;
  const report = { seed, sessions: 0, packets: 0, samples: 0, tooLarge: 0, errors: 0, maxRssMb: 0 };
  for (let session = 0; performance.now() < until; session += 1) {
    const codec = codecs[session % codecs.length];
    const random = randomOf(seed + session);
    try {
      await runSession({ codec, packets: seeds.get(codec), random, report, openTrack, RtpReceiver, TooLarge, Hub, until });
    } catch (error) {
      error.message += ` (${codec}, --seed ${seed + session})`;
      throw error;
    }
    report.sessions += 1;
    report.maxRssMb = Math.max(report.maxRssMb, Math.round(process.memoryUsage.rss() / 1e6));
    if (session % 50 === 49) onProgress(JSON.stringify(report));
  }
  return report;
}

async function runSession({ codec, packets, random, report, openTrack, RtpReceiver, TooLarge, Hub, until }) {
  const kind = codec === 'OPUS' ? 'audio' : 'video';
  const format = { kind, codec, payloadType: 96, rtxPayloadType: null, clockRate: CLOCKS[codec] ?? 90_000, mid: '0', nack: random(2) === 0, fmtp: '' };
  const pipeline = new Pipeline();
  const hub = new Hub();
  const feed = hub.openFeed(kind === 'video');
  let isOver = false;
  // What a decoder makes of the media is its answer; the session ends.
  pipeline.onMessage(({ type }) => {
    if (type !== 'error') return;
    isOver = true;
    report.errors += 1;
  });
  const track = openTrack(pipeline, format, (sample) => {
    if (isOver) return;
    report.samples += 1;
    if (sample.config) feed.setVideoConfig(sample.config.record, sample.config.width, sample.config.height);
    if (kind === 'video') feed.video(sample);
    else feed.audio(sample);
  });
  await pipeline.play();
  const receiver = new RtpReceiver([format], { midExtension: null, transportCcExtension: null, reducedSize: true }, {
    onPacket: (_, packet) => track.push(packet),
    onLost: (_, count) => track.lost?.(count),
    send: () => undefined,
  });
  const cleanFor = random(200);
  try {
    for (let i = 0; i < PACKETS_PER_SESSION && !isOver && performance.now() < until; i += 1) {
      const now = performance.now();
      const original = Buffer.from(packets[i % packets.length]);
      // The same again, as if it went on.
      original.writeUInt16BE((packets[0].readUInt16BE(2) + i) & 0xffff, 2);
      for (const packet of i < cleanFor ? [original] : changed(original, random)) receiver.rtp(packet, now, now);
      report.packets += 1;
      receiver.work(now);
      if (i % 16 === 15) await sleep(4);
    }
  } catch (error) {
    if (!(error instanceof TooLarge)) throw error;
    report.tooLarge += 1;
  }
  isOver = true;
  feed.close();
  hub.close();
  await pipeline.close();
}
