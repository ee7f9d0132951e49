// Publishers whose RTP is unusual, over WebRTC into the whole system: what a platform gets all the same.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishTestStream, type TestPublisher } from '../../tools/lib/whip-publisher.ts';
import { decodeFrames, probe } from '../support/ffprobe.js';
import { startRtmpServer, type TestRtmpServer } from '../support/rtmp-server.js';
import { System } from '../support/system.js';

const FPS = 30;
const SECONDS = 3;
let system: System;
let platform: TestRtmpServer;
let entryPoint: Awaited<ReturnType<System['entryPoint']>>;
const publishers: TestPublisher[] = [];

beforeAll(async () => {
  platform = await startRtmpServer({ record: true });
  system = await System.shared();
  entryPoint = await system.entryPoint('odd-rtp');
});
afterAll(async () => {
  await Promise.all(publishers.map((publisher) => publisher.close()));
  await system?.stop();
  await platform?.stop();
});

type Options = Partial<Parameters<typeof publishTestStream>[0]>;

async function published(name: string, options: Options): Promise<TestPublisher> {
  const publisher = await publishTestStream({
    url: entryPoint.whipUrl(name),
    token: entryPoint.token,
    localAddress: '127.0.0.1',
    width: 320,
    height: 180,
    kbps: 300,
    fps: FPS,
    ...options,
  });
  publishers.push(publisher);
  return publisher;
}

async function forwarded(name: string, options: Options): Promise<TestPublisher> {
  const publisher = await published(name, options);
  const { id } = await system.stream(name);
  const transfer = await system.addTransfer(id, { url: `${platform.url}/${name}` });
  await system.transferReaches(id, transfer.id, 'live');
  return publisher;
}

const nalType = (packet: Buffer): number => (packet[12] as number) & 0x1f;
const isUnitEnd = (packet: Buffer): boolean => nalType(packet) !== 28 || ((packet[13] as number) & 0x40) !== 0;
/** A copy with its marker set or not. */
function marked(packet: Buffer, marker: boolean): Buffer {
  const copy = Buffer.from(packet);
  copy.writeUInt8(((copy[1] as number) & 0x7f) | (marker ? 0x80 : 0), 1);
  return copy;
}

/** Another SSRC, and other sequence numbers, from each packet that begins a group of pictures. */
let group = 0;
function renewed(isBeginning: (packet: Buffer) => boolean): (packet: Buffer) => Buffer[] {
  return (packet) => {
    if (isBeginning(packet)) group += 1;
    const copy = Buffer.from(packet);
    copy.writeUInt16BE((packet.readUInt16BE(2) + 7919 * group) & 0xffff, 2);
    copy.writeUInt32BE(0x10000 + group, 8);
    return [copy];
  };
}

/** Types of the NAL units of a packet: of one, or of an aggregate. */
function nalTypes(packet: Buffer): number[] {
  if (nalType(packet) !== 24) return [nalType(packet)];
  const types: number[] = [];
  for (let at = 13; at + 2 < packet.length; at += 2 + packet.readUInt16BE(at))
    types.push((packet[at + 2] as number) & 0x1f);
  return types;
}
const hasSets = (packet: Buffer): boolean => nalTypes(packet).some((type) => type === 7 || type === 8);
/** The parameter sets come first, in a packet of their own or with others. */
const beginsGroup = (packet: Buffer): boolean => nalTypes(packet).includes(7);
const SLICES = { 'option-string': 'slices=4' };

