// A customer whose arrivals wait for a lock takes none of the connections that everybody shares.
import { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';
import { offer } from './support/sdp.js';

/** More than Prisma has connections. */
const PUBLISHERS = 40;
let api: TestApp;
let node: ScriptedNode;
let alice: TestCustomer;
let bob: TestCustomer;
let token: string;

beforeAll(async () => {
  api = await startApp();
  [alice, bob] = await Promise.all([api.customer(), api.customer()]);
  node = await startScriptedNode(api, { slots: 1000 });
  ({ token } = (await alice.call('POST', `/v1/projects/${alice.appid}/fls/entry_points/live/publish_tokens`)).body as {
    token: string;
  });
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
});

it('while the lock of a customer is held, others are answered, and its own publishers as soon as it is let go', async () => {
  const publish = (i: number) =>
    api.anonymous('POST', `/whip/${alice.appid}/live/s${i}`, offer(), {
      'content-type': 'application/sdp',
      authorization: `Bearer ${token}`,
    });
  const locker = new Client({ connectionString: process.env.DATABASE_URL });
  await locker.connect();
  try {
    await locker.query('BEGIN');
    await locker.query('SELECT 1 FROM customers WHERE id = $1 FOR NO KEY UPDATE', [alice.id]);
    const arrivals = Promise.allSettled(Array.from({ length: PUBLISHERS }, (_, i) => publish(i)));
    const waiting = async (): Promise<number> => {
      const { rows } = await locker.query<{ count: number }>(
        "SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      );
      return rows[0]?.count ?? 0;
    };
    await expect.poll(waiting, { timeout: 10_000 }).toBeGreaterThan(0);
    // It goes by Prisma.
    const other = await bob.call('GET', `/v1/projects/${bob.appid}`);
    expect(other.status).toBe(200);
    // Of ten connections.
    expect(await waiting()).toBeLessThan(5);
    await locker.query('ROLLBACK');
    const answers = (await arrivals).map((answer) =>
      answer.status === 'fulfilled' ? answer.value.status : answer.reason,
    );
    expect(answers).toEqual(answers.map(() => 201));
  } finally {
    await locker.end();
  }
});
