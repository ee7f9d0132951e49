// DTLS and SRTP of a session before OpenSSL's own program: which keys come of it, who is let in, how it ends.
import { createHash, X509Certificate } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { packetsOf } from '#libs/webrtc';
import { WebrtcTransport } from '../../apps/pipeline/src/input/transport/webrtc-transport.js';
import type { Fingerprint } from '../../libs/sdp/src/index.js';
import { SRTP_PROFILES, type SrtpProfile, SrtpSender } from '../../tools/lib/fuzz/srtp.ts';
import { type DtlsOptions, DtlsPeer } from '../support/dtls-peer.js';
import { selfSigned } from '../support/self-signed.js';
import { StunPeer } from '../support/stun-peer.js';
import { testSrtp } from '../support/test-srtp.js';

const SETTINGS = { mediaAddresses: ['127.0.0.1'], mediaPortMin: 0, mediaPortMax: 65_535, stunServer: null };
const ALL = SRTP_PROFILES.map(({ name }) => name).join(':');
const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

const sha256 = (cert: string): Fingerprint[] => [{ hash: 'sha-256', value: new X509Certificate(cert).fingerprint256 }];

interface ConnectOptions extends DtlsOptions {
  fingerprints?: (cert: string) => Fingerprint[];
}

/** A transport of ours whose peer has found a way and shakes hands over it. */
async function connect({ fingerprints = sha256, ...options }: ConnectOptions) {
  const dtls = await DtlsPeer.open(options);
  closing.push(() => dtls.close());
  const seen = { rtp: [] as Buffer[], closed: [] as string[], warnings: [] as string[] };
  const remote = {
    fingerprints: fingerprints(dtls.certificate.cert),
    role: options.role === 'client' ? ('passive' as const) : ('active' as const),
  };
  const { transport, half } = await WebrtcTransport.open(remote, SETTINGS, {
    batch: (packets, now, clock) => {
      for (const { bytes, isRtcp } of packetsOf(packets, now, clock)) if (!isRtcp) seen.rtp.push(Buffer.from(bytes));
    },
    onClosed: (reason, detail) => seen.closed.push(`${reason}: ${detail}`),
    onWarning: (message) => seen.warnings.push(message),
  });
  closing.push(() => transport.close());
  const peer = await StunPeer.open(half.candidates[0] as string);
  closing.push(() => peer.close());
  dtls.start(peer);
  peer.check({ ...half, nominates: true });
  // As publishers go on to ask; what we may send depends on what comes.
  const asking = setInterval(() => peer.check(half), 50);
  closing.push(() => clearInterval(asking));
  return { transport, peer, dtls, seen };
}

const secured = (transport: WebrtcTransport): Promise<void> =>
  expect.poll(() => transport.stage, { interval: 5, timeout: 10_000 }).toBe('secured');

/** Keys and salts of the client and of the server (RFC 5764, section 4.2). */
function mastersOf(material: Buffer, { keyBytes, saltBytes }: SrtpProfile): [client: Buffer, server: Buffer] {
  const part = (from: number, length: number): Buffer => material.subarray(from, from + length);
  const master = (side: number): Buffer =>
    Buffer.concat([part(side * keyBytes, keyBytes), part(2 * keyBytes + side * saltBytes, saltBytes)]);
  return [master(0), master(1)];
}

function rtp(seq: number): Buffer {
  const packet = Buffer.alloc(40, seq);
  packet.writeUInt16BE(0x8060);
  packet.writeUInt16BE(seq, 2);
  return packet;
}

