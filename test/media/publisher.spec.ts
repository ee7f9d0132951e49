// The browser library, built as it is delivered, in real Chromium against the running system.
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { launchChromium, type PageServer } from '../support/chromium.js';
import { type Customer, startCustomer } from '../support/customer.js';
import { probe, steps, volumeDetect } from '../support/ffprobe.js';
import { startLossyRelay } from '../support/lossy-relay.js';
import { inPage, type PageStats, servePublisherPages } from '../support/publisher-page.js';
import { startRtmpServer, type TestRtmpServer } from '../support/rtmp-server.js';
import { System } from '../support/system.js';

let system: System;
let platform: TestRtmpServer;
let customer: Customer;
let browser: Browser;
let pages: PageServer;
let live: { whipUrl: (name: string) => string; token: string };
const opened: Page[] = [];

beforeAll(async () => {
  platform = await startRtmpServer({ record: true });
  customer = await startCustomer((name) => [`${platform.url}/${name}`]);
  system = await System.start();
  live = await system.entryPoint('library', { enabled: true, callbackUrl: customer.url });
  pages = await servePublisherPages();
  browser = await launchChromium([
    '--allow-loopback-in-peer-connection',
    '--auto-select-desktop-capture-source=Entire screen',
  ]);
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((page) => page.close()));
});

afterAll(async () => {
  await browser?.close();
  await pages?.stop();
  await system?.stop();
  await customer?.stop();
  await platform?.stop();
});

async function openPage(path = '/'): Promise<Page> {
  const page = await browser.newPage();
  opened.push(page);
  await page.goto(`${pages.url}${path}`);
  return page;
}

/** `options` is JavaScript: a page may pass what is no JSON. */
const beginWith = (page: Page, session: object, options: string): Promise<void> =>
  inPage(
    page,
    `begin(${JSON.stringify({ whipUrl: live.whipUrl('{stream_name}'), token: live.token, ...session })}, ${options})`,
  );

const begin = (page: Page, session: object, options: object): Promise<void> =>
  beginWith(page, session, JSON.stringify(options));

const events = (page: Page): Promise<string[]> => inPage(page, 'events');

const reaches = (page: Page, status: string, timeout = 15_000): Promise<void> =>
  expect.poll(() => inPage(page, 'stream.status()'), { timeout, interval: 50 }).toBe(status);

/** Publishes and waits until the platform has it. */
async function publish(
  name: string,
  options: object = { constraints: { video: { width: 640, height: 360 }, audio: true } },
  path = '/',
) {
  const page = await openPage(path);
  await begin(page, {}, { name, ...options });
  await reaches(page, 'PUBLISHING');
  const { id } = await system.stream(name);
  await system.transfersReach(id, ['live']);
  return { page, id };
}

function pipelinePid(streamId: string): number {
  return Number(new RegExp(`stream ${streamId} runs in process (\\d+)`).exec(system.log.join(''))?.[1]);
}

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

it('finds another way by an ICE restart when the network breaks; the platform does not notice', async () => {
  const relay = await startLossyRelay(0);
  const page = await openPage();
  await page.exposeFunction('mapAnswer', relay.mapAnswer);
  await inPage(page, `Object.assign(network, { mapAnswer, trickle: false })`);
  await begin(page, {}, { name: 'rerouted', constraints: { video: { width: 640, height: 360 }, audio: true } });
  await reaches(page, 'PUBLISHING');
  const { id } = await system.stream('rerouted');
  await system.transfersReach(id, ['live']);

  // First nothing works any more, then there is another network.
  await inPage(page, `Object.assign(network, { trickle: true, offline: true })`);
  await relay.stop();
  await expect
    .poll(() => events(page), { timeout: 20_000 })
    .toEqual(expect.arrayContaining(['RECONNECTING The server cannot be reached.']));
  expect(await inPage(page, '[stream.status(), stream.info()]')).toEqual(['PENDING', 'The server cannot be reached.']);
  expect((await events(page)).filter((event) => event.startsWith('RECONNECTING'))[0]).toMatch(
    /the connection (was lost|failed)$/,
  );
  await inPage(page, `network.offline = false, dispatchEvent(new Event('online'))`);
  await reaches(page, 'PUBLISHING', 20_000);
  const sentBytes = async (): Promise<number> => (await system.transfers(id))[0]?.figures?.bytesSent ?? 0;
  const before = await sentBytes();
  await expect.poll(sentBytes, { timeout: 15_000 }).toBeGreaterThan(before + 100_000);
  expect((await system.transfers(id))[0]).toMatchObject({ state: 'live', attempts: 1, figures: { reconnects: 0 } });
  expect(await inPage(page, 'network.offers')).toBe(1);
});

