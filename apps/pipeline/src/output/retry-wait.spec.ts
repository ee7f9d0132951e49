import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { AllowList } from '#libs/net';
import { TransferUrl } from '#libs/transfer';
import { isPortOpen } from './rtmp/open-socket.js';
import { portProbeDelayMs } from './retry-wait.js';

describe('portProbeDelayMs', () => {
  it.each([
    [0, 0, 500],
    [0, 1, 1000],
    [59_999, 1, 1000],
    [60_000, 1, 4000],
    [3_599_999, 0, 2000],
    [3_600_000, 0, null],
  ])('after %i ms, by chance %d: %s', (downForMs, random, pause) => {
    expect(portProbeDelayMs(downForMs, random)).toBe(pause);
  });
});

describe('isPortOpen', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  const { signal } = new AbortController();
  const ask = (port: number, allowed: string) =>
    isPortOpen(
      TransferUrl.parse(`rtmp://127.0.0.1:${port}/live/key`).target,
      { allowList: AllowList.parse(allowed) },
      signal,
    );

  it('tells a port that accepts connections, and holds none; by the rules for addresses', async () => {
    let [connections, bytes, ends] = [0, 0, 0];
    const server = createServer((socket) => {
      connections += 1;
      socket
        .on('error', () => undefined)
        .on('data', (data) => (bytes += data.length))
        .on('close', () => (ends += 1));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect(await ask(port, '127.0.0.1')).toBe(true);
    await expect.poll(() => [connections, bytes, ends]).toEqual([1, 0, 1]);
    expect(await ask(port, '')).toBe(false);
    expect(connections).toBe(1);
    await new Promise((resolve) => server.close(resolve));
    expect(await ask(port, '127.0.0.1')).toBe(false);
  });
});
