// Odd pictures and sounds: what arrives at a platform all the same.
import { describe, expect, it } from 'vitest';
import { publishTestStream } from '../../tools/lib/whip-publisher.ts';
import { decodeFrames, missingPictures, pictures, probe, steps, volumeDetect } from '../support/ffprobe.js';
import { useInputs, system, platform, entryPoint, forwarded, recorded, figures } from '../support/inputs.js';

useInputs();

/** Of 46.9 AAC frames a second. */
const AUDIO_STEP_MS = 25;

const play = (name: string, seconds: number) => probe(`${platform.url}/${name}`, { seconds });
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
