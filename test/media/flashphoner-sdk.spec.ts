import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchChromium, type PageServer, servePages } from '../support/chromium.js';
import { decodeFrames, probe } from '../support/ffprobe.js';
import { freePort } from '../support/ports.js';
import { startRtmpServer, type TestRtmpServer } from '../support/rtmp-server.js';
import { System } from '../support/system.js';

/** What the vendor's SDK does on the wire: one WebSocket, an offer without candidates, no trickle. */
const PAGE = `<!doctype html><title>Web SDK</title><script>
window.statuses = [];
window.fails = [];
const send = (message, data) => ws.send(JSON.stringify({ message, data: [data] }));
function connect(url, options) {
  window.ws = new WebSocket(url);
  ws.onclose = ({ code }) => (window.closeCode = code);
  ws.onopen = () => send('connection', { appKey: 'defaultApp', mediaProviders: ['WebRTC'], keepAlive: false, clientVersion: '2.0', msePacketizationVersion: 2, custom: {}, ...options });
  return new Promise((resolve) => {
    ws.onmessage = ({ data: text }) => {
      const { message, data } = JSON.parse(text);
      if (message === 'ping') send('pong', null);
      else if (message === 'getUserData') resolve(data[0]);
      else if (message === 'setRemoteSDP') window.answered = [data[0], pc.setRemoteDescription({ type: 'answer', sdp: data[1] })];
      else if (message === 'notifyStreamStatusEvent') statuses.push(data[0]);
      else if (message === 'fail') { fails.push(data[0]); resolve(data[0]); }
    };
  });
}
async function publish(name, options) {
  const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 360 } });
  window.pc = new RTCPeerConnection();
  for (const track of media.getTracks()) pc.addTrack(track, media);
  const offer = await pc.createOffer({ offerToReceiveAudio: false, offerToReceiveVideo: false });
  await pc.setLocalDescription(offer);
  window.stream = { mediaSessionId: crypto.randomUUID(), name, published: true, hasVideo: true, hasAudio: true, status: 'PENDING', record: false, mediaProvider: 'WebRTC' };
  send('publishStream', { ...stream, sdp: offer.sdp, custom: {}, bitrate: 0, minBitrate: 0, maxBitrate: 0, constraints: { audio: true, video: true }, ...options });
  return stream.mediaSessionId;
}
function stop() {
  send('unPublishStream', { ...stream, status: 'PUBLISHING' });
}
</script>`;

interface SdkPage {
  connect(url: string, options?: object): Promise<object>;
  publish(name: string, options?: object): Promise<string>;
  stop(): void;
  statuses: { mediaSessionId: string; status: string; info?: string }[];
  fails: { info: string }[];
  closeCode?: number;
}

interface Hook {
  method: string;
  authorization: string | undefined;
  text: string;
  body: { status?: string; name?: string; custom?: object; sessionId?: string };
}

let system: System;
let platform: TestRtmpServer;
let browser: Browser;
let pages: PageServer;
let app: Server;
let wsPort: number;
let token: string;
const hooks: Hook[] = [];
let refused = '';

beforeAll(async () => {
  platform = await startRtmpServer();
  wsPort = await freePort();
  app = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (part: string) => (text += part));
    request.on('end', () => {
      const method = (request.url ?? '').replace('/app/', '');
      hooks.push({
        method,
        authorization: request.headers.authorization,
        text,
        body: JSON.parse(text) as Hook['body'],
      });
      response.writeHead(method === refused ? 403 : 200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve));
  system = await System.start({ FLASHPHONER_WS_PORT: String(wsPort) });
  ({ token } = await system.entryPoint('sdk'));
  const appUrl = `http://127.0.0.1:${(app.address() as AddressInfo).port}/app/`;
  await system.call('PATCH', '/entry_points/sdk/settings/push', { appUrl, hookSecret: 'hook-secret' });
  pages = await servePages({ '/': PAGE });
  browser = await launchChromium(['--allow-loopback-in-peer-connection']);
});
afterAll(async () => {
  await browser?.close();
  await pages?.stop();
  await system?.stop();
  await platform?.stop();
  app?.close();
});

const own = () => `ws://127.0.0.1:${wsPort}`;
const names = async () => (await platform.publishers()).map(({ name }) => name);

async function open(): Promise<{
  page: Page;
  sdk: <K extends 'connect' | 'publish' | 'stop'>(
    name: K,
    ...args: Parameters<SdkPage[K]>
  ) => Promise<Awaited<ReturnType<SdkPage[K]>>>;
  read: <K extends 'statuses' | 'fails' | 'closeCode'>(name: K) => Promise<SdkPage[K]>;
}> {
  const page = await browser.newPage();
  await page.goto(pages.url);
  return {
    page,
    sdk: (name, ...args) =>
      page.evaluate(
        ([method, given]) =>
          (globalThis as never as Record<string, (...all: unknown[]) => unknown>)[method]?.(...given),
        [name, args] as const,
      ) as never,
    read: (name) => page.evaluate((key) => (globalThis as never as Record<string, unknown>)[key], name) as never,
  };
}

