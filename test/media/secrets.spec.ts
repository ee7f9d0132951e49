// A key that a customer entrusts to us is nowhere to be found in clear: not in the database, in Redis, in logs, in metrics, in
// command lines, in what the API answers.
import { Redis } from 'ioredis';
import { readdir, readFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { publishTestStream, type TestPublisher } from '../../tools/lib/whip-publisher.ts';
import { type Customer, startCustomer } from '../support/customer.js';
import { freePort } from '../support/ports.js';
import { startRtmpServer, type TestRtmpServer } from '../support/rtmp-server.js';
import { System } from '../support/system.js';

const CANARY = 'CANARY5ecret';
const METRICS_TOKEN = 'prometheus-may-read-this';
let system: System;
let platform: TestRtmpServer;
let customer: Customer;
let publisher: TestPublisher;
let redis: Redis;
/** Everything that any client of the run's Redis said. */
const overRedis: string[] = [];

beforeAll(async () => {
  platform = await startRtmpServer();
  const refusing = await freePort();
  customer = await startCustomer(() => [
    `${platform.url}/${CANARY}-live?token=${CANARY}`,
    `rtmp://user:${CANARY}@127.0.0.1:${refusing}/app/${CANARY}-refused`,
    `rtmps://host.invalid/app/${CANARY}`,
    `nonsense://${CANARY}`,
  ]);
  system = await System.start({ METRICS_TOKEN, LOG_LEVEL: 'trace', GST_DEBUG: '3' });
  redis = new Redis(system.env.REDIS_URL as string);
  const monitor = await redis.monitor();
  monitor.on('monitor', (_time: string, args: string[]) => overRedis.push(args.join(' ')));
  return () => monitor.disconnect();
});
afterAll(async () => {
  await publisher?.close();
  redis?.disconnect();
  await system?.stop();
  await customer?.stop();
  await platform?.stop();
});

async function database(): Promise<string> {
  const client = new pg.Client({ connectionString: system.env.DATABASE_URL });
  await client.connect();
  const { rows: tables } = await client.query<{ name: string }>(
    "SELECT quote_ident(table_name) AS name FROM information_schema.tables WHERE table_schema = 'public'",
  );
  const texts = [];
  for (const { name } of tables)
    texts.push(
      ...(await client.query<{ row: string }>(`SELECT t::text AS row FROM ${name} AS t`)).rows.map(({ row }) => row),
    );
  await client.end();
  return texts.join('\n');
}

/** Command lines of everything that runs; ours are among them. */
async function commandLines(): Promise<string> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return (await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => ''))))
    .join('\n')
    .replaceAll('\0', ' ');
}

it('keeps keys, credentials and tokens of destinations to itself', async () => {
  const { whipUrl, token } = await system.entryPoint('secrets', {
    enabled: true,
    callbackUrl: `${customer.url}&key=${CANARY}`,
  });
  publisher = await publishTestStream({ url: whipUrl('s'), token, localAddress: '127.0.0.1' });
  const { id } = await system.stream('s');
  await expect
    .poll(async () => (await system.transfers(id)).map(({ state }) => state), { timeout: 10_000 })
    .toEqual(['live', 'reconnecting', 'reconnecting']);
  const added = await system.addTransfer(id, { url: `${platform.url}/${CANARY}-added` });
  await system.transferReaches(id, added.id, 'live');
  await system.changeTransfer(id, added.id, { url: `${platform.url}/${CANARY}-changed` });
  await system.request('POST', `/v1/projects/${system.appid}/fls/entry_points/secrets/settings/transfer/test`, {
    probe: true,
  });
  await system.request('PATCH', `/v1/projects/${system.appid}`, { authKey: `${CANARY}-auth-key` });

  const answers = [];
  for (const path of [
    '/streams',
    `/streams/${id}`,
    `/streams/${id}/transfers`,
    '/events',
    '/entry_points/secrets/callbacks',
    '/entry_points',
  ]) {
    answers.push(JSON.stringify((await system.call('GET', path)).body));
  }
  const metrics = await (
    await fetch(`${system.apiUrl}/metrics`, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } })
  ).text();
  const keys = await redis.keys(`${system.env.REDIS_PREFIX}*`);
  const kept = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
  const places: Record<string, string> = {
    // The customer's own callbackUrl is shown to the customer.
    'the answers of the API': answers.join('\n').replaceAll(`&key=${CANARY}"`, ''),
    'the database': (await database()).replaceAll(`&key=${CANARY}`, ''),
    Redis: kept.map((value) => value?.toString('latin1')).join('\n'),
    'messages over Redis': overRedis
      .filter((command) => command.includes(system.env.REDIS_PREFIX as string))
      .join('\n'),
    'the logs of API and worker': system.log,
    'the logs of the pipelines': await system.pipelineLogs(),
    'command lines': await commandLines(),
    metrics,
  };
  for (const [place, text] of Object.entries(places)) {
    expect(text.length, place).toBeGreaterThan(0);
    const at = text.indexOf(CANARY);
    expect(at === -1 ? null : text.slice(Math.max(0, at - 200), at + 50), place).toBeNull();
  }
  // It did get to where it belongs.
  expect((await platform.publishers()).map(({ name }) => name)).toContain(`${CANARY}-live`);
});
