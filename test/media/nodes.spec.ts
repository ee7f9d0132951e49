// Two nodes, one of which goes away: how soon its publishers are at their platforms again, over the other.
import type { Browser, Page } from 'playwright-core';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { publishTestStream } from '../../tools/lib/whip-publisher.ts';
import { launchChromium, type PageServer } from '../support/chromium.js';
import { type Customer, startCustomer } from '../support/customer.js';
import { inPage, servePublisherPages } from '../support/publisher-page.js';
import { startRtmpServer, type TestRtmpServer } from '../support/rtmp-server.js';
import { System } from '../support/system.js';

/** What is aimed at is in each test's name; a machine that is slow or busy takes longer. */
const DEADLINE_MS = 40_000;

let system: System;
let platform: TestRtmpServer;
let customer: Customer;
let browser: Browser;
let pages: PageServer;
let live: { whipUrl: (name: string) => string; token: string };
let page: Page;

beforeAll(async () => {
  platform = await startRtmpServer();
  customer = await startCustomer((name) => [`${platform.url}/${name}`]);
  pages = await servePublisherPages();
  browser = await launchChromium(['--allow-loopback-in-peer-connection']);
});
beforeEach(async () => {
  system = await System.start();
  live = await system.entryPoint('nodes', { enabled: true, callbackUrl: customer.url });
});
afterEach(async () => {
  await page?.close();
  await system?.stop();
});
afterAll(async () => {
  await browser?.close();
  await pages?.stop();
  await customer?.stop();
  await platform?.stop();
});

async function publishFromPage(name: string): Promise<string> {
  page = await browser.newPage();
  await page.goto(`${pages.url}/`);
  await inPage(
    page,
    `begin(${JSON.stringify({ whipUrl: live.whipUrl('{stream_name}'), token: live.token })}, ${JSON.stringify({ name, constraints: { video: { width: 320, height: 240 }, audio: true } })})`,
  );
  return isLive(name);
}

const publishPlainly = (name: string) =>
  publishTestStream({
    url: live.whipUrl(name),
    token: live.token,
    localAddress: '127.0.0.1',
    width: 320,
    height: 180,
    kbps: 300,
  });

/** Resolves with the id of the stream that has media at the platform, another one than `before`. */
async function isLive(name: string, before?: string): Promise<string> {
  let id = '';
  await expect
    .poll(
      async () => {
        const stream = await system.stream(name).catch(() => null);
        if (stream === null || stream.id === before) return [];
        id = stream.id;
        return (await system.transfers(id)).map(({ state }) => state);
      },
      { timeout: DEADLINE_MS, interval: 100 },
    )
    .toEqual(['live']);
  return id;
}

/** A client that knows nothing of sessions: it posts its offer again, each second, until it is taken. */
async function publishAgain(name: string): Promise<{ stop(): Promise<number> }> {
  let publisher: { stop(): Promise<number> } | null = null;
  await expect
    .poll(
      async () => {
        publisher = await publishPlainly(name).catch(() => null);
        return publisher !== null;
      },
      { timeout: DEADLINE_MS, interval: 1000 },
    )
    .toBe(true);
  return publisher as unknown as { stop(): Promise<number> };
}

it('brings publishers of a machine that is lost back over another one (aim: 10 s)', async () => {
  const plain = await publishPlainly('plain');
  const [before, pageBefore] = [await isLive('plain'), await publishFromPage('page')];
  system.spawn('worker-2');
  await system.nodesReach(2);
  const lostAt = performance.now();
  await system.loseNode('worker');
  await plain.close();
  const took = async (back: Promise<unknown>): Promise<number> => back.then(() => performance.now() - lostAt);
  const again = publishAgain('plain');
  const times = await Promise.all([took(again.then(() => isLive('plain', before))), took(isLive('page', pageBefore))]);
  console.log(`back after ${times.map((ms) => (ms / 1000).toFixed(1)).join(' s (WHIP client), ')} s (library)`);
  for (const id of [before, pageBefore])
    expect((await system.call('GET', `/streams/${id}`)).body).toMatchObject({
      state: 'ended',
      reason: { code: 'node_lost' },
    });
  await (await again).stop();
}, 120_000);

it('brings publishers of a worker that is told to end over to another one (aim: 2 s with the library)', async () => {
  const before = await publishFromPage('page');
  system.spawn('worker-2');
  await system.nodesReach(2);
  const ended = system.end('worker', 'SIGTERM');
  await expect
    .poll(() => inPage<string[]>(page, 'events'), { timeout: DEADLINE_MS, interval: 20 })
    .toContain('RECONNECTING the server closed the connection');
  const toldAt = performance.now();
  await isLive('page', before);
  console.log(`back after ${((performance.now() - toldAt) / 1000).toFixed(1)} s`);
  await ended;
  expect((await system.call('GET', `/streams/${before}`)).body).toMatchObject({
    state: 'ended',
    reason: { code: 'service_shutdown' },
  });
  // The platform never refused it.
  expect((await system.transfers((await system.stream('page')).id))[0]).toMatchObject({ state: 'live', attempts: 1 });
}, 120_000);

it('lets streams of a worker that drains end by themselves, and begins none there', async () => {
  await system.stop();
  system = await System.start({ DRAIN_MS: '60000' });
  live = await system.entryPoint('nodes', { enabled: true, callbackUrl: customer.url });
  const last = await publishPlainly('last');
  const id = await isLive('last');
  system.spawn('worker-2');
  await system.nodesReach(2);
  const ended = system.end('worker', 'SIGTERM');
  await system.nodesReach(1);
  const next = await publishPlainly('next');
  await isLive('next');
  // Longer than a lease, which it goes on to renew.
  await sleep(7000);
  expect(await system.stream('last')).toMatchObject({ id, state: 'live' });
  await last.stop();
  await ended;
  expect(await system.stream('last')).toMatchObject({ id, state: 'ended', reason: { code: 'publisher_left' } });
  expect((await system.stream('next')).state).toBe('live');
  await next.stop();
}, 120_000);
