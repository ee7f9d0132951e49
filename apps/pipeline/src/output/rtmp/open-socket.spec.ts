import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, it } from 'vitest';
import { AllowList } from '#libs/net';
import { TransferUrl } from '#libs/transfer';
import { Aborted, DEADLINES, type Deadlines } from '../../process/deadlines.js';
import { openSocket, type SocketOptions } from './open-socket.js';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** Accepts and never says a word. */
async function silentServer(): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket.on('error', () => socket.destroy()).resume()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

/** A port whose queue of connections is full: a further one gets no answer. The thread that listens never accepts. */
async function fullServer(): Promise<number> {
  const code = `const { parentPort } = require('node:worker_threads');
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const worker = new Worker(code, { eval: true });
  closers.push(() => worker.terminate());
  const port = await new Promise<number>((resolve) => worker.once('message', resolve));
  const waiting = Array.from({ length: 4 }, () => connectTcp(port, '127.0.0.1').on('error', () => undefined));
  closers.push(() => waiting.forEach((socket) => socket.destroy()));
  await expect.poll(() => waiting.filter(({ connecting }) => !connecting).length).toBeGreaterThanOrEqual(2);
  return port;
}

async function open(
  url: string,
  options: Partial<SocketOptions> = {},
  deadlines: Partial<Deadlines> = {},
  signal = new AbortController().signal,
): Promise<Socket> {
  const socket = await openSocket(
    TransferUrl.parse(`${url}/live/key`).target,
    { allowList: AllowList.parse('127.0.0.0/8'), ...options },
    { ...DEADLINES, ...deadlines },
    signal,
  );
  closers.push(() => socket.destroy());
  return socket;
}

const address = (text: string) => ({ address: text, family: 4 as const });

it('says that TCP connections are not accepted, and tries the next address', async () => {
  const full = await fullServer();
  await expect(open(`rtmp://127.0.0.1:${full}`, {}, { tcpMs: 200 })).rejects.toMatchObject({ code: 'tcp_timeout' });
  const { port, sockets } = await silentServer();
  // Nobody listens at the first; what is reported is the last one's failure.
  const lookup = async () => [address('127.0.0.2'), address('127.0.0.1')];
  expect((await open(`rtmp://a.example:${port}`, { lookup })).remoteAddress).toBe('127.0.0.1');
  await expect.poll(() => sockets.length).toBe(1);
  await expect(
    open(`rtmp://a.example:${port}`, { lookup: async () => [address('127.0.0.2'), address('127.0.0.3')] }),
  ).rejects.toMatchObject({ code: 'tcp_refused' });
});

it('connects from a local address, and says when that is none', async () => {
  const { port, sockets } = await silentServer();
  await open(`rtmp://127.0.0.1:${port}`, { localAddress: '127.0.0.9' });
  await expect.poll(() => sockets.map(({ remoteAddress }) => remoteAddress)).toEqual(['127.0.0.9']);
  await expect(open(`rtmp://127.0.0.1:${port}`, { localAddress: '192.0.2.1' })).rejects.toMatchObject({
    code: 'tcp_unreachable',
    detail: 'EADDRNOTAVAIL',
  });
});

it('does not try very many addresses', async () => {
  const lookup = async () => [...Array.from({ length: 40 }, (_, i) => address(`127.0.1.${i}`)), address('127.0.0.1')];
  const { port } = await silentServer();
  await expect(open(`rtmp://a.example:${port}`, { lookup })).rejects.toMatchObject({ code: 'tcp_refused' });
});

it('says that the name server or TLS does not answer', async () => {
  const { port, sockets } = await silentServer();
  await expect(
    open('rtmp://a.example', { lookup: () => new Promise(() => undefined) }, { dnsMs: 50 }),
  ).rejects.toMatchObject({ code: 'dns_failed', detail: 'the name server does not answer' });
  await expect(open(`rtmps://127.0.0.1:${port}`, {}, { tlsMs: 50 })).rejects.toMatchObject({
    code: 'tls_failed',
    detail: 'no answer in time',
  });
  await expect.poll(() => sockets.every(({ destroyed, readableEnded }) => destroyed || readableEnded)).toBe(true);
});

it('ends at once when it is aborted: at the name, at TCP, in TLS, before all', async () => {
  const { port, sockets } = await silentServer();
  const full = await fullServer();
  for (const [url, options] of [
    ['rtmp://a.example', { lookup: () => new Promise<never>(() => undefined) }],
    [`rtmp://127.0.0.1:${full}`, {}],
    [`rtmps://127.0.0.1:${port}`, {}],
  ] as const) {
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 20);
    const began = performance.now();
    await expect(open(url, options, {}, abort.signal)).rejects.toThrow(Aborted);
    expect(performance.now() - began).toBeLessThan(1000);
  }
  await expect(open(`rtmp://127.0.0.1:${port}`, {}, {}, AbortSignal.abort())).rejects.toThrow(Aborted);
  await expect.poll(() => sockets.every(({ destroyed, readableEnded }) => destroyed || readableEnded)).toBe(true);
});
