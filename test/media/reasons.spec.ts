// Why a publisher brings no media: what its stream says, of real sessions.
import { createSocket } from 'node:dgram';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { publishTestStream, type TestPublisher } from '../../tools/lib/whip-publisher.ts';
import { probe, steps } from '../support/ffprobe.js';
import { startRtmpServer, type TestRtmpServer } from '../support/rtmp-server.js';
import { wholeOffer } from '../support/sdp.js';
import { StunPeer } from '../support/stun-peer.js';
import { System } from '../support/system.js';

let system: System;
let platform: TestRtmpServer;
let entryPoint: { whipUrl: (name: string) => string; token: string };
const publishers: TestPublisher[] = [];

beforeAll(async () => {
  platform = await startRtmpServer();
  system = await System.shared();
  entryPoint = await system.entryPoint('reasons');
});
afterAll(async () => {
  await Promise.all(publishers.map((publisher) => publisher.close()));
  await system?.stop();
  await platform?.stop();
});

const publish = async (name: string, options: Partial<Parameters<typeof publishTestStream>[0]>) => {
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

/** Leaves the RTP header and so many bytes of the payload, which say how it is to be read; what follows is no picture. */
function junk(packet: Buffer, readable: number): Buffer[] {
  const copy = Buffer.from(packet);
  for (let at = 12 + readable; at < copy.length; at += 1) copy[at] = (at * 151 + copy.readUInt16BE(2)) & 0xff;
  return [copy];
}

it('pictures that nobody can decode are said to be so, and a stream beside them has no gap', async () => {
  await publish('beside', {});
  const { id } = await system.stream('beside');
  const transfer = await system.addTransfer(id, { url: `${platform.url}/beside` });
  await system.transferReaches(id, transfer.id, 'live');
  const beside = probe(`${platform.url}/beside`, { seconds: 12 });
  // Payload descriptor (RFC 7741, RFC 9628) and the frame's header with its size stay; of H.264 the NAL unit's type.
  const codecs = { VP8: 4 + 10, VP9: 4 + 10, H264: 1 } as const;
  for (const codec of ['VP8', 'VP9', 'H264'] as const)
    await publish(`junk-${codec}`, { codec, mapPacket: (packet) => junk(packet, codecs[codec]) });
  const whys = { VP8: 'media_invalid', VP9: 'media_invalid', H264: 'no_parameter_sets' };
  for (const [codec, reason] of Object.entries(whys))
    await expect
      .poll(() => says(`junk-${codec}`), { timeout: 60_000, interval: 200 })
      .toEqual({ state: 'live', reason });
  const { video, audio } = await beside;
  expect(steps(video)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest < 300);
  expect(steps(audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);

  // Without the sound, which was fine, nothing of such a stream is of use.
  await publish('junk-alone', { codec: 'VP8', audio: false, mapPacket: (packet) => junk(packet, codecs.VP8) });
  await expect
    .poll(() => says('junk-alone'), { timeout: 60_000, interval: 200 })
    .toEqual({ state: 'ended', reason: 'media_invalid' });
}, 240_000);
