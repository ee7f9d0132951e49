// Publishers that are not like the others: what arrives at a platform all the same.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishTestStream, type TestPublisher } from '../../tools/lib/whip-publisher.ts';
import {
  decodeFrames,
  lipSync,
  missingPictures,
  picture,
  pictures,
  probe,
  steps,
  volumeDetect,
} from '../support/ffprobe.js';
import { startLossyRelay } from '../support/lossy-relay.js';
import { startRtmpServer, type TestRtmpServer } from '../support/rtmp-server.js';
import { System } from '../support/system.js';
import { startTcpProxy } from '../support/tcp-proxy.js';

/** Of 46.9 AAC frames a second. */
const AUDIO_STEP_MS = 25;
const CLAPS = 8;
/** Half of a clap, half of a pause. */
const CLAP_MS = 400;
/** The AAC encoder gives back what it hears so much later (1,600 samples): nobody notices less than 125 ms (ITU-R BT.1359-1). */
const ENCODER_MS = 33;
/** On a good network it is 3 ms at most; before the publisher's first reports, what the network made of the first packets. */
const MOST_OFF_MS = 40;

let system: System;
let platform: TestRtmpServer;
let entryPoint: Awaited<ReturnType<System['entryPoint']>>;

beforeAll(async () => {
  platform = await startRtmpServer({ record: true });
  system = await System.start({ ALLOWED_PRIVATE_HOSTS: '127.0.0.0/8,::1' });
  entryPoint = await system.entryPoint('inputs');
});
afterAll(async () => {
  await system?.stop();
  await platform?.stop();
});

type PublishOptions = Partial<Parameters<typeof publishTestStream>[0]>;

/** A stream that goes to a platform under its own name. */
async function forwarded(
  name: string,
  options: PublishOptions,
  url = `${platform.url}/${name}`,
): Promise<{ id: string; publisher: TestPublisher }> {
  const publisher = await publishTestStream({
    url: entryPoint.whipUrl(name),
    token: entryPoint.token,
    localAddress: '127.0.0.1',
    width: 320,
    height: 180,
    kbps: 300,
    ...options,
  });
  const { id } = await system.stream(name);
  const transfer = await system.addTransfer(id, { url });
  await system.transferReaches(id, transfer.id, 'live');
  return { id, publisher };
}

/** What was recorded of a name once its publisher has left. */
async function recorded(name: string) {
  await expect.poll(async () => (await platform.publishers()).map((one) => one.name)).not.toContain(name);
  const file = (await platform.recordings()).find((path) => new RegExp(`/${name}-\\d`).test(path)) as string;
  return { file, ...(await probe(file, { seconds: 120 })) };
}

const play = (name: string, seconds: number) => probe(`${platform.url}/${name}`, { seconds });
const figures = async (name: string) => (await system.stream(name)).figures;
const gapless = (packets: Parameters<typeof steps>[0]): void =>
  expect(steps(packets)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= AUDIO_STEP_MS);

describe('B-frames', () => {
  it('are encoded away, once for all who pass the pictures on', async () => {
    const { id, publisher } = await forwarded('bframes', { bframes: 2, width: 640, height: 360 });
    const second = await system.addTransfer(id, { url: `${platform.url}/bframes-too` });
    await system.transferReaches(id, second.id, 'live');
    await expect.poll(async () => (await figures('bframes'))?.transcoded, { timeout: 6000 }).toBe('b_frames');
    for (const name of ['bframes', 'bframes-too']) {
      const { streams, video, audio } = await play(name, 4);
      expect(streams.find(({ codec_type }) => codec_type === 'video')).toMatchObject({
        codec_name: 'h264',
        width: 640,
        height: 360,
        has_b_frames: 0,
      });
      expect(video.every(({ pts, dts }) => pts === dts)).toBe(true);
      expect(steps(video).smallest).toBeGreaterThan(0);
      gapless(audio);
    }
    expect(await decodeFrames(`${platform.url}/bframes`, { frames: 60 })).toBe(60);
    expect((await system.transfers(id)).map(({ state, attempts }) => [state, attempts])).toEqual([
      ['live', 1],
      ['live', 1],
    ]);
    await publisher.stop();
    // From the very first picture: the platform never saw a B-frame.
    const { file, video, audio } = await recorded('bframes');
    expect(video.every(({ pts, dts }) => pts === dts)).toBe(true);
    expect(steps(video).smallest).toBeGreaterThan(0);
    expect(await decodeFrames(file, { frames: 1000 })).toBe(video.length);
    gapless(audio);
  });

  it('that a publisher leaves off after a reconnect are passed through again', async () => {
    const { publisher: before } = await forwarded('mended', { bframes: 2 });
    await expect.poll(async () => (await figures('mended'))?.transcoded, { timeout: 6000 }).toBe('b_frames');
    await before.close();
    const after = await publishTestStream({
      url: entryPoint.whipUrl('mended'),
      token: entryPoint.token,
      localAddress: '127.0.0.1',
      width: 320,
      height: 180,
      kbps: 300,
      remember: true,
    });
    await expect.poll(async () => (await figures('mended'))?.transcoded, { timeout: 15_000 }).toBe(null);
    const seen = await pictures(`${platform.url}/mended`, { frames: 60 });
    expect(seen.length).toBe(60);
    expect(missingPictures(after.sent(), seen)).toEqual([]);
    await after.stop();
  });
});

