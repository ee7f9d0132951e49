import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MESSAGE } from '../../apps/pipeline/src/output/rtmp/chunks.js';
import { publishTestStream, type TestPublisher } from '../../tools/lib/whip-publisher.ts';
import { type Customer, startCustomer } from '../support/customer.js';
import { missingPictures, pictures, probe, steps } from '../support/ffprobe.js';
import { freePort } from '../support/ports.js';
import { startRtmpServer, type TestRtmpServer } from '../support/rtmp-server.js';
import { type ScriptedRtmpServer, startScriptedRtmpServer } from '../support/scripted-rtmp-server.js';
import { System } from '../support/system.js';

/** Accepts connections, reads what comes and never says a word. */
async function startBlackhole(): Promise<{ port: number; connections: () => number; stop: () => Promise<void> }> {
  const sockets = new Set<Socket>();
  let count = 0;
  const server: Server = createServer((socket) => {
    count += 1;
    sockets.add(socket.on('error', () => socket.destroy()));
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => count,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

const NAMES = ['one', 'two'];
/** A picture comes every 33 ms. Bad destinations cost seconds where they cost anything; a busy machine less than this. */
const LONGEST_WAIT_MS = 1000;
let system: System;
let platform: TestRtmpServer;
/** One for each stream: platforms that note when every frame came. */
let clocks: ScriptedRtmpServer[];
let blackhole: Awaited<ReturnType<typeof startBlackhole>>;
let customer: Customer;
let publishers: TestPublisher[] = [];

beforeAll(async () => {
  platform = await startRtmpServer({ record: true });
  blackhole = await startBlackhole();
  clocks = await Promise.all(NAMES.map(() => startScriptedRtmpServer()));
  const refusing = await freePort();
  const urls = (name: string) => [
    `${platform.url}/${name}`,
    ...[refusing, blackhole.port, clocks[NAMES.indexOf(name)]?.port].map(
      (port) => `rtmp://127.0.0.1:${port}/live/${name}`,
    ),
  ];
  customer = await startCustomer(urls);
  system = await System.shared();
});

afterAll(async () => {
  await Promise.all(publishers.map((publisher) => publisher.close()));
  await system?.stop();
  await customer?.stop();
  await blackhole?.stop();
  await platform?.stop();
  await Promise.all((clocks ?? []).map((clock) => clock.stop()));
});

it('forwards two streams undisturbed while one destination of each refuses and another never answers', async () => {
  const { whipUrl, token } = await system.entryPoint('isolation', { enabled: true, callbackUrl: customer.url });
  publishers = await Promise.all(
    NAMES.map((name) => publishTestStream({ url: whipUrl(name), token, localAddress: '127.0.0.1', remember: true })),
  );
  const streams = await Promise.all(NAMES.map((name) => system.stream(name)));

  // Long enough for the blackhole's deadline to pass and for retries of both bad destinations.
  const retried = async () => {
    const all = await Promise.all(streams.map(({ id }) => system.transfers(id)));
    return all.every(([, refused, silent]) => (refused?.attempts ?? 0) >= 3 && (silent?.attempts ?? 0) >= 2);
  };
  await expect.poll(retried, { timeout: 20_000, interval: 200 }).toBe(true);

  for (const { id } of streams) {
    const [good, refused, silent, clock] = await system.transfers(id);
    for (const healthy of [good, clock])
      expect(healthy).toMatchObject({
        state: 'live',
        reason: null,
        attempts: 1,
        figures: { droppedFrames: 0, reconnects: 0 },
      });
    expect(refused).toMatchObject({
      state: 'reconnecting',
      reason: { code: 'tcp_refused', blame: 'platform', retryable: true },
    });
    expect(silent).toMatchObject({ state: 'reconnecting', reason: { code: 'handshake_failed' } });
  }
  expect(blackhole.connections()).toBeGreaterThanOrEqual(4);
  for (const { media, arrivals } of clocks) {
    const pictures = arrivals.filter((_, i) => media[i]?.type === MESSAGE.video);
    expect(pictures.length).toBeGreaterThan(150);
    expect(Math.max(...pictures.slice(1).map((at, i) => at - (pictures[i] as number)))).toBeLessThan(LONGEST_WAIT_MS);
  }

  await Promise.all(publishers.map((publisher) => publisher.stop()));
  const sent = publishers.map((publisher) => publisher.sent());
  publishers = [];
  await expect.poll(() => platform.publishers()).toEqual([]);
  for (const [i, name] of NAMES.entries()) {
    const file = (await platform.recordings()).find((path) => path.includes(`/${name}`)) as string;
    const { video, audio } = await probe(file, { seconds: 120 });
    expect(video.length).toBeGreaterThan(150);
    expect(video[0]?.isKey).toBe(true);
    expect(steps(video).smallest).toBeGreaterThan(0);
    expect(steps(audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
    // Every picture that was sent, from the first to the last.
    expect(missingPictures(sent[i] ?? [], await pictures(file))).toEqual([]);
  }
});
