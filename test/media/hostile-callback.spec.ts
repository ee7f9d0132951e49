import { afterAll, beforeAll, expect, it } from 'vitest';
import { publishTestStream, type TestPublisher } from '../../tools/lib/whip-publisher.ts';
import { type CallbackServer, HOSTILE, startCallbackServer } from '../support/callback-server.js';
import { type Customer, startCustomer } from '../support/customer.js';
import { missingPictures, pictures, probe, steps } from '../support/ffprobe.js';
import { startRtmpServer, type TestRtmpServer } from '../support/rtmp-server.js';
import { System } from '../support/system.js';

let system: System;
let platform: TestRtmpServer;
let customer: Customer;
/** By what they do. */
let hostile: Map<string, CallbackServer>;
let publishers: TestPublisher[] = [];

beforeAll(async () => {
  platform = await startRtmpServer({ record: true });
  customer = await startCustomer((name) => [`${platform.url}/${name}`]);
  hostile = new Map(
    await Promise.all(
      Object.entries(HOSTILE).map(async ([what, [reply]]) => {
        const server = await startCallbackServer();
        server.reply = reply;
        return [what, server] as const;
      }),
    ),
  );
  system = await System.start({ CALLBACK_TIMEOUT_MS: '3000' });
});
afterAll(async () => {
  await Promise.all(publishers.map((publisher) => publisher.close()));
  await system?.stop();
  await customer?.stop();
  await Promise.all([...(hostile?.values() ?? [])].map((server) => server.stop()));
  await platform?.stop();
});

/** Those that hold a place of the queue for as long as they may, and one that gives it back at once. */
const OF_ARRIVALS = ['never answers', 'drips', 'sends endless 1xx', 'does not speak HTTP'];
const small = { localAddress: '127.0.0.1', width: 320, height: 180, kbps: 150 };

interface Delivery {
  kind: string;
  outcome: string;
  streamId: string;
}

it("whatever customers' servers do, the media of running streams goes on without a gap, and others are asked and answered", async () => {
  const good = await system.entryPoint('good', { enabled: true, callbackUrl: customer.url });
  const running = await publishTestStream({
    url: good.whipUrl('running'),
    token: good.token,
    localAddress: '127.0.0.1',
    remember: true,
  });
  publishers.push(running);
  await system.transfersReach((await system.stream('running')).id, ['live']);
  // Publishers arrive at entry points whose servers never come to their senses: each asks through the queue, again and again.
  const victims = await Promise.all(
    OF_ARRIVALS.map(async (what, i) => {
      const { url } = hostile.get(what) as CallbackServer;
      const bad = await system.entryPoint(`bad${i}`, { enabled: true, callbackUrl: url });
      publishers.push(await publishTestStream({ url: bad.whipUrl(`victim${i}`), token: bad.token, ...small }));
      return {
        what,
        name: `victim${i}`,
        path: `/entry_points/bad${i}/callbacks`,
        code: (HOSTILE[what] as [unknown, string])[1],
      };
    }),
  );
  // And every kind of bad server at once, tried out by hand.
  const test = (callbackUrl: string) =>
    system.call<{ delivery: { outcome: string } }>('POST', '/entry_points/bad0/settings/transfer/test', {
      callbackUrl,
    });
  const codes = new Set(Object.values(HOSTILE).map(([, code]) => code));
  for (let round = 0; round < 2; round += 1) {
    const answers = await Promise.all([...hostile.values()].map(({ url }) => test(url)));
    for (const { status, body } of answers) expect([status, codes.has(body.delivery.outcome)]).toEqual([200, true]);
  }
  // Meanwhile the others, while one that never answers holds its place.
  await expect.poll(() => hostile.get('never answers')?.connections()).toBeGreaterThan(0);
  const next = await publishTestStream({ url: good.whipUrl('next'), token: good.token, ...small });
  publishers.push(next);
  await system.transfersReach((await system.stream('next')).id, ['live']);
  // Each victim was asked for by the queue, twice at least, with nothing but its own kind of failure, and is live all the same.
  for (const { what, name, path, code } of victims) {
    const { id } = await system.stream(name);
    const attempts = async (): Promise<Delivery[]> =>
      (await system.call<{ deliveries: Delivery[] }>('GET', path)).body.deliveries.filter(
        ({ streamId }) => streamId === id,
      );
    await expect
      .poll(async () => (await attempts()).length, { message: what, timeout: 15_000 })
      .toBeGreaterThanOrEqual(2);
    expect(new Set((await attempts()).map(({ kind, outcome }) => `${kind} ${outcome}`)), what).toEqual(
      new Set([`stream ${code}`]),
    );
    expect(
      hostile.get(what)?.requests.some(({ url }) => url.includes(`stream_name=${name}`)),
      what,
    ).toBe(true);
    expect(await system.stream(name), what).toMatchObject({
      state: 'live',
      callback: { state: 'retrying', reason: { code } },
    });
  }

  await running.stop();
  const sent = running.sent();
  await expect.poll(async () => (await platform.publishers()).map(({ name }) => name)).toEqual(['next']);
  const file = (await platform.recordings()).find((path) => path.includes('/running')) as string;
  expect(missingPictures(sent, await pictures(file))).toEqual([]);
  const { audio } = await probe(file, { seconds: 120 });
  expect(steps(audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
});
