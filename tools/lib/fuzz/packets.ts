// The RTP that the fuzzer starts from, and how it is changed.
import { setTimeout as sleep } from 'node:timers/promises';
import { Element, Pipeline } from '#libs/gst';
import { oneOf, type Random } from './random.ts';

export type Codec = 'VP8' | 'VP9' | 'H264' | 'AV1' | 'OPUS';

export const CODECS: readonly Codec[] = ['VP8', 'VP9', 'H264', 'OPUS', 'AV1'];
/** Packets of each codec that the changes start from. */
const SEED_PACKETS = 240;
/** AV1 has no encoder here: a sequence header of 64 x 64, then frames of noise. */
const AV1_PAYLOADS = ['280b0800000002affd5fbe8008 3010', '10 3210 aabbccdd'].map((hex) =>
  Buffer.from(hex.replaceAll(' ', ''), 'hex'),
);

/** The RTP that GStreamer makes of a test picture or a tone. */
export async function realPackets(codec: Codec): Promise<Buffer[]> {
  if (codec === 'AV1')
    return Array.from({ length: SEED_PACKETS }, (_, i) => rtpOf(AV1_PAYLOADS[i % 30 === 0 ? 0 : 1] as Buffer, i));
  const packets: Buffer[] = [];
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

function rtpOf(payload: Buffer, i: number): Buffer {
  const head = Buffer.from('80e0000000000000aaaa0001', 'hex');
  head.writeUInt16BE(i & 0xffff, 2);
  head.writeUInt32BE(i * 3000, 4);
  return Buffer.concat([head, payload]);
}

/** Some bytes, the length, the header's fields, or nothing of a packet is changed; some are lost, doubled or swapped. */
export function changed(packet: Buffer, random: Random, reach: number): Buffer[] {
  const copy = Buffer.from(packet);
  const kind = random(24);
  const at = 12 + random(Math.max(1, Math.min(copy.length - 12, random(3) === 0 ? copy.length : 24)));
  if (kind < 4 && at < copy.length) copy[at] = random(256);
  if (kind === 4)
    for (let i = 0; i < 8; i += 1) copy[Math.min(copy.length - 1, at + i)] = oneOf(random, [0, 255, 128, random(256)]);
  if (kind === 5) return [copy.subarray(0, 1 + random(copy.length))];
  if (kind === 6) return [];
  if (kind === 7) return [copy, copy];
  if (kind === 8) copy.writeUInt32BE((copy.readUInt32BE(4) + random(2 ** 32)) >>> 0, 4);
  if (kind === 9) copy.writeUInt8(copy.readUInt8(1) ^ 0x80, 1);
  if (kind === 10) copy.writeUInt16BE((copy.readUInt16BE(2) + random(2 * reach) - reach + 65_536) % 65_536, 2);
  if (kind === 11) copy.writeUInt32BE(random(4), 8);
  if (kind === 12) copy[0] = random(256);
  if (kind === 13) return [Buffer.concat([copy, Buffer.alloc(random(1400), random(256))])];
  return [copy];
}
