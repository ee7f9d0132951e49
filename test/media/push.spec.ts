import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishTestStream, type TestPublisher } from '../../tools/lib/whip-publisher.ts';
import { decodeFrames, probe, volumeDetect } from '../support/ffprobe.js';
import { startRtmpServer, type TestRtmpServer } from '../support/rtmp-server.js';
import { startScriptedRtmpServer } from '../support/scripted-rtmp-server.js';
import { System } from '../support/system.js';
import { makeTone } from '../support/tone.js';

interface Transponder {
  mediaSessionId: string;
  streamName: string;
  soundEnabled: boolean;
  width: number;
  height: number;
}

let system: System;
let platform: TestRtmpServer;
let publisher: TestPublisher;
let entryPoint: Awaited<ReturnType<System['entryPoint']>>;

beforeAll(async () => {
  platform = await startRtmpServer();
  system = await System.shared();
  makeTone(system);
  entryPoint = await system.entryPoint('push');
  publisher = await publish('main');
});
afterAll(async () => {
  await publisher?.close();
  await system?.stop();
  await platform?.stop();
});

const publish = (name: string) =>
  publishTestStream({
    url: entryPoint.whipUrl(name),
    token: entryPoint.token,
    localAddress: '127.0.0.1',
    frequency: 300,
  });
const call = (method: string, body?: object) => system.request<Transponder>('POST', `/rest-api/push/${method}`, body);
const ok = async (method: string, body: object): Promise<Transponder> => {
  const answer = await call(method, body);
  expect([method, answer.status, answer.body], JSON.stringify(answer.body)).toEqual([method, 200, answer.body]);
  return answer.body;
};
const names = async () => (await platform.publishers()).map(({ name }) => name);
const arrives = (name: string) => expect.poll(names, { timeout: 15_000 }).toContain(name);
const settings = async (body: object) =>
  expect((await system.call('PATCH', '/entry_points/push/settings/push', body)).status).toBe(200);
/** How much louder one tone is than another, dB. */
async function louder(name: string, hertz: number, than: number): Promise<number> {
  const [one, other] = await Promise.all(
    [hertz, than].map((tone) => volumeDetect(`${platform.url}/${name}`, { seconds: 1.5, hertz: tone })),
  );
  return (one?.mean ?? 0) - (other?.mean ?? 0);
}
const loudness = async (name: string) => (await volumeDetect(`${platform.url}/${name}`, { seconds: 1.5 })).mean;

describe('a push of a running stream', () => {
  it("goes to the prefixed name, or to the full URL's, and ends when it is terminated", async () => {
    const prefixed = await ok('startup', { streamName: 'main', rtmpUrl: platform.url });
    const full = await ok('startup', {
      streamName: 'main',
      rtmpUrl: `${platform.url}/other`,
      rtmpTransponderFullUrl: true,
    });
    expect([prefixed.streamName, full.streamName]).toEqual(['rtmp_main', 'other']);
    await arrives('rtmp_main');
    await arrives('other');
    for (const { mediaSessionId } of [prefixed, full]) await ok('terminate', { mediaSessionId });
    await expect.poll(names, { timeout: 15_000 }).toEqual([]);
    expect((await call('find_all')).status).toBe(404);
  });

  it('is muted and unmuted, and plays a sound for ever or once', async () => {
    const { mediaSessionId } = await ok('startup', { streamName: 'main', rtmpUrl: platform.url });
    await arrives('rtmp_main');
    const stream = await loudness('rtmp_main');
    expect(stream).toBeGreaterThan(-30);
    await ok('mute', { mediaSessionId });
    expect(await loudness('rtmp_main')).toBeLessThan(-80);
    await ok('unmute', { mediaSessionId });
    expect(Math.abs((await loudness('rtmp_main')) - stream)).toBeLessThan(1);
    await ok('sound_on', { mediaSessionId, soundFile: 'tone.wav', loop: true });
    const tone = await loudness('rtmp_main');
    expect(tone).toSatisfy((decibels: number) => decibels > -60 && decibels < -35);
    expect(await louder('rtmp_main', 1000, 300)).toBeGreaterThan(10);
    await ok('sound_off', { mediaSessionId });
    expect(await louder('rtmp_main', 300, 1000)).toBeGreaterThan(10);
    expect(Math.abs((await loudness('rtmp_main')) - stream)).toBeLessThan(1);

    const soundEnabled = async () =>
      ((await call('find', { streamName: 'rtmp_main' })).body as unknown as Transponder[])[0]?.soundEnabled;
    // Twice the same: each time it is played, and over.
    for (let turn = 0; turn < 2; turn += 1) {
      await ok('sound_on', { mediaSessionId, soundFile: 'tone.wav' });
      await expect.poll(soundEnabled, { timeout: 10_000 }).toBe(true);
      await expect.poll(soundEnabled, { timeout: 10_000 }).toBe(false);
    }
    expect(Math.abs((await loudness('rtmp_main')) - stream)).toBeLessThan(1);
    await ok('terminate', { mediaSessionId });
  });

  it('begins muted, and with a sound', async () => {
    const muted = await ok('startup', {
      streamName: 'main',
      rtmpUrl: `${platform.url}/muted`,
      rtmpTransponderFullUrl: true,
      options: { action: 'mute' },
    });
    const sound = await ok('startup', {
      streamName: 'main',
      rtmpUrl: `${platform.url}/sound`,
      rtmpTransponderFullUrl: true,
      options: { action: 'sound_on', soundFile: 'tone.wav', loop: true },
    });
    await arrives('muted');
    await arrives('sound');
    expect(await loudness('muted')).toBeLessThan(-80);
    expect(await loudness('sound')).toSatisfy((decibels: number) => decibels > -60 && decibels < -35);
    for (const { mediaSessionId } of [muted, sound]) await ok('terminate', { mediaSessionId });
  });

  it("is transcoded to the height asked for; the answer says the picture's size", async () => {
    const { mediaSessionId } = await ok('startup', {
      streamName: 'main',
      rtmpUrl: platform.url,
      height: 240,
      keyFrameInterval: 60,
      fps: 30,
      bitrate: 500,
    });
    await arrives('rtmp_main');
    const { streams } = await probe(`${platform.url}/rtmp_main`, { seconds: 3 });
    expect(streams.find(({ codec_type }) => codec_type === 'video')).toMatchObject({ codec_name: 'h264', height: 240 });
    const found = async () =>
      ((await call('find', { rtmpUrl: platform.url })).body as unknown as Transponder[]).map(({ width, height }) => [
        width,
        height,
      ]);
    await expect.poll(found, { timeout: 10_000 }).toEqual([[426, 240]]);
    await ok('terminate', { mediaSessionId });
  });

  it('is gone when the stream ends', async () => {
    const other = await publish('short');
    await ok('startup', { streamName: 'short', rtmpUrl: platform.url });
    await arrives('rtmp_short');
    await other.stop();
    await expect.poll(async () => (await call('find_all')).status, { timeout: 10_000 }).toBe(404);
    await expect.poll(names, { timeout: 10_000 }).toEqual([]);
  });
});

