import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishTestStream } from '../../tools/lib/whip-publisher.ts';
import { type Customer, startCustomer } from '../support/customer.js';
import { decodeFrames, missingPictures, pictures, probe, steps, volumeDetect } from '../support/ffprobe.js';
import { startRtmpServer, type TestRtmpServer } from '../support/rtmp-server.js';
import { System } from '../support/system.js';

/** Of 46.9 AAC frames a second. */
const AUDIO_STEP_MS = 25;

let system: System;
let platforms: TestRtmpServer[];
let customer: Customer;
let live: { whipUrl: (name: string) => string; token: string };

beforeAll(async () => {
  platforms = await Promise.all([startRtmpServer({ record: true }), startRtmpServer({ record: true })]);
  customer = await startCustomer((name) => platforms.map(({ url }, i) => `${url}/${name}-${i}?secret=s3cr3t-${name}`));
  system = await System.shared();
  live = await system.entryPoint('forward', { enabled: true, callbackUrl: customer.url });
});

afterAll(async () => {
  await system?.stop();
  await customer?.stop();
  await Promise.all((platforms ?? []).map((platform) => platform.stop()));
});

const publish = (name: string, options: Partial<Parameters<typeof publishTestStream>[0]> = {}) =>
  publishTestStream({ url: live.whipUrl(name), token: live.token, localAddress: '127.0.0.1', ...options });

/** What a platform recorded of a stream: everything from the first byte on. */
async function recorded(platform: TestRtmpServer, name: string) {
  const file = (await platform.recordings()).find((path) => path.includes(`/${name}`)) as string;
  expect(file, `a recording of ${name}`).toBeDefined();
  return { file, ...(await probe(file, { seconds: 60 })) };
}

