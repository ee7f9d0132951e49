// The server's side of ICE before a peer of our own that keeps no rule.
import { execFile, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { MediaTransport } from '#libs/webrtc';
import { WebrtcTransport } from '../../apps/pipeline/src/input/transport/webrtc-transport.js';
import type { Fingerprint, IceHalf } from '../../libs/sdp/src/index.js';
import { freePort } from '../support/ports.js';
import { bindingRequest, StunPeer } from '../support/stun-peer.js';

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

async function listen(
  role: 'active' | 'passive' = 'passive',
  settings = SETTINGS,
  fingerprints: Fingerprint[] = [],
): Promise<{ transport: WebrtcTransport; half: IceHalf; closed: string[] }> {
  const closed: string[] = [];
  const events = {
    batch: () => undefined,
    onClosed: (reason: string) => closed.push(reason),
    onWarning: () => undefined,
  };
  const opened = await WebrtcTransport.open({ fingerprints, role }, settings, events);
  closing.push(() => opened.transport.close());
  return { ...opened, closed };
}

async function peerOf({ candidates }: IceHalf): Promise<StunPeer> {
  const peer = await StunPeer.open(candidates[0] as string);
  closing.push(() => peer.close());
  return peer;
}

it('answers who knows the password, and tells how it is seen', async () => {
  const { transport, half } = await listen();
  const peer = await peerOf(half);
  expect(transport.stage).toBe('unreached');
  peer.check(half);
  await expect.poll(() => peer.count('101')).toBe(1);
  expect(transport.stage).toBe('reached');
  const answer = peer.heard[0]?.data as Buffer;
  // XOR-MAPPED-ADDRESS is first: port and address, each covered by the cookie.
  expect([
    answer.readUInt16BE(20),
    answer.readUInt16BE(26) ^ 0x2112,
    (answer.readUInt32BE(28) ^ 0x2112a442) >>> 0,
  ]).toEqual([0x0020, peer.localPort, 0x7f000001]);
});

it('says nothing to anybody else, and nothing that is no answer', async () => {
  const { transport, half } = await listen('active');
  const stranger = await peerOf(half);
  for (const wrong of [
    { ...half, pwd: `${half.pwd}x` },
    { ...half, ufrag: `${half.ufrag}x` },
    { ...half, ufrag: half.ufrag.slice(1) },
    { ufrag: '', pwd: '' },
  ])
    stranger.check(wrong);
  const unsigned = bindingRequest(half).subarray(0, -24);
  unsigned.writeUInt16BE(unsigned.length - 20, 2);
  stranger.send(unsigned);
  // A handshake from where no check came from.
  stranger.send(Buffer.concat([Buffer.from([22, 254, 253]), Buffer.alloc(60)]));
  const peer = await peerOf(half);
  peer.check(half);
  await expect.poll(() => peer.count('101')).toBe(1);
  expect(stranger.heard).toEqual([]);
  expect(transport.strangers).toBe(5);
  // What goes to the peer's address is its answer and our handshake.
  await expect.poll(() => peer.count('dtls')).toBeGreaterThan(0);
  expect(new Set(peer.heard.map(({ kind }) => kind))).toEqual(new Set(['101', 'dtls']));
});

it('sends back no more than came, however often somebody asks', async () => {
  const { half } = await listen();
  const peer = await peerOf(half);
  for (let i = 0; i < 200; i += 1) peer.check(half);
  await expect.poll(() => peer.count('101')).toBeGreaterThan(150);
  const got = peer.heard.reduce((sum, { bytes }) => sum + bytes, 0);
  expect(got).toBeLessThanOrEqual(peer.sentBytes);
});

it('tells a peer that believes we lead to lead itself (RFC 8445, section 7.3.1.1)', async () => {
  const { transport, half } = await listen('active');
  const peer = await peerOf(half);
  peer.check({ ...half, isControlled: true });
  await expect.poll(() => peer.count('111')).toBe(1);
  expect(peer.heard[0]?.data.includes(Buffer.from([0, 0, 4, 87]))).toBe(true);
  peer.check(half);
  await expect.poll(() => peer.count('dtls')).toBeGreaterThan(0);
  expect(transport.stage).toBe('reached');
});

it('a restart that nobody uses ends nothing; one that is used ends what was before', async () => {
  const { transport, half } = await listen();
  const old = await peerOf(half);
  old.check({ ...half, nominates: true });
  await expect.poll(() => old.count('101')).toBe(1);

  const unused = transport.restart();
  expect(unused.ufrag).not.toBe(half.ufrag);
  const next = transport.restart();
  // The same socket, and only one candidate: clients join several with commas.
  expect(next.candidates).toEqual(half.candidates.slice(0, 1));
  old.check(half);
  old.check({ ...half, nominates: true });
  await expect.poll(() => old.count('101')).toBe(3);

  const moved = await peerOf(next);
  moved.check(unused);
  moved.check(next);
  await expect.poll(() => moved.count('101')).toBe(1);
  old.check(half);
  await expect.poll(() => old.count('101')).toBe(4);
  moved.check({ ...next, nominates: true });
  await expect.poll(() => moved.count('101')).toBe(2);
  old.check(half);
  moved.check(next);
  await expect.poll(() => moved.count('101')).toBe(3);
  expect(old.count('101')).toBe(4);
});

it('repeats the first record of a handshake soon', async () => {
  const { half } = await listen('active');
  const silent = await peerOf(half);
  silent.check(half);
  await expect.poll(() => silent.copiesOfRecord().length, { interval: 5 }).toBe(5);
  const [first, second, third] = silent.copiesOfRecord().map(({ at }) => at) as [number, number, number];
  // OpenSSL by itself would wait for a second.
  expect(second - first).toBeLessThan(600);
  expect(third - first).toBeLessThan(900);
});

it('needs no second for a publisher that begins to listen just after our first record, as FFmpeg does', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'dtls-'));
  closing.push(() => rm(directory, { recursive: true }));
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  await promisify(execFile)('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '1',
    '-subj',
    '/CN=peer',
    '-keyout',
    key,
    '-out',
    cert,
  ]);
  const port = await freePort();
  const server = spawn(
    'openssl',
    ['s_server', '-dtls1_2', '-port', String(port), '-key', key, '-cert', cert, '-use_srtp', 'SRTP_AES128_CM_SHA1_80'],
    { stdio: ['pipe', 'pipe', 'ignore'] },
  );
  closing.push(() => void server.kill('SIGKILL'));
  await new Promise((resolve) => server.stdout.once('data', resolve));

  const value = new X509Certificate(await readFile(cert)).fingerprint256;
  const { transport, half } = await listen('active', SETTINGS, [{ hash: 'sha-256', value }]);
  const peer = await peerOf(half);
  const inside = createSocket('udp4');
  closing.push(() => void inside.close());
  inside.on('message', (record) => peer.send(record));
  let first: number | undefined;
  peer.onRecord = (record) => {
    first ??= performance.now();
    if (performance.now() - first > 10) inside.send(record, port, '127.0.0.1');
  };
  peer.check(half);
  await expect.poll(() => transport.stage, { interval: 5, timeout: 5000 }).toBe('secured');
  const took = performance.now() - (first ?? 0);
  expect(took).toBeLessThan(700);
  expect(took).toBeGreaterThan(40);
});