it("a page publishes over the vendor's protocol, its stream is republished under the prefix, and the application is told", async () => {
  hooks.length = 0;
  const { page, sdk, read } = await open();
  // An unmodified page has no place for a token but the URL that its user types.
  expect(await sdk('connect', `${own()}/?token=${token}`, { custom: { who: 'me' } })).toMatchObject({
    authToken: token,
    status: 'ESTABLISHED',
  });
  const mediaSessionId = await sdk('publish', 'from-sdk', { rtmpUrl: platform.url });
  const statuses = async () => (await read('statuses')).map(({ status }) => status);
  await expect.poll(statuses, { timeout: 15_000 }).toEqual(['PUBLISHING']);
  await expect.poll(names, { timeout: 15_000 }).toEqual(['rtmp_from-sdk']);
  const { streams, audio } = await probe(`${platform.url}/rtmp_from-sdk`, { seconds: 3 });
  expect(streams.map(({ codec_name }) => codec_name).toSorted()).toEqual(['aac', 'h264']);
  expect(await decodeFrames(`${platform.url}/rtmp_from-sdk`, { frames: 20 })).toBe(20);
  expect(audio.length).toBeGreaterThan(50);
  expect(
    (await system.request('POST', '/rest-api/push/find', { streamName: 'rtmp_from-sdk', rtmpUrl: platform.url }))
      .status,
  ).toBe(200);

  await sdk('stop');
  await expect
    .poll(() => read('statuses'), { timeout: 10_000 })
    .toMatchObject([
      { status: 'PUBLISHING', mediaSessionId },
      { status: 'UNPUBLISHED', mediaSessionId, info: 'Stopped by user' },
    ]);
  await expect.poll(names, { timeout: 10_000 }).toEqual([]);
  // Its row is written when the outputs are closed.
  await expect
    .poll(() => system.stream('from-sdk'), { timeout: 10_000 })
    .toMatchObject({ state: 'ended', reason: { code: 'publisher_left' } });
  await page.close();

  await expect
    .poll(() => hooks.map(({ method, body }) => `${method} ${body.status ?? ''}`.trim()), { timeout: 10_000 })
    .toEqual([
      'connect',
      'ConnectionStatusEvent ESTABLISHED',
      'publishStream NEW',
      'StreamStatusEvent PUBLISHING',
      'unPublishStream UNPUBLISHED',
      'StreamStatusEvent UNPUBLISHED',
      'ConnectionStatusEvent DISCONNECTED',
    ]);
  for (const { authorization, text } of hooks)
    expect(authorization).toBe(`WCS ${createHmac('md5', 'hook-secret').update(text).digest('hex')}`);
  expect(hooks[0]?.body).toMatchObject({
    appKey: 'defaultApp',
    custom: { who: 'me' },
    sessionId: expect.stringMatching(/^\/[^/]+:\d+\/[^/]+:\d+$/) as string,
  });
  expect(hooks[2]?.body).toMatchObject({ name: 'from-sdk', mediaSessionId, hasVideo: true, mediaProvider: 'WebRTC' });
  expect(JSON.stringify(hooks)).not.toContain(token);
});

it('also on the main listener, with the token of the session or of the stream; a page that goes ends its stream', async () => {
  const { page, sdk, read } = await open();
  await sdk('connect', `${system.apiUrl.replace('http', 'ws')}/websocket`);
  await sdk('publish', 'by-custom', { custom: { token } });
  await expect.poll(() => read('statuses'), { timeout: 15_000 }).toMatchObject([{ status: 'PUBLISHING' }]);
  await page.close();
  await expect.poll(async () => (await system.stream('by-custom')).state, { timeout: 10_000 }).toBe('ended');
});

it('says why it does not publish', async () => {
  const { page, sdk, read } = await open();
  const { body } = await system.call<{ token: string }>('POST', '/entry_points/sdk/publish_tokens', {
    streamName: 'only',
  });
  await sdk('connect', own(), { authToken: body.token });
  await sdk('publish', 'other');
  await expect
    .poll(() => read('statuses'))
    .toMatchObject([{ status: 'FAILED', info: expect.stringContaining('another stream name') as string }]);
  await sdk('publish', 'no/name');
  await expect.poll(() => read('statuses')).toHaveLength(2);
  await sdk('publish', 'only', { sdp: 'v=0\r\n' });
  await expect
    .poll(() => read('statuses'))
    .toMatchObject([{}, {}, { status: 'FAILED', info: expect.stringContaining('offer') as string }]);
  refused = 'publishStream';
  await sdk('publish', 'only');
  await expect
    .poll(() => read('statuses'))
    .toMatchObject([{}, {}, {}, { status: 'FAILED', info: 'Forbidden by the application' }]);
  refused = '';
  // Kicked: no failure of the page's.
  await sdk('publish', 'only', { rtmpUrl: 'rtmp://10.0.0.1/live' });
  await expect
    .poll(() => read('statuses'), { timeout: 15_000 })
    .toMatchObject([{}, {}, {}, {}, { status: 'PUBLISHING' }]);
  await expect
    .poll(() => read('fails'))
    .toMatchObject([{ info: expect.stringContaining('may not be reached') as string }]);
  expect((await system.call('DELETE', `/streams/${(await system.stream('only')).id}`)).status).toBe(204);
  await expect
    .poll(() => read('statuses'), { timeout: 10_000 })
    .toMatchObject([{}, {}, {}, {}, {}, { status: 'UNPUBLISHED' }]);
  await page.close();
});

it('lets nobody in with a bad token, or whom the application refuses', async () => {
  const { page, sdk, read } = await open();
  expect(await sdk('connect', own(), { authToken: `${token}x` })).toMatchObject({
    info: expect.stringContaining('not valid') as string,
  });
  await expect.poll(() => read('closeCode')).toBe(1008);
  refused = 'connect';
  expect(await sdk('connect', own(), { authToken: token })).toMatchObject({ info: 'Forbidden by the application' });
  refused = '';
  await page.close();
});