describe.each(['client', 'server'] as const)('a publisher that is the %s', (role) => {
  it.each([
    ['SRTP_AEAD_AES_128_GCM', 'SRTP_AEAD_AES_128_GCM'],
    ['SRTP_AEAD_AES_256_GCM', 'SRTP_AEAD_AES_256_GCM'],
    ['SRTP_AES128_CM_SHA1_80', 'SRTP_AES128_CM_SHA1_80'],
    ['SRTP_AES128_CM_SHA1_80', 'SRTP_AES128_CM_SHA1_32:SRTP_AES128_CM_SHA1_80'],
    // A server decides: we take what costs us least, and so does this publisher, by its own order.
    ['SRTP_AEAD_AES_128_GCM', role === 'client' ? ALL.split(':').toReversed().join(':') : ALL],
  ])('%s of %s: media comes in, reports go out', async (name, profiles) => {
    const profile = SRTP_PROFILES.find((known) => known.name === name) as SrtpProfile;
    const exported = 2 * (profile.keyBytes + profile.saltBytes);
    const { transport, peer, dtls, seen } = await connect({ role, profiles, exported });
    await secured(transport);
    await expect.poll(() => dtls.material).not.toBeNull();
    expect(dtls.profile).toBe(name);
    const masters = mastersOf(dtls.material as Buffer, profile);
    const [theirs, ours] = role === 'client' ? masters : (masters.toReversed() as typeof masters);

    const sender = new SrtpSender(theirs, profile);
    const packets = [1, 2, 3].map(rtp);
    for (const packet of packets) peer.send(sender.rtp(packet));
    await expect.poll(() => seen.rtp).toEqual(packets);

    const report = Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 1]);
    transport.sendRtcp(report);
    await expect.poll(() => peer.count('media')).toBe(1);
    const heard = peer.heard.find(({ kind }) => kind === 'media')?.data as Buffer;
    expect(testSrtp.unprotect(testSrtp.open(profile.id, ours, theirs), heard, true)).toEqual(report);
    expect(seen.closed).toEqual([]);
  });

  it('is told of our certificate by its fingerprint', async () => {
    const { transport, dtls } = await connect({ role, profiles: ALL });
    await secured(transport);
    await expect.poll(() => dtls.output).toContain('-----END CERTIFICATE-----');
    const shown = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(dtls.output)?.[0] as string;
    const certificate = new X509Certificate(shown);
    expect(transport.fingerprint).toEqual({ hash: 'sha-256', value: certificate.fingerprint256 });
    expect(certificate.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
  });

  it('gets through where records are lost', async () => {
    const passes = (index: number): boolean => index > 1 && index !== 4;
    const { transport, seen } = await connect({ role, profiles: ALL, passes });
    await secured(transport);
    expect(seen.closed).toEqual([]);
  });

  it.each<[string, (cert: string) => Fingerprint[], boolean]>([
    ['SHA-384', (cert) => [{ hash: 'SHA-384', value: hashOf(cert, 'sha384') }], true],
    ['SHA-512', (cert) => [{ hash: 'sha-512', value: new X509Certificate(cert).fingerprint512.toLowerCase() }], true],
    ['one of several that is right', (cert) => [...sha256(selfSigned('other').cert), ...sha256(cert)], true],
    ["another certificate's", () => sha256(selfSigned('other').cert), false],
    ['SHA-1', (cert) => [{ hash: 'sha-1', value: new X509Certificate(cert).fingerprint }], false],
    [
      'a hash that does not fit',
      (cert) => [{ hash: 'sha-512', value: new X509Certificate(cert).fingerprint256 }],
      false,
    ],
    ['none', () => [], false],
  ])('fingerprints: %s', async (_, fingerprints, isLetIn) => {
    const { transport, seen, dtls } = await connect({ role, profiles: ALL, fingerprints });
    if (isLetIn) return secured(transport);
    await expect
      .poll(() => seen.closed)
      .toEqual(["dtls_failed: the publisher's certificate is not the one in its offer"]);
    expect(transport.stage).toBe('reached');
    await expect.poll(() => dtls.output).toContain('alert bad certificate');
  });

  it('has no profile that we know', async () => {
    const { seen } = await connect({ role, profiles: 'SRTP_AES128_CM_SHA1_32' });
    await expect.poll(() => seen.closed).toEqual(['dtls_failed: the DTLS handshake has brought no keys for SRTP']);
  });

  it('has a certificate that is too large', async () => {
    const names = Array.from({ length: 900 }, (_, i) => `DNS:${i}.a-name-that-takes-room.example`).join();
    const { seen } = await connect({ role, profiles: ALL, certificate: selfSigned('peer', names) });
    await expect.poll(() => seen.closed).toEqual([expect.stringMatching(/^dtls_failed: the DTLS handshake failed/)]);
  });

  it('is told when we close the connection, once', async () => {
    const { transport, dtls, peer, seen } = await connect({ role, profiles: ALL });
    await secured(transport);
    await expect.poll(() => dtls.material).not.toBeNull();
    transport.closeGracefully();
    transport.closeGracefully();
    if (role === 'client') await expect.poll(() => dtls.hasEnded).toBe(true);
    await expect.poll(() => peer.heard.filter(({ data }) => data[0] === 21)).toHaveLength(1);
    expect(transport.isOver).toBe(true);
    expect([seen.closed, seen.warnings]).toEqual([[], []]);
  });
});

it('a publisher that closes the connection is answered', async () => {
  const { transport, peer, dtls, seen } = await connect({ role: 'client', profiles: ALL });
  await secured(transport);
  await expect.poll(() => dtls.material).not.toBeNull();
  const before = peer.count('dtls');
  dtls.sayGoodbye();
  await expect.poll(() => seen.closed).toEqual(['closed: the publisher closed the connection']);
  expect(transport.isOver).toBe(true);
  await expect.poll(() => peer.count('dtls')).toBeGreaterThan(before);
  // An alert, encrypted.
  expect(peer.heard.filter(({ kind }) => kind === 'dtls').at(-1)?.data[0]).toBe(21);
  // Nothing more to be said.
  transport.closeGracefully();
  expect(seen.warnings).toEqual([]);
});

it('takes a bounded number of records before there are keys', async () => {
  const { transport, half } = await WebrtcTransport.open({ fingerprints: [], role: 'passive' }, SETTINGS, {
    batch: () => undefined,
    onClosed: () => undefined,
    onWarning: () => undefined,
  });
  closing.push(() => transport.close());
  const peer = await StunPeer.open(half.candidates[0] as string);
  closing.push(() => peer.close());
  const dtls = await DtlsPeer.open({ role: 'client', profiles: ALL });
  closing.push(() => dtls.close());
  peer.check(half);
  await expect.poll(() => peer.count('101')).toBe(1);
  for (let batch = 1; batch <= 21; batch += 1) {
    for (let i = 0; i < 50; i += 1) peer.send(Buffer.concat([Buffer.from([22, 254, 253]), Buffer.alloc(60)]));
    peer.check(half);
    await expect.poll(() => peer.count('101')).toBe(1 + batch);
  }
  dtls.start(peer);
  // As long as a client takes to ask again, after a second.
  await expect.poll(() => peer.sentBytes, { timeout: 5000 }).toBeGreaterThan(21 * (50 * 63 + 88) + 400);
  expect(peer.count('dtls')).toBe(0);
});

/** As SDP writes it. */
function hashOf(cert: string, hash: 'sha384'): string {
  const { raw } = new X509Certificate(cert);
  return (createHash(hash).update(raw).digest('hex').match(/../g) ?? []).join(':').toUpperCase();
}
