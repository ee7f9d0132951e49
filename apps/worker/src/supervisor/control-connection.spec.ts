import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ControlConnection } from './control-connection.js';

let dir: string;
let server: Server;
const sockets = new Set<Socket>();

beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'cc-'))));
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

/** A pipeline that does `greet` with each connection. Returns its path. */
async function listen(greet: (socket: Socket) => void): Promise<string> {
  const path = join(dir, 'p.sock');
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    socket.resume();
    greet(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
}

const SNAPSHOT = { pid: 7, claim: null, sessionId: null, input: 'waiting', transfers: [], problem: null };
const line = (event: string, body: object): string => `${JSON.stringify({ event, body })}\n`;

it.each<[string, (socket: Socket) => void, string]>([
  ['says no hello', () => undefined, 'did not say hello within 300 ms'],
  [
    'begins with something else',
    (socket) => socket.write(line('figures', { input: {}, transfers: {} })),
    'did not begin with hello',
  ],
  [
    'says a hello that is none',
    (socket) => socket.write(line('hello', { ...SNAPSHOT, transfers: null })),
    'closed the connection',
  ],
  ['hangs up', (socket) => socket.end(), 'closed the connection'],
  ['does not speak JSON', (socket) => socket.write('<html>\n'), 'closed the connection'],
  ['speaks in numbers', (socket) => socket.write('7\n'), 'closed the connection'],
])('hangs up on a pipeline that %s', async (_, greet, message) => {
  const path = await listen(greet);
  await expect(ControlConnection.open(path, 300)).rejects.toThrow(message);
  await expect.poll(() => sockets.size, { timeout: 10_000 }).toBe(0);
});

it('rejects when nobody listens', async () => {
  server = createServer();
  await expect(ControlConnection.open(join(dir, 'nobody.sock'), 300)).rejects.toMatchObject({ code: 'ENOENT' });
});

it.each(['{"re":\n', '{"event":"input"}\n', '{"event":"constructor","body":{}}\n'])(
  'ends the connection, and no more, when a pipeline writes %j',
  async (words) => {
    const path = await listen((socket) => socket.write(line('hello', SNAPSHOT)));
    const { connection, hello } = await ControlConnection.open(path, 5000);
    expect(hello).toEqual(SNAPSHOT);
    const closed = new Promise<void>((resolve) => connection.onClose(resolve));
    const call = connection.call('snapshot', {}, 5000);
    for (const socket of sockets) socket.write(words);
    await expect(call).rejects.toThrow('the pipeline is gone');
    await closed;
    expect(connection.isDistrusted).toBe(true);
  },
);
