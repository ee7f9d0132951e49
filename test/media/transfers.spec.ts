import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeAmf } from '../../apps/pipeline/src/output/rtmp/amf0.js';
import { MESSAGE } from '../../apps/pipeline/src/output/rtmp/chunks.js';
import { publishTestStream, type TestPublisher } from '../../tools/lib/whip-publisher.ts';
import { decodeFrames, missingPictures, pictures, probe, steps, volumeDetect } from '../support/ffprobe.js';
import { startLossyRelay } from '../support/lossy-relay.js';
import { startRtmpServer, type TestRtmpServer } from '../support/rtmp-server.js';
import { startScriptedRtmpServer } from '../support/scripted-rtmp-server.js';
import { startSlowProxy } from '../support/slow-proxy.js';
import { System } from '../support/system.js';
import { startTlsProxy } from '../support/tls-proxy.js';

let system: System;
let platform: TestRtmpServer;
let mediaDir: string;
let publisher: TestPublisher;
let streamId: string;
let entryPoint: Awaited<ReturnType<System['entryPoint']>>;

beforeAll(async () => {
  platform = await startRtmpServer({ record: true });
  mediaDir = mkdtempSync(join(tmpdir(), 'mc-media-'));
  system = await System.start({ MEDIA_DIR: mediaDir });
  mkdirSync(join(mediaDir, system.appid));
  // A quiet tone, two seconds, in another format than the stream's.
  execFileSync('ffmpeg', [
    '-v',
    'error',
    '-f',
    'lavfi',
    '-i',
    'sine=frequency=1000:duration=2:sample_rate=22050',
    '-af',
    'volume=0.1',
    join(mediaDir, system.appid, 'tone.wav'),
  ]);
  entryPoint = await system.entryPoint('transfers');
  // A silent publisher: what is heard comes from us.
  publisher = await publishTestStream({
    url: entryPoint.whipUrl('main'),
    token: entryPoint.token,
    localAddress: '127.0.0.1',
    frequency: 300,
    remember: true,
  });
  ({ id: streamId } = await system.stream('main'));
});
afterAll(async () => {
  await publisher?.close();
  await system?.stop();
  await platform?.stop();
  rmSync(mediaDir, { recursive: true, force: true });
});

const add = (name: string, options: object = {}) =>
  system.addTransfer(streamId, { url: `${platform.url}/${name}`, ...options });
const live = (id: string) => system.transferReaches(streamId, id, 'live');
const change = (id: string, body: object) => system.changeTransfer(streamId, id, body);
const loudness = async (name: string) => (await volumeDetect(`${platform.url}/${name}`, { seconds: 1.5 })).mean;

/** What was recorded of a name, from its first byte to its last. */
async function recorded(name: string) {
  await expect.poll(async () => (await platform.publishers()).map((one) => one.name)).not.toContain(name);
  const file = (await platform.recordings()).filter((path) => new RegExp(`/${name}-\\d`).test(path)).at(-1) as string;
  return { file, ...(await probe(file, { seconds: 120 })) };
}

/** What @setDataFrame says of the picture. */
function sizeOf(body: Buffer): [unknown, unknown] {
  const about = decodeAmf(body).find((value) => typeof value === 'object' && value !== null) as Record<string, unknown>;
  return [about.width, about.height];
}

/** Pictures that a publisher sent and that a recording lacks somewhere in its middle. */
const missing = async ({ file }: { file: string }, from: TestPublisher) =>
  missingPictures(from.sent(), await pictures(file));

