// What the API reads of tables that have grown: each query of it, as it is sent, explained and run by Postgres.
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { Sweeper } from '../apps/api/src/streams/sweeper/sweeper.js';
import { readCallbackStream } from '../apps/api/src/callback/callback-stream.js';
import { CallbackSecrets } from '../apps/api/src/callback/callback-secrets.js';
import { Housekeeping } from '../apps/api/src/retention/housekeeping.js';
import { HotSql } from '../libs/db/src/index.js';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { offer } from './support/sdp.js';

const HISTORY = 20_000;
let api: TestApp;
let alice: TestCustomer;
let operator: TestCustomer;
let entryPointId: string;

beforeAll(async () => {
  api = await startApp();
  [alice, operator] = await Promise.all([api.customer(), api.customer('operator')]);
  ({ id: entryPointId } = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: alice.appid } }));
  const fill = new Client({ connectionString: process.env.DATABASE_URL });
  await fill.connect();
  await fill.query(
    `INSERT INTO streams (id, project_id, entry_point_id, name, state, owner_node, created_at, ended_at)
     SELECT ('01900000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, $1, $2, 's' || i, 'ended', 'node-1', now() - interval '1 day', now() - interval '1 day' FROM generate_series(1, ${HISTORY}) AS i`,
    [alice.appid, entryPointId],
  );
  await fill.query(
    `INSERT INTO projects (id, customer_id, name, signing_key, created_at)
     SELECT lpad(to_hex(i), 32, '0'), $1, 'p', 'v1.k1.', now() - i * interval '1 minute' FROM generate_series(1, ${HISTORY}) AS i`,
    [operator.id],
  );
  await fill.query(
    `INSERT INTO credentials (id, customer_id, secret, expires_at, revoked_at)
     SELECT gen_random_uuid(), $1, 'v1.k1.', now() - interval '1 minute', CASE WHEN i % 2 = 0 THEN now() END FROM generate_series(1, ${HISTORY}) AS i`,
    [alice.id],
  );
  await fill.query(
    `INSERT INTO callback_secrets (id, entry_point_id, secret, expires_at)
     SELECT gen_random_uuid(), $1, 'v1.k1.', now() - interval '1 minute' FROM generate_series(1, ${HISTORY}) AS i`,
    [entryPointId],
  );
  await fill.query('VACUUM ANALYZE');
  await fill.end();
}, 60_000);
afterAll(() => api?.stop());
afterEach(() => vi.restoreAllMocks());

interface Plan {
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: Plan[];
}
const rowsOf = ({
  'Actual Rows': rows,
  'Actual Loops': loops,
  'Rows Removed by Filter': removed = 0,
  Plans = [],
}: Plan): number => Math.max((rows + removed) * loops, ...Plans.map(rowsOf));

/** The most rows that any step of any SELECT or DELETE of `work` looked at, with that query. */
async function mostRows(work: () => Promise<unknown>): Promise<{ rows: number; sql: string }> {
  const sent: { text: string; values: unknown[] }[] = [];
  // oxlint-disable-next-line typescript/unbound-method -- it is applied to the client that is watched
  const query = Client.prototype.query;
  const watch = vi.spyOn(Client.prototype, 'query').mockImplementation(function (this: Client, ...args: unknown[]) {
    const [first] = args as [{ text?: string; values?: unknown[] }];
    if (/^\s*(SELECT|DELETE)/i.test(first.text ?? ''))
      sent.push({ text: first.text as string, values: first.values ?? [] });
    return (query as (...given: unknown[]) => unknown).apply(this, args) as never;
  });
  await work();
  watch.mockRestore();
  const client = new Client({ connectionString: process.env.DATABASE_URL });
  await client.connect();
  let most = { rows: 0, sql: '' };
  for (const { text, values } of sent) {
    const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
      `EXPLAIN (ANALYZE, FORMAT JSON) ${text}`,
      values,
    );
    const read = rowsOf((rows[0] as { 'QUERY PLAN': [{ Plan: Plan }] })['QUERY PLAN'][0].Plan);
    if (read > most.rows) most = { rows: read, sql: text };
  }
  await client.end();
  expect(sent.length).toBeGreaterThan(0);
  return most;
}

/** One of the history's. */
const ENDED_STREAM = '01900000-0000-7000-8000-000000000001';

/** Gets as far as to be told that no node is there. */
async function arrive(): Promise<void> {
  const { token } = (await alice.call('POST', fls('entry_points/live/publish_tokens'))).body as { token: string };
  const headers = { 'content-type': 'application/sdp', authorization: `Bearer ${token}` };
  const answer = await api.anonymous('POST', `/whip/${alice.appid}/live/show`, offer(), headers);
  expect(answer.status).toBe(503);
}

const fls = (path: string) => `/v1/projects/${alice.appid}/fls/${path}`;
it.each<[what: string, work: () => Promise<unknown>]>([
  ['streams that are live', () => alice.call('GET', fls('streams?state=live'))],
  ['streams that have ended', () => alice.call('GET', fls('streams?state=ended'))],
  ['streams of an entry point', () => alice.call('GET', fls('streams?entry_point=live'))],
  ['streams of another entry point', () => alice.call('GET', fls('streams?entry_point=other&state=live'))],
  ['live streams of all projects', () => operator.call('GET', '/v1/streams?state=live')],
  ['projects of all customers', () => operator.call('GET', '/v1/projects?limit=50')],
  [
    'more projects of all customers',
    () => operator.call('GET', `/v1/projects?limit=50&cursor=${Date.now() - 86_400_000}.${'0'.repeat(32)}`),
  ],
  ['usage of a customer', () => alice.call('GET', '/v1/me')],
  ['a round of the sweeper', () => api.app.get(Sweeper).sweep()],
  ['the housekeeping, when nothing is old', () => api.app.get(Housekeeping).clean()],
  ['the secrets that sign a callback', () => api.app.get(CallbackSecrets).list(entryPointId)],
  ['the settings of an entry point', () => alice.call('GET', fls('entry_points/live/settings/transfer'))],
  ['where a publisher arrives', () => arrive()],
  ['what a callback asks about', () => readCallbackStream(api.app.get(HotSql), ENDED_STREAM)],
])('%s: no more rows are read than are needed', async (_, work) => {
  const { rows, sql } = await mostRows(work);
  expect(rows, sql).toBeLessThan(500);
});

it('secrets that were over long ago are gone', async () => {
  const clean = () => api.app.get(Housekeeping).clean();
  await clean();
  const [before, signing] = await Promise.all([
    api.prisma.credential.count({ where: { customerId: alice.id } }),
    api.prisma.callbackSecret.count({ where: { entryPointId } }),
  ]);
  expect([before, signing]).toEqual([HISTORY + 1, HISTORY]);
  await api.prisma
    .$executeRaw`UPDATE credentials SET expires_at = expires_at - interval '31 days', revoked_at = revoked_at - interval '31 days'`;
  await api.prisma.$executeRaw`UPDATE callback_secrets SET expires_at = expires_at - interval '31 days'`;
  await clean();
  expect([
    await api.prisma.credential.count({ where: { customerId: alice.id } }),
    await api.prisma.callbackSecret.count({ where: { entryPointId } }),
  ]).toEqual([1, 0]);
  expect((await alice.call('GET', '/v1/me')).status).toBe(200);
});
