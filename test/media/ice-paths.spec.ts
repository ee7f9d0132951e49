// Which of a publisher's addresses we send to. Somebody who knows the ICE password, or repeats a check of the publisher's under another sender's
// address, must neither lead our packets there nor make us send that address much more than came from it.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { packetsOf } from '../../libs/webrtc/src/index.js';
import { WebrtcTransport } from '../../apps/pipeline/src/input/transport/webrtc-transport.js';
import { type IceHalf, readOffer, type RemoteTransport, writeAnswer } from '../../libs/sdp/src/index.js';
import { publishTestStream } from '../../tools/lib/whip-publisher.ts';
import { startIceRelay } from '../support/ice-relay.js';
import { bindingRequest, StunPeer } from '../support/stun-peer.js';

const SETTINGS = { mediaAddresses: ['127.0.0.1'], mediaPortMin: 0, mediaPortMax: 65_535, stunServer: null };
/** An empty receiver report (RFC 3550, section 6.4.2). */
const REPORT = Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 1]);
/** RFC 9000, section 8.1: bytes for one that came, to an address that may be somebody else's. */
const RATIO = 3;
/** What a session may send beyond that, before any answer. */
const ALLOWANCE = 1500;
const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function open(
  remote: RemoteTransport,
): Promise<{ transport: WebrtcTransport; half: IceHalf; media: () => number }> {
  let packets = 0;
  const opened = await WebrtcTransport.open(remote, SETTINGS, {
    batch: (batch, now, clock) => {
      for (const { isRtcp } of packetsOf(batch, now, clock)) packets += isRtcp ? 0 : 1;
    },
    onClosed: () => undefined,
    onWarning: () => undefined,
  });
  closing.push(() => opened.transport.close());
  return { ...opened, media: () => packets };
}

