import { connect, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A platform that reads slower than it is sent to: a relay whose upstream direction is throttled. */
export interface SlowProxy {
  port: number;
  /** Bytes per second from the publisher; 0 reads nothing at all, Infinity as fast as it comes. */
  rate: number;
  stop(): Promise<void>;
}

export async function startSlowProxy(port: number, rate: number): Promise<SlowProxy> {
  const sockets = new Set<Socket>();
  const proxy: SlowProxy = { port: 0, rate, stop: async () => undefined };
  const server = createServer({ highWaterMark: 16_384 }, (client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const)
      sockets.add(socket.on('error', () => other.destroy()).on('close', () => other.destroy()));
    upstream.pipe(client);
    const pass = async (data: Buffer): Promise<void> => {
      client.pause();
      upstream.write(data);
      if (proxy.rate !== Infinity) {
        const started = performance.now();
        // Looked at again and again: the rate may change while we wait.
        while (
          !client.destroyed &&
          (proxy.rate === 0 || performance.now() - started < (data.length / proxy.rate) * 1000)
        )
          await sleep(10);
      }
      client.resume();
    };
    client.on('data', (data: Buffer) => {
      pass(data).catch(() => client.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  proxy.port = (server.address() as AddressInfo).port;
  proxy.stop = () =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    });
  return proxy;
}
