// A publisher's way in, from its offer to decrypted packets, with GStreamer's webrtcbin on the other side.
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { readOffer, writeAnswer } from '../../libs/sdp/src/index.js';
import { packetsOf } from '../../libs/webrtc/src/index.js';
import { WebrtcTransport } from '../../apps/pipeline/src/input/transport/webrtc-transport.js';
import { publishTestStream } from '../../tools/lib/whip-publisher.ts';

const SETTINGS = {
  mediaAddresses: ['127.0.0.1'],
  mediaPortMin: 0,
  mediaPortMax: 65_535,
  stunServer: null as string | null,
};
const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** Answers one publisher. */
async function receive(settings = SETTINGS) {
  const seen = {
    payloadTypes: new Map<number, number>(),
    reports: 0,
    arrivals: [] as number[],
    closed: [] as string[],
    warnings: [] as string[],
    transport: null as WebrtcTransport | null,
  };
  const note = (packet: Buffer, arrival: number): void => {
    seen.arrivals.push(arrival);
    const payloadType = (packet[1] as number) & 0x7f;
    if ((packet[0] as number) >> 6 === 2)
      seen.payloadTypes.set(payloadType, (seen.payloadTypes.get(payloadType) ?? 0) + 1);
  };
  const server = createServer((request, response) => {
    void text(request).then(async (sdp) => {
      const offer = readOffer(sdp);
      const { transport, half } = await WebrtcTransport.open(offer.remote, settings, {
        batch: (packets, now, clock) => {
          for (const { bytes, isRtcp, arrival } of packetsOf(packets, now, clock)) {
            if (isRtcp) seen.reports += 1;
            else note(bytes, arrival);
          }
        },
        onClosed: (reason, detail) => seen.closed.push(`${reason}: ${detail}`),
        onWarning: (message) => seen.warnings.push(message),
      });
      seen.transport = transport;
      closing.push(() => transport.close());
      const answer = writeAnswer(offer, { half, fingerprint: transport.fingerprint, role: offer.remote.role });
      response.writeHead(201, { location: '/session', 'content-type': 'application/sdp' }).end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(async () => server.close());
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

type Options = Partial<Parameters<typeof publishTestStream>[0]>;

async function publish(url: string, mapOffer = (sdp: string) => sdp, options: Options = {}): Promise<void> {
  const publisher = await publishTestStream({
    url,
    width: 320,
    height: 180,
    kbps: 200,
    localAddress: '127.0.0.1',
    mapOffer,
    ...options,
  });
  closing.push(() => publisher.close());
}

describe('WebrtcTransport', () => {
  it.each([
    ['begins the handshake', (sdp: string) => sdp],
    ['leaves the handshake to the publisher', (sdp: string) => sdp.replaceAll('a=setup:actpass', 'a=setup:active')],
  ])('%s, and brings what is sent, in batches', async (_, mapOffer) => {
    const { seen, url } = await receive();
    await publish(url, mapOffer);
    await expect
      .poll(() => Math.min(...[96, 111].map((payloadType) => seen.payloadTypes.get(payloadType) ?? 0)), {
        timeout: 5000,
      })
      .toBeGreaterThan(20);
    await expect.poll(() => seen.reports, { timeout: 8000 }).toBeGreaterThan(0);
    expect(seen.closed).toEqual([]);
  });

  it('gets an offer of both tracks from each test publisher that changes its packets', async () => {
    const { url } = await receive();
    const kinds: string[] = [];
    const note = (sdp: string): string => {
      kinds.push((sdp.match(/^m=\w+/gm) ?? []).join(' '));
      return sdp;
    };
    for (let i = 0; i < 10; i += 1) await publish(url, note, { mapPacket: (packet) => [packet] });
    expect(kinds).toEqual(Array.from({ length: 10 }, () => 'm=video m=audio'));
  });

  it('takes nobody whose certificate is not the one of the offer', async () => {
    const { seen, url } = await receive();
    await publish(url, (sdp) =>
      sdp.replaceAll(
        /a=fingerprint:sha-256 \S+/g,
        `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => '00').join(':')}`,
      ),
    ).catch(() => undefined);
    await expect
      .poll(() => seen.closed, { timeout: 5000 })
      .toContain("dtls_failed: the publisher's certificate is not the one in its offer");
    expect(seen.payloadTypes.size).toBe(0);
  });

  it('tells when each packet came, however late it is taken', async () => {
    const { seen, url } = await receive();
    await publish(url);
    await expect.poll(() => seen.arrivals.length, { timeout: 5000 }).toBeGreaterThan(20);
    const from = performance.now();
    while (performance.now() < from + 300) continue;
    const until = performance.now();
    await expect.poll(() => seen.arrivals.at(-1)).toBeGreaterThan(until);
    const meanwhile = seen.arrivals.filter((at) => at > from && at < until);
    expect(meanwhile.length).toBeGreaterThan(15);
    expect(seen.arrivals).toEqual(seen.arrivals.toSorted((a, b) => a - b));
  });

  it('says which STUN server is not found, and goes on without', async () => {
    const { seen, url } = await receive({ ...SETTINGS, stunServer: 'stun://stun.invalid:3478' });
    await publish(url);
    expect(seen.warnings.join()).toContain('the STUN server stun.invalid is not found');
  });

  it('has no port to offer where all are taken', async () => {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    closing.push(async () => socket.close());
    const { port } = socket.address();
    const remote = { fingerprints: [], role: 'active' as const };
    const events = {
      batch: () => undefined,
      onClosed: () => undefined,
      onWarning: () => undefined,
    };
    await expect(
      WebrtcTransport.open(remote, { ...SETTINGS, mediaPortMin: port, mediaPortMax: port }, events),
    ).rejects.toThrow(/port/);
  });
});
