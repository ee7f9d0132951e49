// Why a publisher brings no media: what its stream says, of real sessions.
import { createSocket } from 'node:dgram';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { publishTestStream, type TestPublisher } from '../../tools/lib/whip-publisher.ts';
import { wholeOffer } from '../support/sdp.js';
import { StunPeer } from '../support/stun-peer.js';
import { System } from '../support/system.js';

let system: System;
let entryPoint: { whipUrl: (name: string) => string; token: string };
const publishers: TestPublisher[] = [];

beforeAll(async () => {
  system = await System.shared();
  entryPoint = await system.entryPoint('reasons');
});
afterAll(async () => {
  await Promise.all(publishers.map((publisher) => publisher.close()));
  await system?.stop();
});

const publish = async (name: string, options: { lateVideo?: boolean; lateAudio?: boolean }) => {
  const publisher = await publishTestStream({
    url: entryPoint.whipUrl(name),
    token: entryPoint.token,
    localAddress: '127.0.0.1',
    width: 320,
    height: 180,
    kbps: 200,
    ...options,
  });
  publishers.push(publisher);
  return publisher;
};
/** An offer of nobody's, whose answer nobody uses; resolves with that. */
const offerOnly = async (name: string, body = wholeOffer()): Promise<string> => {
  const headers = { 'content-type': 'application/sdp', authorization: `Bearer ${entryPoint.token}` };
  const answer = await fetch(entryPoint.whipUrl(name), { method: 'POST', headers, body });
  expect(answer.status).toBe(201);
  return answer.text();
};
const line = (sdp: string, name: string): string => new RegExp(`^a=${name}:(.*?)\\r?$`, 'm').exec(sdp)?.[1] ?? '';
const says = async (name: string) => {
  const { state, reason } = await system.stream(name);
  return { state, reason: reason?.code ?? null };
};

it('an offer whose publisher never comes is given up after five seconds; what it names as candidates hears nothing', async () => {
  const named = createSocket('udp4');
  let heard = 0;
  named.on('message', () => (heard += 1));
  await new Promise<void>((resolve) => named.bind(0, '127.0.0.1', resolve));
  const { port } = named.address();
  const candidates = ['127.0.0.1', '127.1', '2130706433', '0.0.0.0', '::ffff:127.0.0.1', 'localhost']
    .map((host, i) => `a=candidate:${i} 1 UDP 2130706431 ${host} ${port} typ host\r\n`)
    .join('');
  const from = performance.now();
  await offerOnly('nobody', wholeOffer() + candidates);
  await expect
    .poll(() => says('nobody'), { timeout: 12_000, interval: 100 })
    .toEqual({ state: 'ended', reason: 'ice_timeout' });
  expect(performance.now() - from).toBeGreaterThan(4500);
  expect(heard).toBe(0);
  named.close();
});

it('a publisher that is there and does not go on is told apart from one that is not, and from one that sends nothing', async () => {
  const answer = await offerOnly('halfway');
  const peer = await StunPeer.open(line(answer, 'candidate'));
  const timer = setInterval(
    () => peer.check({ ufrag: line(answer, 'ice-ufrag'), pwd: line(answer, 'ice-pwd'), nominates: true }),
    500,
  );
  try {
    await publish('mute', { lateVideo: true, lateAudio: true });
    await expect
      .poll(() => says('halfway'), { timeout: 25_000, interval: 200 })
      .toEqual({ state: 'ended', reason: 'dtls_failed' });
    await expect
      .poll(() => says('mute'), { timeout: 10_000, interval: 200 })
      .toEqual({ state: 'ended', reason: 'no_media' });
  } finally {
    clearInterval(timer);
    peer.close();
  }
}, 60_000);
