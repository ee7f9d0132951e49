import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setDefaultHighWaterMark } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { selfSigned } from '../../../test/support/self-signed.js';
import { limitUnsent, tcpProgress } from './tcp.js';

const keys = selfSigned('x');

const LIMIT = 128 * 1024;
/** A peer that is paused has read as much as this: little, or its kernel would open its window wide. Node's own default was 16 KiB before version 22, and is 64 KiB since. */
setDefaultHighWaterMark(false, 16 * 1024);
const open: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()));
});

/** A connection to somebody who reads nothing until told to. */
async function pair(secure: boolean): Promise<{ socket: Socket; peer: Socket }> {
  const peers: Socket[] = [];
  const onPeer = (peer: Socket): void => void peers.push(peer.on('error', () => peer.destroy()).pause());
  const server = secure ? createTlsServer(keys, onPeer) : createServer(onPeer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const tcp = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const socket = secure ? connectTls({ socket: tcp, rejectUnauthorized: false }) : tcp;
  for (const each of [tcp, socket]) each.on('error', () => each.destroy());
  await new Promise<void>((resolve) => socket.once(secure ? 'secureConnect' : 'connect', () => resolve()));
  await expect.poll(() => peers.length).toBe(1);
  open.push(() => {
    socket.destroy();
    peers[0]?.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { socket, peer: peers[0] as Socket };
}

/** Writes until the socket's own queue is full and stays so. */
async function fill(socket: Socket): Promise<void> {
  for (let full = 0; full < 500; full += socket.writableLength > LIMIT ? 1 : 0) {
    if (socket.writableLength <= LIMIT) socket.write(Buffer.alloc(10_000));
    await turn();
  }
}

describe.each([
  ['TCP', false],
  ['TLS', true],
] as const)('a connection over %s', (_, secure) => {
  it('says what the other side takes, and what it does not', async () => {
    const { socket, peer } = await pair(secure);
    await fill(socket);
    const stuck = tcpProgress(socket);
    expect(stuck?.waiting).toBeGreaterThan(LIMIT);
    await turn();
    expect(tcpProgress(socket)?.acked).toBe(stuck?.acked);
    peer.resume();
    await expect.poll(() => tcpProgress(socket)?.waiting).toBe(0);
    expect(tcpProgress(socket)?.acked).toBeGreaterThanOrEqual((stuck?.acked ?? 0) + (stuck?.waiting ?? 0));
  });

  it('keeps little in the kernel when told to, and all arrives', async () => {
    const { socket, peer } = await pair(secure);
    expect(limitUnsent(socket, LIMIT)).toBe(true);
    await fill(socket);
    expect(tcpProgress(socket)?.waiting).toBeLessThan(3 * LIMIT);
    let arrived = 0;
    peer.on('data', (data: Buffer) => (arrived += data.length)).resume();
    await expect.poll(() => [socket.writableLength, arrived]).toEqual([0, socket.bytesWritten]);
  });

  it('knows nothing once it is closed', async () => {
    const { socket } = await pair(secure);
    socket.destroy();
    expect([tcpProgress(socket), limitUnsent(socket, LIMIT)]).toEqual([null, false]);
  });
});