describe('once media flows', () => {
  /** A publisher behind a relay, whose media comes. */
  async function publish() {
    const relay = await startIceRelay();
    closing.push(() => relay.stop());
    let session: Awaited<ReturnType<typeof open>> | undefined;
    const server = createServer((request, response) => {
      void text(request).then(async (sdp) => {
        const offer = readOffer(sdp);
        session = await open(offer.remote);
        const { half, transport } = session;
        const answer = writeAnswer(offer, { half, fingerprint: transport.fingerprint, role: offer.remote.role });
        response.writeHead(201, { location: '/session', 'content-type': 'application/sdp' }).end(answer);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(async () => void server.close());
    const publisher = await publishTestStream({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      width: 320,
      height: 180,
      kbps: 200,
      localAddress: '127.0.0.1',
      mapAnswer: relay.mapAnswer,
    });
    closing.push(() => publisher.close());
    const { transport, media } = session as NonNullable<typeof session>;
    await expect.poll(media).toBeGreaterThan(20);
    return { relay, transport, media };
  }

  it('a nomination alone leads nothing away', async () => {
    const { relay, transport } = await publish();
    const victim = await relay.openWay();
    for (let i = 0; i < 3; i += 1) victim.send(relay.nomination());
    await expect.poll(() => victim.count('101')).toBe(3);
    const before = relay.way().count('media');
    for (let i = 0; i < 5; i += 1) transport.sendRtcp(REPORT);
    await expect.poll(() => relay.way().count('media')).toBeGreaterThanOrEqual(before + 5);
    expect(new Set(victim.heard.map(({ kind }) => kind))).toEqual(new Set(['101']));
    expect(victim.bytes()).toBeLessThanOrEqual(victim.sentBytes);
  });

  it("the publisher's media from another address is followed with its first packet, and back", async () => {
    const { relay, transport, media } = await publish();
    const home = relay.way();
    for (const way of [await relay.openWay(), home]) {
      const left = relay.way();
      // As consent checks go on from the new address (RFC 7675): they nominate nothing again where the publisher sees no change.
      way.send(relay.nomination());
      relay.moveTo(way);
      const before = media();
      await expect.poll(media).toBeGreaterThan(before);
      const [sent, behind] = [way.count('media'), left.count('media')];
      for (let i = 0; i < 5; i += 1) transport.sendRtcp(REPORT);
      await expect.poll(() => way.count('media')).toBeGreaterThanOrEqual(sent + 5);
      expect(left.count('media')).toBe(behind);
    }
  });
});

describe('before the handshake is done', () => {
  const peerOf = async ({ candidates }: IceHalf): Promise<StunPeer> => {
    const peer = await StunPeer.open(candidates[0] as string);
    closing.push(() => peer.close());
    return peer;
  };
  const copies = (peer: StunPeer) => peer.copiesOfRecord().length;

  it('a nomination from elsewhere does not take the handshake away from who came first', async () => {
    const { half } = await open({ fingerprints: [], role: 'active' });
    const [first, victim] = [await peerOf(half), await peerOf(half)];
    first.check(half);
    await expect.poll(() => copies(first), { interval: 5 }).toBeGreaterThan(0);
    victim.check({ ...half, nominates: true });
    await expect.poll(() => copies(first), { interval: 5 }).toBe(5);
    expect(victim.bytes()).toBeLessThanOrEqual(RATIO * victim.sentBytes);
  });

  it('a path that is nominated and works gets the handshake, where the first one is dead', async () => {
    const { half } = await open({ fingerprints: [], role: 'active' });
    const [dead, second] = [await peerOf(half), await peerOf(half)];
    dead.check(half);
    await expect.poll(() => copies(dead), { interval: 5 }).toBeGreaterThan(0);
    second.check({ ...half, nominates: true });
    await expect.poll(() => second.count('dtls'), { interval: 5 }).toBeGreaterThan(0);
  });

  it('once a record came from one address, a nomination of another one brings that nothing but its answer', async () => {
    const { half, transport } = await open({ fingerprints: [], role: 'active' });
    const [first, victim] = [await peerOf(half), await peerOf(half)];
    first.check(half);
    await expect.poll(() => copies(first), { interval: 5 }).toBeGreaterThan(0);
    // No handshake message: OpenSSL goes on.
    first.send(Buffer.concat([Buffer.from([22, 254, 253]), Buffer.alloc(60)]));
    await expect.poll(() => transport.stage).toBe('reached');
    victim.check({ ...half, nominates: true });
    const before = first.count('dtls');
    await expect.poll(() => first.count('dtls')).toBeGreaterThan(before);
    expect(victim.heard.map(({ kind }) => kind)).toEqual(['101']);
  });

  /** A real one, of a transport that nobody else uses. */
  async function clientHello(): Promise<Buffer[]> {
    const { half } = await open({ fingerprints: [], role: 'active' });
    const peer = await peerOf(half);
    peer.check(half);
    await expect.poll(() => copies(peer)).toBeGreaterThan(1);
    return peer.heard.filter(({ kind }) => kind === 'dtls').map(({ data }) => data);
  }

  it.each(['active', 'passive'] as const)(
    'what an address gets that never answers is bounded (we are %s)',
    async (role) => {
      const { half } = await open({ fingerprints: [], role });
      const peer = await peerOf(half);
      peer.check({ ...half, nominates: true });
      await expect.poll(() => peer.count('101')).toBe(1);
      if (role === 'passive') peer.send((await clientHello())[0] as Buffer);
      // As long as it takes to send six times what somebody gets who goes on asking.
      const other = await open({ fingerprints: [], role: 'active' });
      const patient = await peerOf(other.half);
      const received = () => {
        patient.check(other.half);
        return patient.count('dtls');
      };
      await expect.poll(received, { interval: 20 }).toBeGreaterThan(5);
      expect(peer.count('dtls')).toBeGreaterThan(0);
      expect(peer.bytes()).toBeLessThanOrEqual(RATIO * peer.sentBytes + ALLOWANCE);
    },
  );

  it('an answer is never longer than its question', async () => {
    const { half } = await open({ fingerprints: [], role: 'passive' });
    const peer = await peerOf(half);
    peer.send(bindingRequest({ ...half, isBare: true }));
    peer.check(half);
    await expect.poll(() => peer.count('101')).toBe(1);
  });
});
