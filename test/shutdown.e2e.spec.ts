// API and worker, told to end while what they stand on is away or frozen: processes of their own, with a Redis of their own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startRedis } from '../tools/lib/redis.ts';
import { freeze } from './support/freeze.js';
import { System } from './support/system.js';

/** After which Docker kills; and a busy machine needs a moment to see the end. */
const TOLERATED_MS = 10_000;

let dir: string;
let redis: Awaited<ReturnType<typeof startRedis>>;
let system: System;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'mcr-'));
  redis = await startRedis({ dir, durable: false });
  system = await System.start({ REDIS_URL: redis.url });
}, 60_000);
afterEach(async () => {
  await system?.stop();
  await redis?.stop();
  await rm(dir, { recursive: true, force: true });
}, 60_000);

/** Both at once: how long each took. */
async function msToEnd(): Promise<number[]> {
  const started = performance.now();
  const end = (name: 'api' | 'worker') => system.end(name, 'SIGTERM').then(() => performance.now() - started);
  return Promise.all([end('api'), end('worker')]);
}

it('API and worker end in time while Redis is away', async () => {
  await redis.stop();
  expect(Math.max(...(await msToEnd()))).toBeLessThan(TOLERATED_MS);
}, 60_000);

it('API and worker end in time while Redis is frozen', async () => {
  const thaw = freeze(redis.pid);
  try {
    expect(Math.max(...(await msToEnd()))).toBeLessThan(TOLERATED_MS);
  } finally {
    thaw();
  }
}, 60_000);