describe('a stream from a WHIP client that is not a browser', () => {
  it('may wait for DTLS to come to it, as FFmpeg does; the answer suits clients that read only its beginning', async () => {
    let answer = '';
    const publisher = await publish('passive', {
      mapOffer: (sdp) => sdp.replaceAll('a=setup:actpass', 'a=setup:passive').replace(/^a=candidate:.*\r\n/gm, ''),
      mapAnswer: (sdp) => (answer = sdp),
    });
    await expect.poll(async () => (await system.stream('passive')).state).toBe('live');
    const [, first = ''] = answer.split(/^(?=m=)/m);
    expect(answer).toMatch(/^v=0\r\n/);
    expect(answer.match(/^a=setup:.*$/gm)?.map((line) => line.trim())).toEqual(
      Array(answer.match(/^m=/gm)?.length).fill('a=setup:active'),
    );
    expect(first).toMatch(/^a=fingerprint:sha-256 /m);
    expect(first.match(/^a=candidate:.*$/m)?.[0]).toMatch(/ UDP \d+ 127\.0\.0\.1 \d+ typ host/i);
    expect(await publisher.stop()).toBe(200);
  });

  it('reaches every platform as H.264 and AAC, without a gap, from a key frame on', async () => {
    const publisher = await publish('clip', { width: 1280, height: 720, kbps: 2500, remember: true });
    const stream = await system.stream('clip');
    const transfers = await system.transfersReach(stream.id, ['live', 'live']);
    expect(customer.requests).toContain('POST /targets?customer=7&entry_point=forward&stream_name=clip');
    expect(transfers.map(({ url }) => url)).toEqual(platforms.map(({ url }) => `${url}/***`));

    const seen = await Promise.all(platforms.map(({ url }, i) => probe(`${url}/clip-${i}`, { seconds: 4 })));
    for (const { streams, video, audio } of seen) {
      expect(streams.find(({ codec_type }) => codec_type === 'video')).toMatchObject({
        codec_name: 'h264',
        width: 1280,
        height: 720,
        has_b_frames: 0,
      });
      expect(streams.find(({ codec_type }) => codec_type === 'audio')).toMatchObject({
        codec_name: 'aac',
        sample_rate: '48000',
        channels: 2,
      });
      expect(steps(video).smallest).toBeGreaterThan(0);
      expect(steps(audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= AUDIO_STEP_MS);
      // Four seconds, less the wait for a key frame.
      expect(video.length).toBeGreaterThan(55);
    }
    expect(await decodeFrames(`${platforms[0]?.url}/clip-0`, { frames: 45 })).toBe(45);
    expect((await volumeDetect(`${platforms[0]?.url}/clip-0`, { seconds: 2 })).mean).toBeGreaterThan(-30);
    expect(await system.stream('clip')).toMatchObject({ state: 'live', callback: { state: 'answered', reason: null } });
    // Everything that was logged about it is found by its ids.
    const lines = system.log
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, string>);
    const about = lines.filter(({ streamId }) => streamId === stream.id);
    expect(about.find(({ name, msg }) => name === 'api' && msg?.startsWith('POST /whip/'))?.requestId).toMatch(
      /^[0-9a-f-]{36}$/,
    );
    for (const { id } of transfers)
      expect(
        about.filter(({ name, transferId, msg }) => name === 'worker' && transferId === id && msg === 'transfer live'),
      ).toHaveLength(1);

    expect(await publisher.stop()).toBe(200);
    await expect.poll(async () => (await system.stream('clip')).state).toBe('ended');
    expect((await system.stream('clip')).reason?.code).toBe('publisher_left');
    expect((await system.stream('clip')).figures?.width).toBe(1280);
    const ended = await system.transfers(stream.id);
    expect(ended.map(({ state, reason }) => [state, reason?.code])).toEqual([
      ['ended', 'stream_ended'],
      ['ended', 'stream_ended'],
    ]);
    expect(ended[0]?.figures?.bytesSent).toBeGreaterThan(100_000);
    expect(ended[0]?.figures?.droppedFrames).toBe(0);

    for (const [i, platform] of platforms.entries()) {
      await expect.poll(() => platform.publishers()).toEqual([]);
      const { file, video, audio, packets } = await recorded(platform, `clip-${i}`);
      expect(video[0]?.isKey).toBe(true);
      // Its own time line from 0 on.
      expect(packets[0]?.dts).toBeLessThan(0.05);
      // How evenly pictures come is the publisher's, whose encoder may skip some on a busy machine; none of those sent is missing.
      expect(steps(video).smallest).toBeGreaterThan(0);
      expect(steps(audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= AUDIO_STEP_MS);
      expect(missingPictures(publisher.sent(), await pictures(file))).toEqual([]);
      // Audio and video begin and end together.
      expect(Math.abs((video[0]?.pts ?? 9) - (audio[0]?.pts ?? 0))).toBeLessThan(0.1);
      expect(Math.abs((video.at(-1)?.pts ?? 9) - (audio.at(-1)?.pts ?? 0))).toBeLessThan(0.3);
    }
  });

  it.each(['VP8', 'VP9'] as const)('is transcoded to H.264 when it sends %s, once for all', async (codec) => {
    const name = codec.toLowerCase();
    const publisher = await publish(name, { codec });
    const { id } = await system.stream(name);
    await system.transfersReach(id, ['live', 'live']);
    const { streams, video } = await probe(`${platforms[0]?.url}/${name}-0`, { seconds: 3 });
    expect(streams.map(({ codec_name }) => codec_name).sort()).toEqual(['aac', 'h264']);
    expect(video.length).toBeGreaterThan(30);
    expect(steps(video).smallest).toBeGreaterThan(0);
    expect((await system.stream(name)).figures).toMatchObject({ videoCodec: codec, transcoded: 'codec' });
    // One that comes in the middle gets the very pictures that the others get: an encoder of its own would have made others.
    await system.addTransfer(id, { url: `${platforms[1]?.url}/${name}-late` });
    await system.transfersReach(id, ['live', 'live', 'live']);
    expect(await decodeFrames(`${platforms[1]?.url}/${name}-late`, { frames: 45 })).toBe(45);
    await publisher.stop();
    for (const platform of platforms) await expect.poll(() => platform.publishers()).toEqual([]);
    const seen = async (platform: number, key: string) =>
      pictures((await recorded(platforms[platform] as TestRtmpServer, `${name}-${key}`)).file);
    const [first, second, late] = await Promise.all([seen(0, '0'), seen(1, '1'), seen(1, 'late')]);
    expect(late.length).toBeGreaterThan(40);
    expect(missingPictures(first, second)).toEqual([]);
    expect(missingPictures(first, late)).toEqual([]);
  });

  it('gets silent audio without a gap when it has none', async () => {
    const publisher = await publish('mute', { audio: false, remember: true });
    const { id } = await system.stream('mute');
    await system.transfersReach(id, ['live', 'live']);
    const { audio, video } = await probe(`${platforms[0]?.url}/mute-0`, { seconds: 3 });
    expect(audio.length).toBeGreaterThan(100);
    expect(steps(audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= AUDIO_STEP_MS);
    expect(steps(video).smallest).toBeGreaterThan(0);
    expect((await volumeDetect(`${platforms[0]?.url}/mute-0`, { seconds: 2 })).max).toBeLessThan(-80);
    await publisher.stop();
    await expect.poll(() => platforms[0]?.publishers()).toEqual([]);
    const { file } = await recorded(platforms[0] as TestRtmpServer, 'mute-0');
    expect(missingPictures(publisher.sent(), await pictures(file))).toEqual([]);
  });

  it('may be audio alone', async () => {
    const publisher = await publish('radio', { video: false });
    const { id } = await system.stream('radio');
    await system.transfersReach(id, ['live', 'live']);
    const { streams, audio } = await probe(`${platforms[1]?.url}/radio-1`, { seconds: 3 });
    expect(streams.map(({ codec_name }) => codec_name)).toEqual(['aac']);
    expect(steps(audio).largest).toBeLessThanOrEqual(AUDIO_STEP_MS);
    await publisher.stop();
  });

  it('never shows a stream key in logs, events or answers', async () => {
    const { body: events } = await system.call('GET', '/events?limit=200');
    const { body: deliveries } = await system.call('GET', '/entry_points/forward/callbacks');
    const { body: streams } = await system.call('GET', '/streams');
    const everything = [system.log, await system.pipelineLogs(), JSON.stringify([events, deliveries, streams])].join(
      '\n',
    );
    expect(everything).toContain('clip');
    expect(everything).not.toContain('s3cr3t');
    expect(everything).not.toContain(live.token);
  });
});

describe('a stream without targets', () => {
  it.each([
    ['disabled', { enabled: false, callbackUrl: 'http://127.0.0.1:9/' }, 'none', 'transfer_disabled'],
    ['no-url', { enabled: true }, 'none', 'callback_url_missing'],
    ['refusing', { enabled: true, callbackUrl: 'http://127.0.0.1:9/' }, 'retrying', 'callback_connect_failed'],
  ])('stays up and says why nothing is forwarded: %s', async (name, settings, state, code) => {
    const entryPoint = await system.entryPoint(name, settings);
    const publisher = await publishTestStream({
      url: entryPoint.whipUrl('s'),
      token: entryPoint.token,
      localAddress: '127.0.0.1',
      width: 320,
      height: 180,
    });
    const find = async () => {
      const { body } = await system.call<{ streams: { id: string }[] }>('GET', `/streams?entry_point=${name}`);
      return (await system.call<Record<string, unknown>>('GET', `/streams/${body.streams[0]?.id}`)).body;
    };
    await expect
      .poll(find, { timeout: 5000 })
      .toMatchObject({ state: 'live', callback: { state, reason: { code } }, transfers: {} });
    await publisher.stop();
  });
});
