import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchChromium, type PageServer, servePages } from '../support/chromium.js';
import { type Customer, startCustomer } from '../support/customer.js';
import { decodeFrames, probe, steps, volumeDetect } from '../support/ffprobe.js';
import { startRtmpServer, type TestRtmpServer } from '../support/rtmp-server.js';
import { System } from '../support/system.js';

/** As little as a page needs to publish by WHIP: no library of ours. The fake camera shows a moving picture and beeps. */
const PAGE = `<!doctype html><title>publisher</title><script>
async function publish(url, token, constraints, codec, setup = 'actpass') {
  window.media = await navigator.mediaDevices.getUserMedia(constraints);
  const pc = (window.pc = new RTCPeerConnection());
  for (const track of media.getTracks()) {
    const transceiver = pc.addTransceiver(track, { direction: 'sendonly', streams: [media] });
    if (codec && track.kind === 'video') transceiver.setCodecPreferences(RTCRtpSender.getCapabilities('video').codecs.filter(({ mimeType }) => mimeType === codec || mimeType === 'video/rtx'));
  }
  await pc.setLocalDescription();
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/sdp', authorization: 'Bearer ' + token }, body: pc.localDescription.sdp.replaceAll('a=setup:actpass', 'a=setup:' + setup) });
  if (answer.status !== 201) throw new Error(answer.status + ' ' + (await answer.text()));
  window.session = { url: new URL(answer.headers.get('location'), url).href, etag: answer.headers.get('etag') };
  await pc.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
  pc.onicecandidate = ({ candidate }) => candidate && trickle('a=' + candidate.candidate, session.etag);
  await new Promise((resolve, reject) => {
    pc.onconnectionstatechange = () => pc.connectionState === 'connected' ? resolve() : pc.connectionState === 'failed' && reject(new Error('failed'));
  });
  return { type: answer.headers.get('content-type'), ...session };
}
function fragmentOf(sdp, lines) {
  const one = (name) => sdp.match(new RegExp('^a=' + name + ':.*$', 'm'))[0];
  return [one('ice-ufrag'), one('ice-pwd'), sdp.match(/^m=.*$/m)[0].trim(), one('mid'), ...lines].map((line) => line.trim()).join('\\r\\n') + '\\r\\n';
}
function patch(fragment, etag) {
  return fetch(session.url, { method: 'PATCH', headers: { 'content-type': 'application/trickle-ice-sdpfrag', 'if-match': etag }, body: fragment });
}
function trickle(line, etag) {
  return patch(fragmentOf(pc.localDescription.sdp, [line]), etag).then((response) => response.status);
}
async function restartIce() {
  const offer = await pc.createOffer({ iceRestart: true });
  await pc.setLocalDescription(offer);
  const response = await patch(fragmentOf(offer.sdp, []), '*');
  if (response.status !== 200) throw new Error('restart: ' + response.status + ' ' + (await response.text()));
  const fragment = await response.text();
  const value = (name) => fragment.match(new RegExp('^a=' + name + ':(.*)$', 'm'))[1].trim();
  const candidates = fragment.match(/^a=candidate:.*$/gm).map((line) => line.trim());
  const sdp = pc.remoteDescription.sdp.replace(/^a=ice-ufrag:.*$/gm, 'a=ice-ufrag:' + value('ice-ufrag')).replace(/^a=ice-pwd:.*$/gm, 'a=ice-pwd:' + value('ice-pwd')).replace(/^a=(candidate:.*|end-of-candidates)\\r\\n/gm, '');
  await pc.setRemoteDescription({ type: 'answer', sdp: sdp.replace(/^(a=mid:.*)$/gm, (line) => line.trim() + '\\r\\n' + candidates.join('\\r\\n')) });
  return response.headers.get('etag');
}
function leave() {
  return fetch(session.url, { method: 'DELETE' }).then((response) => (pc.close(), response.status));
}
</script>`;

let system: System;
let platform: TestRtmpServer;
let customer: Customer;
let browser: Browser;
let pages: PageServer;
let live: { whipUrl: (name: string) => string; token: string };

beforeAll(async () => {
  platform = await startRtmpServer({ record: true });
  customer = await startCustomer((name) => [`${platform.url}/${name}`]);
  system = await System.shared();
  live = await system.entryPoint('browser', { enabled: true, callbackUrl: customer.url });
  pages = await servePages({ '/': PAGE });
  browser = await launchChromium(['--allow-loopback-in-peer-connection']);
});

afterAll(async () => {
  await browser?.close();
  await pages?.stop();
  await system?.stop();
  await customer?.stop();
  await platform?.stop();
});