describe('the settings of an entry point', () => {
  it("publish to every fixed server, with parameters in RTMP's connect, from the local address asked for", async () => {
    const scripted = await startScriptedRtmpServer();
    await settings({
      republish: [
        { url: `rtmp://127.0.0.1:${scripted.port}/app/inst`, parameters: { user: 'u', pass: 'p' } },
        { url: platform.url },
      ],
      streamNamePrefix: 'auto-',
      localAddress: '127.0.0.3',
      flashVersion: 'LNX 76.219.189.0',
    });
    const auto = await publish('everywhere');
    await arrives('auto-everywhere');
    await expect.poll(() => scripted.media.length, { timeout: 10_000 }).toBeGreaterThan(0);
    expect(scripted.connects[0]).toMatchObject({
      app: 'app/inst/?user=u&pass=p',
      tcUrl: `rtmp://127.0.0.1:${scripted.port}/app/inst/?user=u&pass=p`,
      flashVer: 'LNX 76.219.189.0',
    });
    expect(scripted.sockets[0]?.remoteAddress).toBe('127.0.0.3');
    expect(scripted.commands.find(([name]) => name === 'publish')).toContain('auto-everywhere');
    const found = (await call('find', { streamName: 'everywhere' })).body as unknown as Transponder[];
    expect(found.map(({ streamName }) => streamName)).toEqual(['auto-everywhere', 'auto-everywhere']);
    await auto.stop();
    await settings({ republish: null, streamNamePrefix: null, localAddress: null, flashVersion: null });
    await scripted.stop();
  });

  it('connect again as often and in such steps as they say; after that the push is gone', async () => {
    await settings({ reconnectAttempts: 2, reconnectIntervalMs: 300 });
    await ok('startup', { streamName: 'main', rtmpUrl: 'rtmp://127.0.0.1:1/live' });
    expect((await call('find_all')).status).toBe(200);
    await expect.poll(async () => (await call('find_all')).status, { timeout: 10_000 }).toBe(404);
    const { id } = await system.stream('main');
    expect((await system.transfers(id)).at(-1)).toMatchObject({
      state: 'failed',
      attempts: 3,
      reason: { code: 'tcp_refused' },
    });
    await settings({ reconnect: false, reconnectAttempts: null, reconnectIntervalMs: null });
    const dropped = await ok('startup', {
      streamName: 'main',
      rtmpUrl: `${platform.url}/dropped`,
      rtmpTransponderFullUrl: true,
    });
    await arrives('dropped');
    await platform.dropPublisher('dropped');
    await expect.poll(async () => (await call('find_all')).status, { timeout: 10_000 }).toBe(404);
    expect((await call('mute', { mediaSessionId: dropped.mediaSessionId })).status).toBe(404);
    await settings({ reconnect: null });
  });

  it('buffer what goes out', async () => {
    await settings({ bufferEnabled: true, bufferStartSizeMs: 1000, bufferInitialSizeMs: 4000 });
    const { mediaSessionId } = await ok('startup', { streamName: 'main', rtmpUrl: platform.url });
    await arrives('rtmp_main');
    const { id } = await system.stream('main');
    const queued = async () => (await system.transfers(id)).at(-1)?.figures?.queuedMs ?? 0;
    await expect.poll(queued, { timeout: 15_000 }).toSatisfy((ms: number) => ms > 700 && ms < 1500);
    expect(await decodeFrames(`${platform.url}/rtmp_main`, { frames: 60 })).toBe(60);
    expect((await system.transfers(id)).at(-1)?.figures).toMatchObject({ droppedFrames: 0 });
    await ok('terminate', { mediaSessionId });
    await settings({ bufferEnabled: null, bufferStartSizeMs: null, bufferInitialSizeMs: null });
  });
});
