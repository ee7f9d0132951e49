import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { AllowList } from '#libs/net';
import { parseTransferUrl, type TransferError } from '#libs/transfer';
import { type Script, type ScriptedRtmpServer, startScriptedRtmpServer } from '../../../../../test/support/scripted-rtmp-server.js';
import { decodeAmf } from './amf0.js';
import { Aborted } from '../../process/deadlines.js';
import { type PublisherOptions, RtmpPublisher } from './rtmp-publisher.js';

const KEY = 'k3y-SECRET?token=t0ken';
const SHORT = { dnsMs: 200, tcpMs: 200, tlsMs: 300, handshakeMs: 200, connectMs: 200, publishMs: 200 };
const loopback = AllowList.parse('127.0.0.0/8,localhost');
const open: (() => unknown)[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()));
});

async function server(script: Script = {}): Promise<ScriptedRtmpServer> {
  const started = await startScriptedRtmpServer(script);
  open.push(() => started.stop());
  return started;
}

const target = (port: number, { scheme = 'rtmp', host = '127.0.0.1', credentials = '' } = {}) => parseTransferUrl(`${scheme}://${credentials}${host}:${port}/live/${KEY}`);

async function connect(port: number, options: Partial<PublisherOptions> = {}, where: Parameters<typeof target>[1] = {}): Promise<RtmpPublisher> {
  const publisher = await RtmpPublisher.connect(target(port, where), { allowList: loopback, deadlines: SHORT, ...options }, new AbortController().signal);
  open.push(() => publisher.close({ clean: false, deadlineMs: 0 }));
  return publisher;
}

const failure = (port: number, options: Partial<PublisherOptions> = {}, where: Parameters<typeof target>[1] = {}) =>
  connect(port, options, where).then(
    () => expect.unreachable('connected'),
    (error: TransferError) => error,
  );