describe('the frames that arrive at a platform are whole, and as many as were sent, of a publisher', () => {
  it.each<[string, Options]>([
    ['like-any', { x264: SLICES, mapPacket: (packet) => [packet] }],
    ['that-marks-every-slice', { x264: SLICES, mapPacket: (packet) => [marked(packet, isUnitEnd(packet))] }],
    ['that-marks-every-packet', { x264: SLICES, mapPacket: (packet) => [marked(packet, true)] }],
    ['that-marks-nothing', { x264: SLICES, mapPacket: (packet) => [marked(packet, false)] }],
    ['that-marks-nothing-vp8', { codec: 'VP8', mapPacket: (packet) => [marked(packet, false)] }],
    ['that-marks-every-packet-vp9', { codec: 'VP9', mapPacket: (packet) => [marked(packet, true)] }],
    ['with-a-new-source-for-every-group', { gop: 15, mapPacket: renewed(beginsGroup) }],
  ])('%s', async (name, options) => {
    const publisher = await forwarded(name, options);
    const { video } = await probe(`${platform.url}/${name}`, { seconds: SECONDS });
    const span = (video.at(-1)?.dts ?? 0) - (video[0]?.dts ?? 0);
    expect((video.length - 1) / span).toBeGreaterThan(FPS * 0.9);
    expect((video.length - 1) / span).toBeLessThan(FPS * 1.1);
    // Each of them can be decoded by itself and what came before.
    expect(await decodeFrames(`${platform.url}/${name}`, { frames: 60 })).toBe(60);
    await publisher.stop();
  });

  it('of which there were many sources', () => {
    expect(group).toBeGreaterThan(5);
  });
});

describe('pictures that are too large end the session before a decoder sees them', () => {
  /** Says 8192 x 8192 in the header of each key frame. */
  const hugeVp8 = (packet: Buffer): Buffer[] => {
    const start = packet.indexOf(Buffer.from('9d012a', 'hex'));
    if (start < 0 || start > 40) return [packet];
    const copy = Buffer.from(packet);
    copy.writeUInt32LE(0x20002000, start + 3);
    return [copy];
  };

  it('of VP8', async () => {
    await published('huge', { codec: 'VP8', mapPacket: hugeVp8 });
    await expect
      .poll(async () => system.stream('huge'), { timeout: 15_000 })
      .toMatchObject({ state: 'ended', reason: { code: 'picture_too_large', blame: 'publisher' } });
  });
});

describe('a live stream says what its publisher lacks', () => {
  let isPassing = false;

  it.each<[string, string, Options, (publisher: TestPublisher) => void]>([
    [
      'no-parameter-sets',
      'no_parameter_sets',
      { gop: 15, mapPacket: (packet) => (isPassing || !hasSets(packet) ? [packet] : []) },
      () => (isPassing = true),
    ],
    ['no-video', 'no_video', { lateVideo: true }, (publisher) => publisher.setSending('video', true)],
    ['no-audio', 'no_audio', { lateAudio: true }, (publisher) => publisher.setSending('audio', true)],
  ])('%s, until it comes', async (name, reason, options, mend) => {
    isPassing = false;
    const publisher = await published(name, options);
    await expect
      .poll(() => system.stream(name), { timeout: 15_000 })
      .toMatchObject({ state: 'live', reason: { code: reason, blame: 'publisher' } });
    mend(publisher);
    await expect.poll(() => system.stream(name), { timeout: 15_000 }).toMatchObject({ state: 'live', reason: null });
    await publisher.stop();
  });

  it('and one of which nothing can ever be decoded ends for that', async () => {
    isPassing = false;
    const publisher = await published('never', {
      audio: false,
      mapPacket: (packet) => (hasSets(packet) ? [] : [packet]),
    });
    await expect
      .poll(() => system.stream('never'), { timeout: 25_000 })
      .toMatchObject({ state: 'ended', reason: { code: 'no_parameter_sets' } });
    await publisher.close();
  });
});

it('VP8 whose size changes, as of a phone that is turned, goes on in the size in which it began', async () => {
  const publisher = await forwarded('turned', { codec: 'VP8' });
  const before = await system.stream('turned');
  for (let i = 0; i < 40; i += 1) {
    publisher.setSize(
      ...([
        [180, 320],
        [320, 180],
        [240, 136],
        [96, 320],
      ][i % 4] as [number, number]),
    );
    await sleep(100);
  }
  expect(await decodeFrames(`${platform.url}/turned`, { frames: 60 })).toBe(60);
  const { streams } = await probe(`${platform.url}/turned`, { seconds: 1 });
  expect(streams.find(({ codec_type }) => codec_type === 'video')).toMatchObject({ width: 320, height: 180 });
  expect(await system.stream('turned')).toMatchObject({ id: before.id, state: 'live' });
  expect((await system.transfers(before.id)).map(({ state, attempts }) => [state, attempts])).toEqual([['live', 1]]);
  await publisher.stop();
});