describe('transfers of a running stream', () => {
  it('are added and removed at any moment; each begins at 0 with a key frame, and the others notice nothing', async () => {
    const first = await add('first');
    expect(first).toMatchObject({ state: 'pending', url: `${platform.url}/***`, origin: 'api' });
    await live(first.id);
    const late = await add('late');
    await live(late.id);
    const [a] = await system.transfers(streamId);
    expect(a?.figures ?? { droppedFrames: 0 }).toMatchObject({ droppedFrames: 0 });
    expect((await system.call('POST', `/streams/${streamId}/transfers`, { url: `${platform.url}/late` })).status).toBe(
      409,
    );
    expect((await system.call('DELETE', `/streams/${streamId}/transfers/${late.id}`)).status).toBe(204);
    expect(await system.transfer(streamId, late.id)).toMatchObject({ state: 'ended', reason: { code: 'removed' } });
    const { video, audio, packets } = await recorded('late');
    expect(video[0]?.isKey).toBe(true);
    expect(packets[0]?.dts).toBeLessThan(0.05);
    expect(steps(audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
    // The same URL may come back.
    const again = await add('late');
    await live(again.id);
    for (const id of [again.id, first.id]) await system.call('DELETE', `/streams/${streamId}/transfers/${id}`);
    const whole = await recorded('first');
    expect(await missing(whole, publisher)).toEqual([]);
    expect(steps(whole.audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
  });

  it('are muted and unmuted, and get a sound, without a new connection or a jump in time', async () => {
    const { id } = await add('sound');
    await live(id);
    expect(await loudness('sound')).toBeGreaterThan(-30);
    await change(id, { muted: true });
    expect(await loudness('sound')).toBeLessThan(-80);
    await change(id, { muted: false });
    const stream = await loudness('sound');
    expect(stream).toBeGreaterThan(-30);

    await change(id, { sound: { file: 'tone.wav', loop: true } });
    const tone = await loudness('sound');
    expect(tone).toSatisfy((decibels: number) => decibels > -60 && decibels < -35);
    expect(Math.abs((await loudness('sound')) - tone)).toBeLessThan(1);
    await change(id, { sound: null });
    expect(Math.abs((await loudness('sound')) - stream)).toBeLessThan(1);
    // Once: the stream's own audio returns when it has been played.
    await change(id, { muted: null, sound: { file: 'tone.wav' } });
    await expect.poll(async () => Math.abs((await loudness('sound')) - stream) < 1, { timeout: 15_000 }).toBe(true);

    expect(
      (await system.call('PATCH', `/streams/${streamId}/transfers/${id}`, { sound: { file: 'nope.wav' } })).status,
    ).toBe(404);
    expect(
      (await system.call('PATCH', `/streams/${streamId}/transfers/${id}`, { sound: { file: '../../etc/passwd.wav' } }))
        .status,
    ).toBe(400);
    expect(await system.transfer(streamId, id)).toMatchObject({
      state: 'live',
      attempts: 1,
      figures: { reconnects: 0 },
    });
    await system.call('DELETE', `/streams/${streamId}/transfers/${id}`);
    const whole = await recorded('sound');
    expect(steps(whole.audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
    expect(await missing(whole, publisher)).toEqual([]);
  });

  it('are paused, resumed, and sent elsewhere', async () => {
    const { id } = await add('here');
    await live(id);
    await change(id, { paused: true });
    await system.transferReaches(streamId, id, 'paused');
    await expect.poll(async () => (await platform.publishers()).length).toBe(0);
    await change(id, { paused: false });
    await live(id);
    await change(id, { url: `${platform.url}/there` });
    await expect.poll(async () => (await platform.publishers()).map(({ name }) => name)).toEqual(['there']);
    await live(id);
    const { video } = await probe(`${platform.url}/there`, { seconds: 4 });
    expect(video.length).toBeGreaterThan(20);
    await system.call('DELETE', `/streams/${streamId}/transfers/${id}`);
  });

  it('are transcoded as each wishes; those with the same profile share an encoder', async () => {
    const small = { height: 180, fps: 15, bitrate: 300, keyFrameInterval: 15 };
    const [one, two, plain, box] = await Promise.all([
      add('small-1', small),
      add('small-2', small),
      add('plain'),
      add('box', { width: 320, height: 320, bitrate: 300 }),
    ]);
    await Promise.all([one, two, plain, box].map(({ id }) => live(id)));
    const play = (name: string) => probe(`${platform.url}/${name}`, { seconds: 4 });
    const [a, b, c, d] = await Promise.all([play('small-1'), play('small-2'), play('plain'), play('box')]);
    const size = ({ streams }: typeof a) => streams.find(({ codec_type }) => codec_type === 'video');
    expect(size(a)).toMatchObject({ codec_name: 'h264', width: 320, height: 180, has_b_frames: 0 });
    expect(size(b)).toMatchObject({ width: 320, height: 180 });
    expect(size(c)).toMatchObject({ width: 640, height: 360 });
    expect(size(d)).toMatchObject({ width: 320, height: 320 });
    for (const { video, audio } of [a, b]) {
      expect(steps(video)).toSatisfy(({ smallest, largest }) => smallest >= 60 && largest <= 75);
      expect(steps(audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
    }
    expect(await decodeFrames(`${platform.url}/box`, { frames: 30 })).toBe(30);
    // Back to what the publisher sends, on the same connection.
    await change(one.id, { height: null, fps: null, bitrate: null, keyFrameInterval: null });
    await expect
      .poll(
        async () =>
          (await probe(`${platform.url}/small-1`, { seconds: 1 })).streams.find(
            ({ codec_type }) => codec_type === 'video',
          )?.width,
        { timeout: 20_000 },
      )
      .toBe(640);
    // And to the encoder that another transfer has kept running.
    await change(one.id, small);
    await expect
      .poll(
        async () =>
          (await probe(`${platform.url}/small-1`, { seconds: 1 })).streams.find(
            ({ codec_type }) => codec_type === 'video',
          )?.width,
        { timeout: 20_000 },
      )
      .toBe(320);
    expect(await system.transfer(streamId, one.id)).toMatchObject({ state: 'live', attempts: 1 });
    await system.call('DELETE', `/streams/${streamId}/transfers/${one.id}`);
    const { file, video, audio } = await recorded('small-1');
    expect(await decodeFrames(file, { frames: 10_000 })).toBe(video.length);
    expect(steps(video).smallest).toBeGreaterThan(0);
    expect(steps(audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
    for (const { id } of [two, plain, box]) await system.call('DELETE', `/streams/${streamId}/transfers/${id}`);
    // However old the stream was: no picture but its own, from the beginning on, and the audio with it.
    const whole = await recorded('small-2');
    const [first = 9, last = 9] = [whole.video[0]?.dts, whole.video.at(-1)?.dts];
    expect(whole.packets[0]?.dts).toBeLessThan(0.1);
    expect(Math.abs(first - (whole.audio[0]?.dts ?? 9))).toBeLessThan(0.3);
    expect(whole.video.length / (15 * (last - first))).toSatisfy((ratio: number) => ratio > 0.95 && ratio < 1.05);
    expect(steps(whole.audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
    expect((await system.transfer(streamId, two.id)).figures?.bytesSent).toBeGreaterThan(50_000);
  });

  it('go over TLS: a certificate that is not valid is said so, and passes only where verification is off', async () => {
    const tls = await startTlsProxy(platform.port);
    const url = `rtmps://127.0.0.1:${tls.port}/live/tls`;
    const { id } = await system.addTransfer(streamId, { url });
    expect(await system.transferReaches(streamId, id, 'failed')).toMatchObject({
      reason: { code: 'tls_certificate', retryable: true },
    });
    await change(id, { tlsVerify: false });
    await live(id);
    expect((await probe(`${platform.url}/tls`, { seconds: 4 })).video.length).toBeGreaterThan(20);
    await system.call('DELETE', `/streams/${streamId}/transfers/${id}`);
    await tls.stop();
  });

  it('follow a picture that changes its size; a transcoding one keeps its canvas', async () => {
    const turning = await publishTestStream({
      url: entryPoint.whipUrl('turning'),
      token: entryPoint.token,
      localAddress: '127.0.0.1',
      width: 640,
      height: 360,
    });
    const { id } = await system.stream('turning');
    const plain = await system.addTransfer(id, { url: `${platform.url}/turning` });
    const boxed = await system.addTransfer(id, { url: `${platform.url}/boxed`, height: 180, bitrate: 300 });
    await Promise.all([plain, boxed].map((transfer) => system.transferReaches(id, transfer.id, 'live')));
    await expect.poll(async () => (await system.stream('turning')).figures?.width, { timeout: 6000 }).toBe(640);
    const seen = await startScriptedRtmpServer();
    const raw = await system.addTransfer(id, { url: `rtmp://127.0.0.1:${seen.port}/live/raw` });
    await system.transferReaches(id, raw.id, 'live');
    turning.setSize(360, 640);
    await expect.poll(async () => (await system.stream('turning')).figures?.width, { timeout: 10_000 }).toBe(360);
    const width = async (name: string) =>
      (await probe(`${platform.url}/${name}`, { seconds: 2 })).streams.find(({ codec_type }) => codec_type === 'video')
        ?.width;
    expect(await width('turning')).toBe(360);
    expect(await width('boxed')).toBe(320);
    expect(await decodeFrames(`${platform.url}/boxed`, { frames: 15 })).toBe(15);
    expect((await system.transfers(id)).map(({ state, attempts }) => [state, attempts])).toEqual([
      ['live', 1],
      ['live', 1],
      ['live', 1],
    ]);
    // The running connection was told: a description and a sequence header (AVCPacketType 0), again and before the pictures of the new size.
    const told = seen.media.flatMap(({ type, body }): unknown[] =>
      type === MESSAGE.data ? [sizeOf(body)] : type === MESSAGE.video && body[1] === 0 ? ['header'] : [],
    );
    expect(told).toEqual([[640, 360], 'header', [360, 640], 'header']);
    const headers = seen.media.filter(({ type, body }) => type === MESSAGE.video && body[1] === 0);
    expect(headers[1]?.body.equals(headers[0]?.body as Buffer)).toBe(false);
    const next = seen.media
      .slice(seen.media.indexOf(headers[1] as (typeof headers)[number]))
      .filter(({ type }) => type === MESSAGE.video)[1];
    expect(next?.body[0]).toBe(0x17);
    await turning.stop();
    await seen.stop();
    const { video } = await recorded('turning');
    expect(steps(video).smallest).toBeGreaterThan(0);
  });

  it('that a platform denies are left alone for a minute, unless somebody asks for it now', async () => {
    let answer: 'accept' | { refuse: string } = { refuse: 'NetStream.Publish.Denied' };
    const rtmp = await startScriptedRtmpServer({
      get publish() {
        return answer;
      },
    });
    const { id } = await system.addTransfer(streamId, { url: `rtmp://127.0.0.1:${rtmp.port}/live/denied` });
    const failed = await system.transferReaches(streamId, id, 'failed');
    expect(failed).toMatchObject({
      attempts: 1,
      reason: { code: 'publish_denied', blame: 'customer', retryable: true },
    });
    expect(Date.parse(failed.nextRetryAt as string) - Date.now()).toBeGreaterThan(25_000);
    answer = 'accept';
    expect((await system.call('POST', `/streams/${streamId}/transfers/${id}/retry`)).status).toBe(202);
    expect(await live(id)).toMatchObject({ attempts: 2, reason: null, nextRetryAt: null });
    await system.call('DELETE', `/streams/${streamId}/transfers/${id}`);
    await expect.poll(() => rtmp.commands.map(([name]) => name)).toContain('deleteStream');
    await rtmp.stop();
  });
});

describe('a slow platform', () => {
  let noisy: TestPublisher;
  let id: string;

  // A picture that cannot be compressed: the bitrate is real.
  beforeAll(async () => {
    noisy = await publishTestStream({
      url: entryPoint.whipUrl('noisy'),
      token: entryPoint.token,
      localAddress: '127.0.0.1',
      width: 320,
      height: 180,
      kbps: 1500,
      pattern: 'snow',
      remember: true,
    });
    ({ id } = await system.stream('noisy'));
  });
  afterAll(() => noisy?.close());

  it('loses whole groups of pictures, says so, and recovers; others lose nothing', async () => {
    const proxy = await startSlowProxy(platform.port, Infinity);
    const good = await system.addTransfer(id, { url: `${platform.url}/good` });
    const slow = await system.addTransfer(id, { url: `rtmp://127.0.0.1:${proxy.port}/live/slow` });
    await Promise.all([good, slow].map((transfer) => system.transferReaches(id, transfer.id, 'live')));
    proxy.rate = 60_000;
    const figures = async (transfer: { id: string }) => (await system.transfer(id, transfer.id)).figures;
    await expect
      .poll(async () => (await figures(slow))?.droppedFrames ?? 0, { timeout: 40_000, interval: 500 })
      .toBeGreaterThan(100);
    proxy.rate = Infinity;
    await expect.poll(async () => (await figures(slow))?.queuedMs ?? 9999, { timeout: 20_000 }).toBeLessThan(200);
    expect((await figures(good))?.droppedFrames).toBe(0);
    expect(await system.transfer(id, slow.id)).toMatchObject({ state: 'live', attempts: 1 });
    for (const transfer of [good, slow]) await system.call('DELETE', `/streams/${id}/transfers/${transfer.id}`);
    const { video } = await recorded('slow');
    // After a hole the first picture is a key frame: what refers to lost pictures is not sent.
    const holes = video.flatMap((packet, i) =>
      i > 0 && packet.dts - (video[i - 1]?.dts ?? 0) > 0.3 ? [packet.isKey] : [],
    );
    expect(holes.length).toBeGreaterThan(0);
    expect(holes).not.toContain(false);
    expect(await missing(await recorded('good'), noisy)).toEqual([]);
    await proxy.stop();
  });

  it('that stops reading is not live for long', async () => {
    const proxy = await startSlowProxy(platform.port, Infinity);
    const transfer = await system.addTransfer(id, { url: `rtmp://127.0.0.1:${proxy.port}/live/stalled` });
    await system.transferReaches(id, transfer.id, 'live');
    proxy.rate = 0;
    await expect
      .poll(async () => (await system.transfer(id, transfer.id)).reason?.code, { timeout: 40_000, interval: 200 })
      .toBe('stalled');
    proxy.rate = Infinity;
    expect((await system.transferReaches(id, transfer.id, 'live')).attempts).toBeGreaterThan(1);
    await system.call('DELETE', `/streams/${id}/transfers/${transfer.id}`);
    await proxy.stop();
  });
});

describe('a lossy network between publisher and node', () => {
  it('is mended by retransmission', async () => {
    const relay = await startLossyRelay(0.05);
    const lossy = await publishTestStream({
      url: entryPoint.whipUrl('lossy'),
      token: entryPoint.token,
      localAddress: '127.0.0.1',
      remember: true,
      mapOffer: relay.mapOffer,
      mapAnswer: relay.mapAnswer,
    });
    const { id } = await system.stream('lossy');
    const transfer = await system.addTransfer(id, { url: `${platform.url}/lossy` });
    await system.transferReaches(id, transfer.id, 'live');
    await expect.poll(() => relay.lost, { timeout: 20_000 }).toBeGreaterThan(30);
    expect(await decodeFrames(`${platform.url}/lossy`, { frames: 60 })).toBe(60);
    await lossy.stop();
    const whole = await recorded('lossy');
    expect((await missing(whole, lossy)).length).toBeLessThanOrEqual(2);
    expect(steps(whole.audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
    await relay.stop();
  });
});
