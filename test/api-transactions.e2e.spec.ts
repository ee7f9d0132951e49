// A transaction that takes too long: all of it or nothing is written, and who waits is told to try again.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { seed } from '../apps/api/src/cli/seed.js';
import { isUnavailable } from '../apps/api/src/http/unavailable.js';
import { Env } from '../libs/config/src/index.js';
import { PATIENT, PrismaService } from '../libs/db/src/index.js';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';

let api: TestApp;
let alice: TestCustomer;
let operator: TestCustomer;
/** Without limits. */
let direct: Client;

beforeAll(async () => {
  api = await startApp();
  operator = await api.customer('operator');
  direct = new Client({ connectionString: process.env.DATABASE_URL });
  await direct.connect();
  await direct.query(
    "CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(2); RETURN NEW; END'",
  );
});
afterAll(async () => {
  await direct?.end();
  await api?.stop();
});
beforeEach(async () => {
  alice = await api.customer();
});
afterEach(async () => {
  await direct.query('ROLLBACK; DROP TRIGGER IF EXISTS slow ON credentials; DROP TRIGGER IF EXISTS slow ON customers');
});

const slowDown = (table: string) =>
  direct.query(`CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION be_slow()`);
/** One operation of several statements; ours have none, because of what Prisma once did with the later ones. */
const nested = () => ({
  where: { id: alice.id },
  data: { name: 'changed', credentials: { create: { secret: 'x', label: 'stray' } } },
});
const written = async () => ({
  name: (await api.prisma.customer.findUniqueOrThrow({ where: { id: alice.id } })).name,
  strays: await api.prisma.credential.count({ where: { customerId: alice.id, label: 'stray' } }),
});

it('writes all of what takes longer than Prisma would wait by itself', async () => {
  await slowDown('customers');
  await slowDown('credentials');
  await api.prisma.$transaction((tx) => tx.customer.update(nested()));
  expect(await written()).toEqual({ name: 'changed', strays: 1 });
});

it('writes nothing of what Postgres has cut off', async () => {
  const { name } = await written();
  await slowDown('customers');
  await slowDown('credentials');
  const failure = await api.prisma
    .$transaction(async (tx) => {
      await tx.$queryRaw`SELECT pg_sleep(2)::text`;
      await tx.customer.update(nested());
    })
    .catch((error: unknown) => error);
  expect(isUnavailable(failure), String(failure)).toBe(true);
  // What was on its way when the time was up would have arrived by now: a later statement of the same process has.
  expect(await written()).toEqual({ name, strays: 0 });
  // And the next one gets a connection that is good.
  await api.prisma.$transaction((tx) => tx.customer.findMany({ take: 1 }));
});

it('answers 503 when a transaction takes too long', async () => {
  await slowDown('customers');
  await slowDown('credentials');
  const answer = await operator.call('POST', '/v1/customers', { name: 'late' });
  expect([answer.status, Number(answer.headers.get('retry-after'))], answer.text).toEqual([503, 5]);
  expect(await api.prisma.customer.count({ where: { name: 'late' } })).toBe(0);
});

it('answers 503 when a row stays locked', async () => {
  await direct.query('BEGIN');
  await direct.query('SELECT 1 FROM customers WHERE id = $1 FOR UPDATE', [alice.id]);
  expect((await alice.call('POST', '/v1/projects', { name: 'x' })).status).toBe(503);
});

it('gives the seed all the time that a busy machine takes', async () => {
  await slowDown('credentials');
  const patient = new PrismaService(Object.assign(new Env(), { DATABASE_URL: process.env.DATABASE_URL }), PATIENT);
  try {
    expect(await seed(patient, api.box)).toMatchObject({ entryPoint: 'live' });
  } finally {
    await patient.$disconnect();
  }
}, 60_000);

it('says in a sentence, without a stack, why the seed failed', async () => {
  const env = { ...process.env, DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' };
  const failure = await promisify(execFile)(
    process.execPath,
    [join(import.meta.dirname, '../dist/apps/api/src/cli/seed.js')],
    { env, timeout: 60_000 },
  ).catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^Postgres cannot be reached.*start again\.\n$/),
  });
}, 60_000);
