import { afterAll, beforeAll, expect, it } from 'vitest';
import { publishTestStream, type TestPublisher } from '../../scripts/lib/whip-publisher.mjs';
import { type CallbackServer, HOSTILE, startCallbackServer } from '../support/callback-server.js';
import { type Customer, startCustomer } from '../support/customer.js';
import { missingPictures, pictures, probe, steps } from '../support/ffprobe.js';
import { startRtmpServer, type TestRtmpServer } from '../support/rtmp-server.js';
import { System } from '../support/system.js';

let system: System;
let platform: TestRtmpServer;
let customer: Customer;
let hostile: CallbackServer[];
let publishers: TestPublisher[] = [];

beforeAll(async () => {
  platform = await startRtmpServer({ record: true });
  customer = await startCustomer((name) => [`${platform.url}/${name}`]);
  hostile = await Promise.all(
    Object.values(HOSTILE).map(async ([reply]) => {
      const server = await startCallbackServer();
      server.reply = reply;
      return server;
    }),
  );
  system = await System.start({ CALLBACK_TIMEOUT_MS: '3000' });
});
afterAll(async () => {
  await Promise.all(publishers.map((publisher) => publisher.close()));
  await system?.stop();
  await customer?.stop();
  await Promise.all((hostile ?? []).map((server) => server.stop()));
  await platform?.stop();
});

it('whatever customers\' servers do, the media of running streams goes on without a gap, and others are asked and answered', async () => {
  const good = await system.entryPoint('good', { enabled: true, callbackUrl: customer.url });
  const bad = await system.entryPoint('bad', { enabled: true, callbackUrl: hostile.at(-1)?.url });
  const running = await publishTestStream({ url: good.whipUrl('running'), token: good.token, localAddress: '127.0.0.1', remember: true });
  publishers.push(running);
  await system.transfersReach((await system.stream('running')).id, ['live']);
  // A stream of its own whose server never comes to its senses, and every kind of bad server at once, again and again.
  publishers.push(await publishTestStream({ url: bad.whipUrl('victim'), token: bad.token, localAddress: '127.0.0.1', width: 320, height: 180, kbps: 200 }));
  const test = (callbackUrl: string) => system.call<{ delivery: { outcome: string } }>('POST', '/entry_points/bad/settings/transfer/test', { callbackUrl });
  const codes = new Set(Object.values(HOSTILE).map(([, code]) => code));
  for (let round = 0; round < 2; round += 1) {
    const answers = await Promise.all(hostile.map(({ url }) => test(url)));
    for (const { status, body } of answers) expect([status, codes.has(body.delivery.outcome)]).toEqual([200, true]);
  }
  // Meanwhile the others.
  const next = await publishTestStream({ url: good.whipUrl('next'), token: good.token, localAddress: '127.0.0.1', width: 320, height: 180, kbps: 200 });
  publishers.push(next);
  await system.transfersReach((await system.stream('next')).id, ['live']);
  expect(await system.stream('victim')).toMatchObject({ state: 'live', callback: { state: 'retrying' } });

  await running.stop();
  const sent = running.sent();
  await expect.poll(async () => (await platform.publishers()).map(({ name }) => name)).toEqual(['next']);
  const file = (await platform.recordings()).find((path) => path.includes('/running')) as string;
  expect(missingPictures(sent, await pictures(file))).toEqual([]);
  const { audio } = await probe(file, { seconds: 120 });
  expect(steps(audio)).toSatisfy(({ smallest, largest }) => smallest > 0 && largest <= 25);
});