describe('RtmpPublisher', () => {
  it('publishes as an encoder does, sends media and ends properly', async () => {
    const rtmp = await server();
    const publisher = await connect(rtmp.port, { flashVer: 'FMLE/9' });
    expect(rtmp.connects).toEqual([{ app: 'live', type: 'nonprivate', flashVer: 'FMLE/9', tcUrl: `rtmp://127.0.0.1:${rtmp.port}/live` }]);
    expect(rtmp.commands.map(([name, , argument]) => [name, argument])).toEqual([['releaseStream', KEY], ['FCPublish', KEY], ['createStream', undefined], ['publish', KEY]]);
    publisher.sendMetadata({ width: 640 });
    publisher.sendAudio(0, Buffer.from([0xaf, 0, 1]));
    publisher.sendVideo(0xffffff, Buffer.alloc(200_000, 5));
    let ended: unknown = 'not yet';
    publisher.onClose((error) => (ended = error));
    await expect.poll(() => rtmp.media.length).toBe(3);
    expect(rtmp.media.map(({ type, timestamp, streamId, body }) => [type, timestamp, streamId, body.length])).toEqual([[18, 0, 1, expect.any(Number)], [8, 0, 1, 3], [9, 0xffffff, 1, 200_000]]);
    expect(decodeAmf(rtmp.media[0]?.body as Buffer)).toEqual(['@setDataFrame', 'onMetaData', { width: 640 }]);
    await publisher.close({ clean: true, deadlineMs: 1000 });
    expect(ended).toBeNull();
    await expect.poll(() => rtmp.commands.slice(4).map(([name, , argument]) => [name, argument])).toEqual([['FCUnpublish', KEY], ['deleteStream', 1]]);
  });

  it('sends no metadata where that is switched off', async () => {
    const rtmp = await server();
    const publisher = await connect(rtmp.port, { sendMetadata: false });
    publisher.sendMetadata({ width: 640 });
    publisher.sendAudio(0, Buffer.from([1]));
    await expect.poll(() => rtmp.media.map(({ type }) => type)).toEqual([8]);
  });

  it('counts what is sent and what the server acknowledges, and answers pings', async () => {
    const acknowledge = Buffer.alloc(4);
    acknowledge.writeUInt32BE(1000);
    const rtmp = await server({
      afterwards: [
        { type: 3, streamId: 0, timestamp: 0, body: acknowledge },
        { type: 4, streamId: 0, timestamp: 0, body: Buffer.from([0, 6, 1, 2, 3, 4]) },
      ],
    });
    const publisher = await connect(rtmp.port);
    await expect.poll(() => publisher.bytesAcked).toBe(1000);
    expect(publisher.bytesSent).toBeGreaterThan(3000);
    await expect.poll(() => rtmp.control.find(({ type }) => type === 4)?.body.toString('hex')).toBe('000701020304');
  });

  it.each<[string, Script, string]>([
    ['says nothing at all', { handshake: 'ignore' }, 'handshake_failed'],
    ['hangs up at once', { handshake: 'close' }, 'handshake_failed'],
    ['speaks HTTP', { handshake: { say: 'HTTP/1.1 400 Bad Request\r\n\r\n' } }, 'handshake_failed'],
    ['does not answer connect', { connect: () => 'ignore' }, 'handshake_failed'],
    ['hangs up at connect', { connect: () => 'close' }, 'closed_by_platform'],
    ['refuses the application', { connect: () => ({ refuse: 'NetConnection.Connect.Rejected', description: 'no app' }) }, 'connect_rejected'],
    ['wants a password that we lack', { connect: () => ({ refuse: 'x', description: '[ code=403 need auth; authmod=adobe ]' }) }, 'auth_failed'],
    ['refuses createStream', { createStream: { refuse: 'NetStream.Failed' } }, 'publish_denied'],
    ['does not answer createStream', { createStream: 'ignore' }, 'publish_timeout'],
    ['does not answer publish', { publish: 'ignore' }, 'publish_timeout'],
    ['hangs up at publish', { publish: 'close' }, 'closed_by_platform'],
    ['refuses the key', { publish: { refuse: 'NetStream.Publish.Denied', description: `bad key ${KEY}` } }, 'publish_denied'],
    ['has the name in use', { publish: { refuse: 'NetStream.Publish.BadName', description: `${KEY} already publishing` } }, 'stream_name_in_use'],
    ['says BadName for a bad key', { publish: { refuse: 'NetStream.Publish.BadName', description: 'Stream key invalid' } }, 'publish_denied'],
  ])('says what happened when the server %s', async (_, script, code) => {
    const rtmp = await server(script);
    const error = await failure(rtmp.port);
    expect(error.code).toBe(code);
    for (const secret of [KEY, 'k3y-SECRET', 't0ken']) expect(String(error)).not.toContain(secret);
    await expect.poll(() => rtmp.sockets.every((socket) => socket.destroyed || socket.readableEnded)).toBe(true);
  });

  it('says what happened when there is no server', async () => {
    const rtmp = await server();
    await rtmp.stop();
    expect((await failure(rtmp.port)).code).toBe('tcp_refused');
    expect((await failure(1, { allowList: AllowList.parse('') })).code).toBe('address_forbidden');
    const lookup = (): Promise<never> => Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' }));
    expect((await failure(1, { lookup }, { host: 'a.example' })).code).toBe('dns_failed');
    expect((await failure(1, { lookup: () => new Promise(() => undefined) }, { host: 'a.example' })).code).toBe('dns_failed');
  });

  it('tries the next address when one does not answer, and only checked ones', async () => {
    const rtmp = await server();
    const both = async () => [{ address: '127.0.0.2', family: 4 as const }, { address: '127.0.0.1', family: 4 as const }];
    await connect(rtmp.port, { lookup: both }, { host: 'a.example' });
    expect(rtmp.connects[0]?.tcUrl).toBe(`rtmp://a.example:${rtmp.port}/live`);
    const mixed = async () => [{ address: '127.0.0.1', family: 4 as const }, { address: '10.0.0.1', family: 4 as const }];
    expect((await failure(rtmp.port, { lookup: mixed }, { host: 'a.example' })).code).toBe('address_forbidden');
  });

  it('reports a connection that the server ends, once', async () => {
    const rtmp = await server();
    const publisher = await connect(rtmp.port);
    const ends: (string | undefined)[] = [];
    publisher.onClose((error) => ends.push(error?.code));
    rtmp.sockets[0]?.end();
    await expect.poll(() => ends).toEqual(['closed_by_platform']);
    const again = await connect(rtmp.port);
    const reset = new Promise((resolve) => again.onClose((error) => resolve(error?.code)));
    rtmp.sockets[1]?.resetAndDestroy();
    expect(await reset).toBe('connection_lost');
    await publisher.close({ clean: true, deadlineMs: 100 });
    expect(ends).toHaveLength(1);
  });

  it('stops at once when it is aborted, at every step', async () => {
    for (const script of [{ handshake: 'ignore' }, { connect: () => 'ignore' }, { publish: 'ignore' }] satisfies Script[]) {
      const rtmp = await server(script);
      const abort = new AbortController();
      const connecting = RtmpPublisher.connect(target(rtmp.port), { allowList: loopback }, abort.signal);
      setTimeout(() => abort.abort(), 30);
      await expect(connecting).rejects.toThrow(Aborted);
      await expect.poll(() => rtmp.sockets.every((socket) => socket.destroyed || socket.readableEnded)).toBe(true);
    }
  });
});

