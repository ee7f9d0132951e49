// Postgres hangs and comes back: API and worker as processes of their own, on a Postgres of their own.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { migrate, migrationsDirectory } from '../libs/db/src/migrate.js';
import { startPostgres } from '../tools/lib/postgres.ts';
import { freeze } from './support/freeze.js';
import { offer } from './support/sdp.js';
import { System } from './support/system.js';

/** Longer than every deadline of a statement and a connection, several times. */
const FROZEN_MS = 15_000;
const HEALED_MS = 5000;

let dir: string;
let postgres: Awaited<ReturnType<typeof startPostgres>>;
let system: System;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'mcp-'));
  postgres = await startPostgres({ dir, database: 'manycast', durable: false });
  await migrate(postgres.url, migrationsDirectory());
  system = await System.start({ DATABASE_URL: postgres.url });
}, 120_000);
afterAll(async () => {
  await system?.stop();
  await postgres?.stop();
  if (dir) await rm(dir, { recursive: true, force: true });
}, 60_000);

it('a Postgres that hung serves requests and publishers again within 5 s', async () => {
  const { whipUrl, token } = await system.entryPoint('live2');
  let names = 0;
  /** Past the database, on both sides: claimed by the worker, and answered or not understood by its pipeline. */
  const publish = async (name = `s${(names += 1)}`): Promise<number> =>
    (
      await fetch(whipUrl(name), {
        method: 'POST',
        body: offer(),
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/sdp' },
      })
    ).status;
  const change = async (): Promise<number> =>
    (await system.call('PATCH', '/entry_points/live2/settings/transfer', { enabled: false })).status;
  const ready = async (): Promise<number> => (await fetch(`${system.apiUrl}/readyz`)).status;
  const usual = await publish();
  expect([201, 422]).toContain(usual);

  const thaw = freeze(postgres.pid);
  try {
    const until = performance.now() + FROZEN_MS;
    // Requests go on coming: their connections hang, all of the pool.
    while (performance.now() < until)
      expect(
        (await Promise.all([change(), change(), change(), publish(), publish('again'), ready()])).filter(
          (status) => status !== 503,
        ),
      ).toEqual([]);
  } finally {
    thaw();
  }
  const thawed = performance.now();
  await expect.poll(async () => [await change(), await ready()], { timeout: 60_000, interval: 50 }).toEqual([200, 200]);
  await expect.poll(() => publish(), { timeout: 60_000, interval: 50 }).toBe(usual);
  // Nothing of the tries before keeps its name.
  await expect.poll(() => publish('again'), { timeout: 60_000, interval: 50 }).toBe(usual);
  expect(performance.now() - thawed).toBeLessThan(HEALED_MS);
}, 180_000);