async function open(name: string, constraints: object, codec?: string, setup?: string) {
  const page = await browser.newPage();
  await page.goto(pages.url);
  const session = await page.evaluate(
    ([url, token, wanted, only, role]) =>
      (
        globalThis as never as { publish: (...args: unknown[]) => Promise<{ type: string; url: string; etag: string }> }
      ).publish(url, token, wanted, only, role),
    [live.whipUrl(name), live.token, constraints, codec, setup] as const,
  );
  return { page, session };
}

it('takes the fake camera of Chromium through WHIP to a platform', async () => {
  const { page, session } = await open('camera', { video: { width: 1280, height: 720, frameRate: 30 }, audio: true });
  // Another origin than the API's: the headers must be exposed (CORS).
  expect(session).toMatchObject({
    type: 'application/sdp',
    url: expect.stringMatching(/\/whip\/sessions\/[\w-]{32}$/),
    etag: expect.stringMatching(/^".+"$/),
  });
  const { id } = await system.stream('camera');
  await system.transfersReach(id, ['live']);

  const { streams, video, audio } = await probe(`${platform.url}/camera`, { seconds: 5 });
  expect(streams.find(({ codec_type }) => codec_type === 'video')).toMatchObject({
    codec_name: 'h264',
    has_b_frames: 0,
  });
  expect(streams.find(({ codec_type }) => codec_type === 'audio')).toMatchObject({
    codec_name: 'aac',
    sample_rate: '48000',
  });
  expect(steps(video)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest < 300);
  expect(steps(audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
  // The fake microphone beeps once a second.
  expect((await volumeDetect(`${platform.url}/camera`, { seconds: 3 })).max).toBeGreaterThan(-30);
  await expect
    .poll(async () => (await system.stream('camera')).figures?.bitrate ?? 0, { timeout: 15_000 })
    .toBeGreaterThan(500_000);

  expect(await page.evaluate(() => (globalThis as never as { leave: () => Promise<number> }).leave())).toBe(200);
  await expect.poll(async () => (await system.stream('camera')).state).toBe('ended');
  await expect.poll(() => platform.publishers()).toEqual([]);
  const file = (await platform.recordings()).find((path) => path.includes('/camera')) as string;
  const recording = await probe(file, { seconds: 60 });
  expect(recording.video[0]?.isKey).toBe(true);
  expect(recording.packets[0]?.dts).toBeLessThan(0.05);
  expect(steps(recording.video).smallest).toBeGreaterThan(0);
  expect(steps(recording.audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
  await page.close();
});

// Where we begin the handshake, the browser decides, whose first choice has the smaller packets.
it.each([
  ['actpass', 'SRTP_AES128_CM_HMAC_SHA1_80'],
  ['active', 'SRTP_AEAD_AES_128_GCM'],
])('is secured by DTLS 1.2, whoever begins (its offer says %s: %s)', async (setup, srtpCipher) => {
  const { page } = await open(`secure-${setup}`, { video: true }, undefined, setup);
  const { id } = await system.stream(`secure-${setup}`);
  await system.transfersReach(id, ['live']);
  const secured = await page.evaluate(async () => {
    const report = await (globalThis as never as { pc: { getStats(): Promise<Map<string, object>> } }).pc.getStats();
    return [...report.values()].find((one) => 'srtpCipher' in one);
  });
  expect(secured).toMatchObject({ dtlsState: 'connected', tlsVersion: 'FEFD', srtpCipher });
  await page.evaluate(() => (globalThis as never as { leave: () => Promise<number> }).leave());
  await page.close();
});

it('takes AV1 alone, which arrives as H.264', async () => {
  const { page } = await open('av1', { video: { width: 640, height: 360, frameRate: 30 }, audio: true }, 'video/AV1');
  const { id } = await system.stream('av1');
  await system.transfersReach(id, ['live']);
  const { streams, video, audio } = await probe(`${platform.url}/av1`, { seconds: 4 });
  expect(streams.find(({ codec_type }) => codec_type === 'video')).toMatchObject({
    codec_name: 'h264',
    has_b_frames: 0,
  });
  // The fake camera makes 20 pictures a second.
  expect(video.length).toBeGreaterThan(30);
  expect(steps(video)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest < 300);
  expect(steps(audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
  expect(await decodeFrames(`${platform.url}/av1`, { frames: 60 })).toBe(60);
  await expect
    .poll(async () => (await system.stream('av1')).figures, { timeout: 6000 })
    .toMatchObject({ videoCodec: 'AV1', transcoded: 'codec', width: 640, height: 360 });
  await page.evaluate(() => (globalThis as never as { leave: () => Promise<number> }).leave());
  await page.close();
});

it('goes on through an ICE restart on the same connection to the platform', async () => {
  const { page, session } = await open('restarted', { video: { width: 640, height: 360 }, audio: true });
  const { id } = await system.stream('restarted');
  await system.transfersReach(id, ['live']);
  const etag = await page.evaluate(() => (globalThis as never as { restartIce: () => Promise<string> }).restartIce());
  expect(etag).not.toBe(session.etag);
  const framesNow = async () => (await system.transfers(id))[0]?.figures?.bytesSent ?? 0;
  const before = await framesNow();
  await expect.poll(framesNow, { timeout: 15_000 }).toBeGreaterThan(before + 200_000);
  // Candidates of the session before are refused, those of this one are taken.
  const trickle = (tag: string) =>
    page.evaluate(
      (value) =>
        (globalThis as never as { trickle: (line: string, etag: string) => Promise<number> }).trickle(
          'a=candidate:1 1 udp 1 127.0.0.1 9 typ host',
          value,
        ),
      tag,
    );
  expect(await trickle(session.etag)).toBe(412);
  expect(await trickle(etag)).toBe(204);
  expect((await system.transfers(id))[0]).toMatchObject({ state: 'live', attempts: 1, figures: { reconnects: 0 } });
  expect(
    await page.evaluate(() => (globalThis as never as { pc: { connectionState: string } }).pc.connectionState),
  ).toBe('connected');
  await page.evaluate(() => (globalThis as never as { leave: () => Promise<number> }).leave());
  await page.close();
});

it('is known to be away as soon as it closes its connection, and to have left when it then ends its session', async () => {
  const { page, session } = await open('away', { video: { width: 640, height: 360 }, audio: true });
  const { id } = await system.stream('away');
  await system.transfersReach(id, ['live']);
  await page.evaluate(() => (globalThis as never as { pc: { close: () => void } }).pc.close());
  // Sooner than by silence alone.
  await expect.poll(async () => (await system.stream('away')).state, { timeout: 2000 }).toBe('reconnecting');
  expect((await fetch(session.url, { method: 'DELETE' })).status).toBe(200);
  await expect.poll(async () => (await system.stream('away')).state, { timeout: 2000 }).toBe('ended');
  expect((await system.stream('away')).reason?.code).toBe('publisher_left');
  await page.close();
});

it('goes on as before when the answer to its ICE restart is lost', async () => {
  const { page, session } = await open('unused-restart', { video: { width: 640, height: 360 }, audio: true });
  const { id } = await system.stream('unused-restart');
  await system.transfersReach(id, ['live']);
  await page.evaluate(() => {
    const { pc } = globalThis as never as {
      pc: {
        onconnectionstatechange: () => void;
        oniceconnectionstatechange: () => void;
        connectionState: string;
        iceConnectionState: string;
      };
      states: string[];
    };
    const states = ((globalThis as never as { states: string[] }).states = [] as string[]);
    pc.onconnectionstatechange = () => states.push(pc.connectionState);
    pc.oniceconnectionstatechange = () => states.push(pc.iceConnectionState);
  });
  const headers = { 'content-type': 'application/trickle-ice-sdpfrag', 'if-match': '*' };
  expect(
    (
      await fetch(session.url, {
        method: 'PATCH',
        headers,
        body: 'a=ice-ufrag:nobody\r\na=ice-pwd:nobody-nobody-nobody-nobody\r\n',
      })
    ).status,
  ).toBe(200);
  // A browser that hears no answer to its checks says so after five seconds, and gives up after fifteen.
  await new Promise((resolve) => setTimeout(resolve, 17_000));
  expect(await page.evaluate(() => (globalThis as never as { states: string[] }).states)).toEqual([]);
  expect((await system.transfers(id))[0]).toMatchObject({ state: 'live', attempts: 1 });
  await page.evaluate(() => (globalThis as never as { leave: () => Promise<number> }).leave());
  await page.close();
}, 60_000);

it('has left when it closes its connection, where the entry point says so', async () => {
  const settings = (endsOnClose: boolean) =>
    system.call('PATCH', '/entry_points/browser/settings/transfer', { endsOnClose });
  expect((await settings(true)).status).toBe(200);
  const { page } = await open('closing', { video: { width: 640, height: 360 }, audio: true });
  const { id } = await system.stream('closing');
  await system.transfersReach(id, ['live']);
  await page.evaluate(() => (globalThis as never as { pc: { close: () => void } }).pc.close());
  await expect.poll(async () => (await system.stream('closing')).state, { timeout: 3000 }).toBe('ended');
  expect((await system.stream('closing')).reason?.code).toBe('publisher_left');
  expect((await settings(false)).status).toBe(200);
  await page.close();
});