it('is far away: the round trip is known though nothing was lost', async () => {
  const relay = await startLossyRelay(0, 50);
  const page = await openPage();
  await page.exposeFunction('mapAnswer', relay.mapAnswer);
  await inPage(page, `Object.assign(network, { mapAnswer, trickle: false })`);
  await begin(page, {}, { name: 'far', constraints: { video: { width: 640, height: 360 }, audio: true } });
  await reaches(page, 'PUBLISHING');
  const rttMs = async (): Promise<number> => (await system.stream('far')).figures?.rttMs ?? 0;
  // A machine that is busy at that moment makes one answer late.
  await expect.poll(rttMs, { timeout: 40_000 }).toSatisfy((ms: number) => ms > 95 && ms < 200);
  expect((await system.stream('far')).figures?.packetsLost).toBe(0);
  await relay.stop();
});

it('restarts ICE on the running session when the network changes', async () => {
  const { page, id } = await publish('changed');
  await inPage(page, `dispatchEvent(new Event('online'))`);
  await expect.poll(() => events(page)).toEqual(expect.arrayContaining(['RECONNECTING the network changed']));
  await reaches(page, 'PUBLISHING');
  expect((await events(page)).filter((event) => event === 'PUBLISHING')).toHaveLength(2);
  expect(await inPage(page, 'network.offers')).toBe(1);
  await expect
    .poll(async () => (await system.transfers(id))[0], { timeout: 10_000 })
    .toMatchObject({ state: 'live', attempts: 1, figures: { reconnects: 0 } });
});

it('comes back with a new session when its own is gone', async () => {
  const { page, id } = await publish('revived');
  process.kill(pipelinePid(id), 'SIGKILL');
  // It asks the server as soon as that is silent, or the browser hears from the system that nobody listens there: long before ICE gives up the path.
  const noticed = expect.stringMatching(
    /^RECONNECTING the (server has ended the session|connection was lost)$/,
  ) as string;
  await expect.poll(() => events(page), { timeout: 8000, interval: 50 }).toContainEqual(noticed);
  await reaches(page, 'PUBLISHING');
  const { id: next } = await system.stream('revived');
  await system.transfersReach(next, ['live']);
  expect(await inPage(page, 'network.offers')).toBe(2);
  await expect
    .poll(async () => (await probe(`${platform.url}/revived`, { seconds: 2 })).video.length, { timeout: 15_000 })
    .toBeGreaterThan(10);
});

it('is told when its node shuts down, and comes back as soon as there is one', async () => {
  const { page, id } = await publish('moved');
  await system.end('worker', 'SIGTERM');
  // Long before the silence would be noticed.
  await expect.poll(() => events(page), { timeout: 3000 }).toContain('RECONNECTING the server closed the connection');
  expect(await system.stream('moved')).toMatchObject({ id, state: 'ended', reason: { code: 'service_shutdown' } });
  system.spawn('worker');
  await system.nodesReach(1);
  await reaches(page, 'PUBLISHING', 20_000);
  const { id: next } = await system.stream('moved');
  expect(next).not.toBe(id);
  await system.transfersReach(next, ['live']);
  await inPage(page, 'stream.stop()');
});

it('stays away when its stream was ended over the API', async () => {
  const { page, id } = await publish('kicked');
  expect((await system.call('DELETE', `/streams/${id}`)).status).toBe(204);
  // It is told: that the packets go nowhere would show after five seconds and more.
  await reaches(page, 'FAILED', 3000);
  expect(await inPage(page, 'stream.info()')).toMatch(/ended (over|by|through)/i);
  expect(await inPage(page, 'network.offers')).toBe(1);
  expect(await system.stream('kicked')).toMatchObject({ id, state: 'ended', reason: { code: 'kicked' } });
});

it('leaves its stream to a second publisher of the same name', async () => {
  const { page, id } = await publish('wanted');
  const { page: other } = await publish('wanted');
  await reaches(page, 'FAILED', 20_000);
  expect(await inPage(page, 'stream.info()')).toBe('Another session of the same stream took over.');
  expect(await inPage(page, 'network.offers')).toBe(1);
  expect(await inPage(other, 'stream.status()')).toBe('PUBLISHING');
  expect(await system.stream('wanted')).toMatchObject({ id, state: 'live' });
  await inPage(other, 'stream.stop()');
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

it('ends the stream at once when it is stopped amid an interruption', async () => {
  const { page } = await publish('interrupted');
  // Another network, on which the server does not answer; the session stands where the platforms are.
  await inPage(page, `network.offline = true, stream.reconnect(), undefined`);
  await reaches(page, 'PENDING');
  await inPage(page, `network.offline = false, stream.stop()`);
  await expect
    .poll(async () => (await system.stream('interrupted')).reason?.code, { timeout: 3000 })
    .toBe('publisher_left');
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