describe('a redirect', () => {
  const to = (port: number, path = 'edge') => ({ refuse: 'NetConnection.Connect.Rejected', description: '[ code=302 ] moved', redirect: `rtmp://127.0.0.1:${port}/${path}` });

  it('at connect is followed with the stream key, to the application that it names', async () => {
    const edge = await server();
    const entry = await server({ connect: () => to(edge.port) });
    const publisher = await connect(entry.port);
    expect(edge.connects[0]).toMatchObject({ app: 'edge', tcUrl: `rtmp://127.0.0.1:${edge.port}/edge` });
    expect(edge.commands.at(-1)).toEqual(['publish', null, KEY, 'live']);
    await expect.poll(() => entry.sockets.every((socket) => socket.destroyed || socket.readableEnded)).toBe(true);
    publisher.sendAudio(0, Buffer.from([1]));
    await expect.poll(() => edge.media).toHaveLength(1);
  });

  it('at publish is followed, too, with the key that it names', async () => {
    const edge = await server();
    const entry = await server({ publish: to(edge.port, `other/${KEY.replace('t0ken', 'n3w')}`) });
    await connect(entry.port);
    expect(edge.connects[0]).toMatchObject({ app: 'other' });
    expect(edge.commands.at(-1)?.[2]).toBe(KEY.replace('t0ken', 'n3w'));
  });

  it('is followed three times', async () => {
    const last = await server();
    const third = await server({ connect: () => to(last.port) });
    const second = await server({ connect: () => to(third.port) });
    const first = await server({ connect: () => to(second.port) });
    await connect(first.port);
    expect(last.connects).toHaveLength(1);
    const before = await server({ connect: () => to(first.port) });
    expect(await failure(before.port)).toMatchObject({ code: 'redirected', detail: 'again after 3 redirects' });
    const circle: ScriptedRtmpServer = await server({ connect: () => to(circle.port) });
    expect((await failure(circle.port)).code).toBe('redirected');
    expect(circle.connects).toHaveLength(4);
  });

  it.each([
    ['rtmp://10.0.0.1/edge', 'address_forbidden', undefined],
    ['rtmp://[::1]/edge', 'address_forbidden', undefined],
    ['rtmp://169.254.169.254/edge', 'address_forbidden', undefined],
    [`http://127.0.0.1/${KEY}`, 'redirected', 'to a URL that cannot be used'],
    [`rtmp://${KEY}`, 'redirected', 'to a URL that cannot be used'],
    ['', 'redirected', 'it does not say where to'],
  ])('to %j goes nowhere', async (redirect, code, detail) => {
    const entry = await server({ connect: () => ({ refuse: 'NetConnection.Connect.Rejected', redirect }) });
    const error = await failure(entry.port, { allowList: AllowList.parse('127.0.0.1') });
    expect(error).toMatchObject({ code });
    expect(error.detail).toBe(detail);
    expect(error.message).not.toContain('check its path');
    for (const secret of ['k3y-SECRET', 't0ken']) expect(String(error)).not.toContain(secret);
  });
});