it('offers what a STUN server sees, and does without one that is silent', async () => {
  const server = createSocket('udp4');
  closing.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
  let asked = 0;
  server.on('message', (request, from) => {
    asked += 1;
    // The first is lost.
    if (asked === 1) return;
    const mapped = Buffer.from([0, 0x20, 0, 8, 0, 1, 0, 0, 192, 0, 2, 33]);
    mapped.writeUInt16BE(4242 ^ 0x2112, 6);
    mapped.writeUInt32BE((mapped.readUInt32BE(8) ^ 0x2112a442) >>> 0, 8);
    server.send(Buffer.concat([Buffer.from([1, 1, 0, 12]), request.subarray(4, 20), mapped]), from.port, from.address);
  });
  const stunServer = `stun://127.0.0.1:${server.address().port}`;
  const { half } = await listen('passive', { ...SETTINGS, stunServer });
  expect(half.candidates[1]).toMatch(/ 192\.0\.2\.33 4242 typ srflx raddr 127\.0\.0\.1 rport \d+$/);
  server.removeAllListeners('message');
  expect((await listen('passive', { ...SETTINGS, stunServer })).half.candidates).toHaveLength(1);
});

it('tells nobody of an answer of a STUN server that was not asked', async () => {
  const mapped: unknown[] = [];
  const transport = new MediaTransport(false, [], {
    batch: () => undefined,
    mapped: (...values) => mapped.push(values),
    ended: () => undefined,
  });
  closing.push(() => transport.close());
  const [socket] = transport.listenOn(['127.0.0.1'], 0, 65_535, 100_000);
  transport.setCredentials('ours', 'p'.repeat(24));
  const peer = await StunPeer.open(`candidate:1 1 udp 1 127.0.0.1 ${socket?.port} typ host`);
  closing.push(() => peer.close());
  // With the transaction of a socket that has asked nobody.
  const answer = Buffer.concat([
    Buffer.from([1, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42]),
    Buffer.alloc(12),
    Buffer.from([0, 0x20, 0, 8, 0, 1, 0x31, 0x80, 0xe1, 0x12, 0xa6, 0x63]),
  ]);
  for (let i = 0; i < 100; i += 1) peer.send(answer);
  peer.check({ ufrag: 'ours', pwd: 'p'.repeat(24) });
  await expect.poll(() => peer.count('101')).toBe(1);
  // Events come in their order: this one after those.
  await new Promise((resolve) => setImmediate(resolve));
  expect(mapped).toEqual([]);
});

it('whatever comes, it goes on', async () => {
  const { half } = await listen();
  const peer = await peerOf(half);
  const good = bindingRequest(half);
  const bent = fc
    .tuple(fc.nat({ max: good.length - 1 }), fc.integer({ min: 0, max: 255 }), fc.nat({ max: good.length }))
    .map(([at, value, length]) => {
      const packet = Buffer.from(good);
      packet[at] = value;
      return packet.subarray(0, length);
    });
  const junk = fc.uint8Array({ maxLength: 1600 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(bent, junk), (packet) => peer.send(packet)),
    { numRuns: 2000, seed: 20_261_130 },
  );
  await expect
    .poll(() => {
      peer.check(half);
      return peer.count('101');
    })
    .toBeGreaterThan(0);
});