describe('audio', () => {
  it('of a muted microphone is silence', async () => {
    const { publisher } = await forwarded('muted', { frequency: 0 });
    expect((await volumeDetect(`${platform.url}/muted`, { seconds: 2 })).max).toBeLessThan(-80);
    await publisher.stop();
    gapless((await recorded('muted')).audio);
  });

  it('that stops for seconds is filled with silence, and comes back', async () => {
    const { publisher } = await forwarded('pausing', {});
    const loudness = async () => (await volumeDetect(`${platform.url}/pausing`, { seconds: 1 })).max;
    expect(await loudness()).toBeGreaterThan(-30);
    publisher.setSending('audio', false);
    await expect.poll(loudness, { timeout: 10_000 }).toBeLessThan(-80);
    publisher.setSending('audio', true);
    await expect.poll(loudness, { timeout: 10_000 }).toBeGreaterThan(-30);
    await publisher.stop();
    const { audio, video } = await recorded('pausing');
    gapless(audio);
    // As long as the video, to the end.
    expect(Math.abs((audio.at(-1)?.dts ?? 0) - (video.at(-1)?.dts ?? 9))).toBeLessThan(0.3);
  });

  it('that begins late takes the place of the silence', async () => {
    const { publisher } = await forwarded('late-audio', { lateAudio: true });
    expect((await volumeDetect(`${platform.url}/late-audio`, { seconds: 1 })).max).toBeLessThan(-80);
    publisher.setSending('audio', true);
    await expect
      .poll(async () => (await volumeDetect(`${platform.url}/late-audio`, { seconds: 1 })).max, { timeout: 10_000 })
      .toBeGreaterThan(-30);
    await publisher.stop();
    gapless((await recorded('late-audio')).audio);
  });
});

describe('video', () => {
  it('that begins long after the audio joins it on the same connection', async () => {
    const { id, publisher } = await forwarded('late-video', { lateVideo: true });
    publisher.setSending('video', true);
    await expect.poll(async () => (await figures('late-video'))?.width, { timeout: 10_000 }).toBe(320);
    expect(await decodeFrames(`${platform.url}/late-video`, { frames: 30 })).toBe(30);
    expect((await system.transfers(id)).map(({ state, attempts }) => [state, attempts])).toEqual([['live', 1]]);
    await publisher.stop();
    gapless((await recorded('late-video')).audio);
  });

  it('that freezes for seconds leaves the audio alone, and goes on with the very next picture', async () => {
    const { publisher } = await forwarded('freezing', { remember: true });
    await expect.poll(async () => (await figures('freezing'))?.fps, { timeout: 10_000 }).toBeGreaterThan(25);
    publisher.setSending('video', false);
    await expect.poll(async () => (await figures('freezing'))?.fps, { timeout: 10_000 }).toBe(0);
    publisher.setSending('video', true);
    await expect.poll(async () => (await figures('freezing'))?.fps, { timeout: 10_000 }).toBeGreaterThan(25);
    await publisher.stop();
    const { file, audio, video } = await recorded('freezing');
    expect(steps(video)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest > 1000);
    // What comes late is not lost.
    expect(missingPictures(publisher.sent(), await pictures(file))).toEqual([]);
    gapless(audio);
  });

  it('with a key frame a minute gets one every few seconds, for a player must not wait longer', async () => {
    const { publisher } = await forwarded('long-gop', { gop: 1800 });
    const keys = ({ video }: Awaited<ReturnType<typeof play>>) => video.filter(({ isKey }) => isKey).length;
    expect(keys(await play('long-gop', 6))).toBeGreaterThanOrEqual(2);
    await publisher.stop();
  });

  it('is asked for one key frame by many who begin at once, not for one by each', async () => {
    const { id, publisher } = await forwarded('many', { gop: 1800 });
    const before = await publisher.keyFrameRequests();
    const began = performance.now();
    const more = await Promise.all(
      Array.from({ length: 12 }, (_, i) => system.addTransfer(id, { url: `${platform.url}/many-${i}` })),
    );
    await Promise.all(more.map((transfer) => system.transferReaches(id, transfer.id, 'live')));
    const asked = (await publisher.keyFrameRequests()) - before;
    expect(asked).toBeGreaterThanOrEqual(1);
    // At most one in 300 ms, whoever asks.
    expect(asked).toBeLessThanOrEqual(1 + Math.ceil((performance.now() - began) / 300));
    expect(asked).toBeLessThan(12);
    await publisher.stop();
  });
});

