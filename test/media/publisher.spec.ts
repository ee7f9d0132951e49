// What the browser library publishes, and how it ends.
import { expect, it } from 'vitest';
import { probe, steps, volumeDetect } from '../support/ffprobe.js';
import { inPage, type PageStats } from '../support/publisher-page.js';
import {
  useLibrary,
  system,
  platform,
  openPage,
  beginWith,
  begin,
  events,
  reaches,
  publish,
} from '../support/library-pages.js';

useLibrary();

it('publishes the camera, tells its figures, and ends the stream at once', async () => {
  const { page } = await publish('camera', {
    statsIntervalMs: 500,
    constraints: { video: { width: 1280, height: 720, frameRate: 30 }, audio: true },
  });
  expect(await events(page)).toEqual(expect.arrayContaining(['PENDING', 'PUBLISHING', 'session ESTABLISHED']));
  expect(
    await inPage(page, `(({ videoWidth, muted }) => [videoWidth, muted])(document.querySelector('#preview video'))`),
  ).toEqual([1280, true]);

  const { streams, video, audio } = await probe(`${platform.url}/camera`, { seconds: 4 });
  expect(streams.find(({ codec_type }) => codec_type === 'video')).toMatchObject({
    codec_name: 'h264',
    width: 1280,
    height: 720,
  });
  expect(streams.find(({ codec_type }) => codec_type === 'audio')).toMatchObject({ codec_name: 'aac' });
  expect(steps(video)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest < 300);
  expect(steps(audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);

  const last = (): Promise<PageStats> => inPage<PageStats>(page, 'stats.at(-1)');
  await expect.poll(async () => (await last()).video?.kbps ?? 0, { timeout: 15_000 }).toBeGreaterThan(500);
  expect(await last()).toMatchObject({
    route: 'udp host',
    audio: { codec: 'opus' },
    video: { codec: 'h264', width: 1280, height: 720 },
  });
  // The fake camera makes 20 pictures a second.
  await expect.poll(async () => (await last()).video?.fps ?? 0, { timeout: 15_000 }).toBeGreaterThan(15);
  expect((await inPage<PageStats>(page, 'stream.getStats()')).intervalMs).toBeGreaterThan(400);

  await inPage(page, 'stream.stop()');
  expect(await inPage(page, 'stream.status()')).toBe('UNPUBLISHED');
  // Much sooner than a publisher who only vanished is given up.
  await expect.poll(() => platform.publishers(), { timeout: 3000 }).toEqual([]);
  await expect.poll(async () => (await system.stream('camera')).reason?.code, { timeout: 3000 }).toBe('publisher_left');
});

it('mutes, and publishes again what it has unmuted', async () => {
  const { page } = await publish('muted');
  const loudness = async (): Promise<number> => (await volumeDetect(`${platform.url}/muted`, { seconds: 2 })).max;
  expect(await loudness()).toBeGreaterThan(-30);
  await inPage(page, 'stream.muteAudio()');
  expect(await inPage(page, 'stream.isAudioMuted()')).toBe(true);
  await expect.poll(loudness, { timeout: 20_000 }).toBeLessThan(-60);
  await inPage(page, 'stream.unmuteAudio()');
  await expect.poll(loudness, { timeout: 20_000 }).toBeGreaterThan(-30);
  await inPage(page, 'stream.muteVideo()');
  expect(
    await inPage(
      page,
      `[stream.isVideoMuted(), document.querySelector('video').srcObject.getVideoTracks()[0].enabled]`,
    ),
  ).toEqual([true, false]);
});

it('switches to the screen, to a test card and back to the camera on the same session', async () => {
  const { page, id } = await publish('switched');
  const sent = (): Promise<string> =>
    inPage<string>(page, `document.querySelector('video').srcObject.getVideoTracks()[0].label`);
  const width = async (): Promise<number | undefined> =>
    (await inPage<PageStats | null>(page, 'stream.getStats()'))?.video?.width;
  const camera = await sent();

  // Another sound than the microphone's, which the end of the sharing is to leave alone.
  const heard = (): Promise<string> =>
    inPage<string>(page, `document.querySelector('video').srcObject.getAudioTracks()[0].id`);
  await inPage(
    page,
    `window.music = library.createTestCard({ width: 320, height: 180, label: 'Music' }), stream.switchTo(new MediaStream(music.stream.getAudioTracks()))`,
  );
  const music = await heard();
  // A click: browsers show a screen only after a user's gesture.
  await page.click('#screen');
  await inPage(page, 'switched');
  expect(await sent()).not.toBe(camera);
  await expect.poll(width, { timeout: 15_000 }).not.toBe(640);
  // The user ends the sharing by the browser's own button.
  await inPage(page, `document.querySelector('video').srcObject.getVideoTracks()[0].dispatchEvent(new Event('ended'))`);
  await expect.poll(sent).toBe(camera);
  expect(await heard()).toBe(music);

  await inPage(
    page,
    `window.card = library.createTestCard({ width: 320, height: 180, label: 'Test' }), stream.switchTo(card.stream)`,
  );
  await expect.poll(width, { timeout: 15_000 }).toBe(320);
  await expect
    .poll(
      async () =>
        (await probe(`${platform.url}/switched`, { seconds: 1 })).streams.find(
          ({ codec_type }) => codec_type === 'video',
        )?.width,
      { timeout: 20_000 },
    )
    .toBe(320);
  // A steady tone, 20 dB below full scale; the fake microphone only beeps once a second.
  await expect
    .poll(async () => (await volumeDetect(`${platform.url}/switched`, { seconds: 2 })).mean, { timeout: 20_000 })
    .toBeGreaterThan(-27);
  await inPage(page, 'stream.switchToCam()');
  await expect.poll(width, { timeout: 15_000 }).toBe(640);

  const {
    video: [first, second],
  } = await inPage<{ video: { id: string; label: string }[] }>(page, 'library.getMediaDevices()');
  const other = [first, second].find((device) => device && device.label !== camera);
  if (other) {
    await inPage(page, `stream.switchCam(${JSON.stringify(other.id)})`);
    expect(await sent()).toBe(other.label);
  }
  expect(await inPage(page, 'network.offers')).toBe(1);
  expect((await system.transfers(id))[0]).toMatchObject({ state: 'live', attempts: 1, figures: { reconnects: 0 } });
});

it('goes live with what it was switched to while it connected', async () => {
  const page = await openPage();
  await inPage(
    page,
    `network.mapAnswer = async (sdp) => { await new Promise((go) => (window.answer = go)); return sdp; }`,
  );
  await begin(page, {}, { name: 'early', constraints: { video: { width: 320, height: 240 }, audio: true } });
  await expect.poll(() => inPage(page, 'typeof window.answer')).toBe('function');
  await page.click('#screen');
  await inPage(page, 'window.switched');
  await inPage(page, 'window.answer()');
  await reaches(page, 'PUBLISHING', 20_000);
  // The screen, not the camera that was stopped.
  await expect
    .poll(async () => (await system.stream('early')).figures?.width ?? 0, { timeout: 15_000 })
    .toBeGreaterThan(320);
  await inPage(page, 'stream.stop()');
});

it('ends the stream when the page is closed', async () => {
  const { page } = await publish('closed');
  await page.close({ runBeforeUnload: true });
  await expect.poll(async () => (await system.stream('closed')).state, { timeout: 3000 }).toBe('ended');
  expect((await system.stream('closed')).reason?.code).toBe('publisher_left');
});

it('waits as long as a full server asks it to', async () => {
  const page = await openPage();
  await inPage(
    page,
    `network.refusals = [{ status: 503, headers: { 'Retry-After': '2' } }, { status: 429, headers: { 'Retry-After': '1' } }]`,
  );
  const started = performance.now();
  await begin(page, {}, { name: 'patient', constraints: { video: false, audio: true } });
  await reaches(page, 'PUBLISHING');
  expect(performance.now() - started).toBeGreaterThan(3000);
  // Without such a word the user is told at once.
  await inPage(page, `network.refusals = [{ status: 500 }], stream.stop()`);
  await begin(page, {}, { name: 'impatient', constraints: { video: false, audio: true } });
  await reaches(page, 'FAILED');
});

it('stops while it connects, and leaves nothing behind', async () => {
  const page = await openPage();
  await inPage(
    page,
    `network.mapAnswer = (sdp) => (window.answered = true, sdp.replace(/^a=candidate:.*\\r\\n/gm, ''))`,
  );
  await inPage(page, `network.trickle = false`);
  await begin(page, {}, { name: 'abandoned' });
  await expect.poll(() => inPage(page, 'window.answered')).toBe(true);
  expect(await inPage(page, 'stream.status()')).toBe('PENDING');
  await inPage(page, 'stream.stop()');
  expect(await inPage(page, 'stream.status()')).toBe('UNPUBLISHED');
  await expect.poll(async () => (await system.stream('abandoned')).state, { timeout: 3000 }).toBe('ended');
});

it('keeps the camera for the next stream, and leaves what is not its own alone', async () => {
  const { page } = await publish('first', { cacheLocalResources: true });
  const label = `document.querySelector('video').srcObject.getTracks().map((track) => track.id + track.readyState).join()`;
  const camera = await inPage(page, label);
  await inPage(page, `window.card = library.createTestCard({ width: 320, height: 180 }), stream.switchTo(card.stream)`);
  await inPage(page, `stream.muteAudio(), stream.stop()`);
  expect(await inPage(page, label)).toBe(camera);
  expect(await inPage(page, `card.stream.getTracks().map((track) => track.readyState + track.enabled)`)).toEqual([
    'livetrue',
    'livetrue',
  ]);
  await begin(page, {}, { name: 'second', cacheLocalResources: true });
  await reaches(page, 'PUBLISHING');
  expect(await inPage(page, label)).toBe(camera);
  await inPage(page, `stream.stop().then(() => library.releaseLocalMedia(document.getElementById('preview')))`);
  expect(await inPage(page, label)).toContain('ended');
});

it('says why it failed', async () => {
  const page = await openPage();
  await begin(page, { token: 'not-a-token' }, { name: 'refused' });
  await reaches(page, 'FAILED');
  expect(await inPage(page, 'stream.info()')).toBe('The publish token is not valid for this project.');
  // Camera and microphone are let go.
  expect(await inPage(page, `document.querySelector('video').srcObject`)).toBeNull();

  await begin(page, { whipUrl: 'http://127.0.0.1:9/whip/a/b' }, { name: 'nowhere' });
  await reaches(page, 'FAILED');
  expect(await inPage(page, 'stream.info()')).toBe('The server cannot be reached.');
  await expect.poll(() => events(page)).toEqual(expect.arrayContaining(['session FAILED']));
});

it('has the stream pushed to the RTMP server that the page names, or says why not', async () => {
  const page = await openPage('/');
  await begin(page, {}, { name: 'wished', rtmpUrl: platform.url });
  await reaches(page, 'PUBLISHING');
  await expect
    .poll(async () => (await platform.publishers()).map(({ name }) => name), { timeout: 10_000 })
    .toContain('rtmp_wished');
  await inPage(page, 'stream.stop()');
  await begin(page, {}, { name: 'mistaken', rtmpUrl: 'http://127.0.0.1/' });
  await reaches(page, 'PUBLISHING');
  await expect.poll(() => events(page)).toEqual(expect.arrayContaining([expect.stringMatching(/^NOT_PUSHED .*rtmp/)]));
});

it('publishes sound alone, as a module too', async () => {
  const { page } = await publish('sound', { constraints: { audio: true, video: false } }, '/module');
  expect((await probe(`${platform.url}/sound`, { seconds: 2 })).streams.map(({ codec_type }) => codec_type)).toEqual([
    'audio',
  ]);
  // A track more would need a new offer, which WHIP does not have.
  await expect(inPage(page, `stream.switchCam('default')`)).rejects.toThrow(/no video to replace/);
});

it('publishes a picture without sound, within the bitrate that it is given', async () => {
  const page = await openPage();
  await beginWith(
    page,
    { maxVideoKbps: 200 },
    `{ name: 'card', customStream: Manycast.createTestCard({ width: 1280, height: 720, frequency: 0 }).stream, statsIntervalMs: 1000 }`,
  );
  await reaches(page, 'PUBLISHING');
  await system.transfersReach((await system.stream('card')).id, ['live']);
  const { streams } = await probe(`${platform.url}/card`, { seconds: 2 });
  // Few bits cost pictures per second, not the size.
  expect(streams.find(({ codec_type }) => codec_type === 'video')).toMatchObject({ width: 1280, height: 720 });
  await expect.poll(() => inPage(page, 'stats.length'), { timeout: 15_000 }).toBeGreaterThan(4);
  const rates = await inPage<number[]>(page, 'stats.slice(2).map(({ video }) => video.kbps)');
  expect(Math.min(...rates)).toBeGreaterThan(20);
  expect(Math.max(...rates)).toBeLessThan(400);
});
