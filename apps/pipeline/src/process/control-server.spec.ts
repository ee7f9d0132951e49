import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlConnection } from '../../../worker/src/supervisor/control-connection.js';
import { ControlServer } from './control-server.js';
import type { Snapshot } from '#libs/protocol';

const SNAPSHOT: Snapshot = { pid: 7, claim: null, sessionId: null, input: 'waiting', transfers: [], problem: null };
let dir: string;
let path: string;
let server: ControlServer;
let workers: boolean[];
const uncaught: unknown[] = [];
const note = (error: unknown): void => void uncaught.push(error);

beforeEach(async () => {
  process.on('uncaughtException', note).on('unhandledRejection', note);
  dir = mkdtempSync(join(tmpdir(), 'mc-control-'));
  path = join(dir, 'p.sock');
  const seen: boolean[] = [];
  workers = seen;
  const slowly = async (): Promise<never> =>
    new Promise((resolve) => setTimeout(() => resolve({ jpeg: 'x'.repeat(2 ** 20) } as never), 20));
  server = new ControlServer(
    path,
    (op) => (op === 'thumbnail' ? slowly() : (SNAPSHOT as never)),
    () => SNAPSHOT,
    (connected) => seen.push(connected),
  );
  await server.listen();
});
afterEach(async () => {
  await server.close();
  rmSync(dir, { recursive: true });
  process.off('uncaughtException', note).off('unhandledRejection', note);
  const faults = uncaught.splice(0);
  if (faults.length > 0) throw new AggregateError(faults, 'nobody caught these');
});

const dial = async (): Promise<Socket> => {
  const socket = connect(path);
  await once(socket, 'connect');
  return socket.on('error', () => undefined);
};
const answer = async (): Promise<unknown> => {
  const { connection } = await ControlConnection.open(path, 2000);
  const snapshot = await connection.call('snapshot', {}, 2000);
  connection.close();
  return snapshot;
};

describe('the control socket', () => {
  it('answers a worker that came before it was open, and only the last of several', async () => {
    const first = await dial();
    const second = ControlConnection.open(path, 2000);
    await once(first.resume(), 'close');
    server.open();
    const { connection, hello } = await second;
    expect(hello.pid).toBe(7);
    connection.close();
    await expect.poll(() => workers).toEqual([true, false]);
  });

  it('survives a worker that was gone before it was open', async () => {
    (await dial()).destroy();
    server.open();
    expect(await answer()).toEqual(SNAPSHOT);
  });

  it.each([
    ['at once', (socket: Socket) => socket.destroy()],
    ['in the middle of a command', (socket: Socket) => socket.write('{"id":1,', () => socket.destroy())],
    [
      'before the answer to its command',
      (socket: Socket) => socket.write('{"id":1,"op":"thumbnail","body":{}}\n', () => socket.destroy()),
    ],
    [
      'in the middle of a long answer',
      (socket: Socket) =>
        socket.once('data', () =>
          socket.write('{"id":1,"op":"thumbnail","body":{}}\n', () => setTimeout(() => socket.destroy(), 25)),
        ),
    ],
    [
      'after a command that is none',
      (socket: Socket) => socket.write('{"id":1,"op":"nothing"}\n', () => socket.destroy()),
    ],
  ])('survives a worker that goes away %s', async (_, action) => {
    server.open();
    action(await dial());
    await expect.poll(() => workers).toEqual([true, false]);
    expect(await answer()).toEqual(SNAPSHOT);
  });

  it.each([
    ['no JSON', 'hello\n'],
    ['no command', '7\n'],
    ['nothing', 'null\n'],
    ['a command without an id', '{"op":"snapshot"}\n'],
    ['an endless line', 'x'.repeat(2 ** 20 + 1)],
  ])('hangs up on what sends %s', async (_, text) => {
    server.open();
    const socket = await dial();
    socket.write(text);
    await once(socket.resume(), 'close');
    expect(await answer()).toEqual(SNAPSHOT);
  });

  it('ends in time though the worker does not read', async () => {
    server.open();
    const socket = await dial();
    for (let i = 0; i < 64; i += 1) server.send('log', { level: 'info', message: 'x'.repeat(2 ** 16) });
    const began = performance.now();
    await server.close();
    expect(performance.now() - began).toBeLessThan(2500);
    socket.destroy();
  });
});