describe('authentication', () => {
  const md5 = (text: string, encoding: 'hex' | 'base64'): string => createHash('md5').update(text).digest(encoding);
  const credentials = 'us%C3%A9r:p%40ss@';

  it('answers the challenge of Adobe', async () => {
    const rtmp = await server({
      connect: ({ app }, turn) => {
        const query = new URLSearchParams((app as string).replace(/^live\??/, '').replaceAll('+', '%2B'));
        if (turn === 1) return { refuse: 'x', description: '[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ' };
        if (turn === 2) return { refuse: 'x', description: `[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=${query.get('user')}&salt=S+lt=&challenge=Ch&opaque=Op+q=` };
        const ours = query.get('challenge') ?? '';
        return query.get('response') === md5(`${md5('usérS+lt=p@ss', 'base64')}Op+q=${ours}`, 'base64') ? 'accept' : { refuse: 'x', description: '?reason=authfailed' };
      },
    });
    await connect(rtmp.port, {}, { credentials });
    expect(rtmp.connects).toHaveLength(3);
    expect(rtmp.connects[0]?.app).toBe('live');
    expect(JSON.stringify(rtmp.connects)).not.toContain('p@ss');
  });

  it('answers the challenge of Limelight', async () => {
    const rtmp = await server({
      connect: ({ app }, turn) => {
        const query = new URLSearchParams((app as string).replace(/^live\??/, ''));
        if (turn === 1) return { refuse: 'x', description: '[ code=403 need auth; authmod=llnw ]' };
        if (turn === 2) return { refuse: 'x', description: '[ authmod=llnw ] : ?reason=needauth&nonce=N0nce' };
        const expected = md5(`${md5('usér:live:p@ss', 'hex')}:N0nce:00000001:${query.get('cnonce')}:auth:${md5('publish:/live/_definst_', 'hex')}`, 'hex');
        return query.get('response') === expected ? 'accept' : { refuse: 'x', description: '?reason=authfailed' };
      },
    });
    await connect(rtmp.port, {}, { credentials });
    expect(rtmp.connects).toHaveLength(3);
  });

  it('says so when the password is wrong', async () => {
    const rtmp = await server({ connect: (_, turn) => ({ refuse: 'x', description: turn === 1 ? '[ code=403 need auth; authmod=adobe ]' : '[ authmod=adobe ] : ?reason=nosuchuser' }) });
    expect((await failure(rtmp.port, {}, { credentials })).code).toBe('auth_failed');
  });
});

describe('RTMPS', () => {
  const dir = mkdtempSync(join(tmpdir(), 'rtmps-'));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=platform.example', '-addext', 'subjectAltName=DNS:platform.example,IP:127.0.0.1', '-keyout', join(dir, 'key'), '-out', join(dir, 'cert')], { stdio: 'ignore' });
  const tls = { key: readFileSync(join(dir, 'key'), 'utf8'), cert: readFileSync(join(dir, 'cert'), 'utf8') };
  rmSync(dir, { recursive: true });
  const lookup = async () => [{ address: '127.0.0.1', family: 4 as const }];
  const where = { scheme: 'rtmps', host: 'platform.example' };

  it('names the host (SNI) and verifies its certificate', async () => {
    const rtmp = await server({ tls });
    await connect(rtmp.port, { lookup, ca: tls.cert }, where);
    expect(rtmp.serverNames).toEqual(['platform.example']);
    expect((await failure(rtmp.port, { lookup, ca: tls.cert }, { ...where, host: 'other.example' })).code).toBe('tls_certificate');
    expect((await failure(rtmp.port, { lookup }, where)).code).toBe('tls_certificate');
  });

  it('names no host that is an address, and leaves out the dot of the root', async () => {
    const rtmp = await server({ tls });
    await connect(rtmp.port, { ca: tls.cert }, { scheme: 'rtmps' });
    await connect(rtmp.port, { lookup, ca: tls.cert }, { ...where, host: 'platform.example.' });
    expect(rtmp.serverNames).toEqual([false, 'platform.example']);
    expect((await failure(rtmp.port, { ca: tls.cert, allowList: AllowList.parse('127.0.0.0/8'), lookup: async () => [{ address: '127.0.0.1', family: 4 }] }, { ...where, host: '127.0.0.1.example' })).code).toBe('tls_certificate');
  });

  it('does not take a certificate that the server misses for one of the server', async () => {
    const picky = createTlsServer({ ...tls, maxVersion: 'TLSv1.2', requestCert: true }).on('tlsClientError', () => undefined);
    await new Promise<void>((resolve) => picky.listen(0, '127.0.0.1', resolve));
    open.push(() => picky.close());
    const error = await failure((picky.address() as AddressInfo).port, { lookup, ca: tls.cert }, where);
    expect(error).toMatchObject({ code: 'tls_failed' });
    for (const secret of [KEY, 'k3y-SECRET', 't0ken']) expect(String(error)).not.toContain(secret);
  });

  it('verifies nothing for a transfer that says so', async () => {
    const rtmp = await server({ tls });
    await connect(rtmp.port, { lookup, tlsVerify: false }, where);
    expect(rtmp.commands.at(-1)?.[0]).toBe('publish');
  });

  it('tells a server that does not speak TLS from one that is silent', async () => {
    const plain = await server({ handshake: { say: 'hello\r\n' } });
    expect((await failure(plain.port, { lookup }, where)).code).toBe('tls_failed');
    const silent = await server({ handshake: 'ignore' });
    expect((await failure(silent.port, { lookup }, where)).code).toBe('tls_failed');
  });
});