describe('a picture of a stream', () => {
  const look = async (id: string) => {
    const jpeg = await system.thumbnail(id);
    if (jpeg === null) return null;
    const file = join(system.runDir, 'thumbnail.jpg');
    await writeFile(file, jpeg);
    return picture(file);
  };

  it('is its latest key frame, small and in its own shape', async () => {
    const { id, publisher } = await forwarded('seen', { pattern: 'red', width: 1280, height: 720, kbps: 800 });
    expect(await look(id)).toMatchObject({ width: 320, height: 180 });
    const [red, green, blue] = (await look(id))?.colour ?? [0, 0, 0];
    expect(red).toBeGreaterThan(200);
    expect(Math.max(green, blue)).toBeLessThan(60);
    publisher.setSize(360, 640);
    await expect.poll(() => look(id), { timeout: 15_000 }).toMatchObject({ width: 320, height: 569 });
    await publisher.stop();
  });

  it('is of no use to who sends none', async () => {
    const { id, publisher } = await forwarded('heard', { video: false });
    expect(await look(id)).toBeNull();
    await publisher.stop();
  });
});

describe('lips', () => {
  /** Claps: the picture is white while the tone is heard. Resolves after the last. */
  async function clapping(publisher: TestPublisher): Promise<void> {
    let changes = 0;
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        publisher.clap((changes += 1) % 2 === 1);
        if (changes < 2 * CLAPS) return;
        clearInterval(timer);
        resolve();
      }, CLAP_MS);
    });
  }

  it.each([
    ['on a good network', 0, 0, {}, 0],
    // Where the beginning of a clap was lost for good, it is seen or heard late.
    ['where packets are lost on a long way', 0.03, 40, {}, 2],
    ['when the picture is transcoded', 0, 0, { height: 90 }, 0],
  ])('are in step with the voice %s', async (_, loss, delayMs, options, mostLost) => {
    const name = `lips-${loss * 100}-${Object.keys(options).length}`;
    const relay = await startLossyRelay(loss, delayMs);
    const publisher = await publishTestStream({
      url: entryPoint.whipUrl(name),
      token: entryPoint.token,
      localAddress: '127.0.0.1',
      width: 320,
      height: 180,
      kbps: 300,
      pattern: 'black',
      claps: true,
      mapOffer: relay.mapOffer,
      mapAnswer: relay.mapAnswer,
    });
    publisher.clap(false);
    const { id } = await system.stream(name);
    const transfer = await system.addTransfer(id, { url: `${platform.url}/${name}`, ...options });
    await system.transferReaches(id, transfer.id, 'live');
    await clapping(publisher);
    await publisher.stop();
    const late = await lipSync((await recorded(name)).file);
    const { seen, heard } = publisher.claps();
    expect([late, seen, heard].map(({ length }) => length)).toEqual([CLAPS, CLAPS, CLAPS]);
    // On a busy machine the publisher's own picture and sound do not begin at the same moment.
    const off = late.map((ms, i) => Math.round(ms - ENCODER_MS - ((heard[i] as number) - (seen[i] as number))));
    expect(off.filter((ms) => Math.abs(ms) > MOST_OFF_MS).length, `${off.join(', ')} ms`).toBeLessThanOrEqual(mostLost);
    await relay.stop();
  });
});

it('the round trip to a publisher far away is known as soon as a packet was lost', async () => {
  const relay = await startLossyRelay(0.02, 40);
  const { publisher } = await forwarded('far', {
    remember: true,
    mapOffer: relay.mapOffer,
    mapAnswer: relay.mapAnswer,
  });
  await expect.poll(async () => (await figures('far'))?.rttMs, { timeout: 20_000 }).toBeGreaterThan(0);
  expect((await figures('far'))?.rttMs).toSatisfy((ms: number) => ms > 75 && ms < 160);
  await publisher.stop();
  // And time enough to send it again.
  expect(missingPictures(publisher.sent(), await pictures((await recorded('far')).file))).toEqual([]);
  await relay.stop();
});

it('a platform may be reached over IPv6', async () => {
  const proxy = await startTcpProxy(platform.port, '::1');
  const { publisher } = await forwarded('six', { remember: true }, `rtmp://[::1]:${proxy.port}/live/six`);
  expect(await decodeFrames(`${platform.url}/six`, { frames: 30 })).toBe(30);
  await publisher.stop();
  expect(missingPictures(publisher.sent(), await pictures((await recorded('six')).file))).toEqual([]);
  await proxy.stop();
});
