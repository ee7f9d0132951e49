// Secrets that the API remembers for a moment: a revoked one is refused at once by the process that revoked it, and within a second by others.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { basic, startApp, type TestApp, type TestCustomer } from './support/app.js';

let api: TestApp;
let other: { url: string; stop(): Promise<void> };

beforeAll(async () => {
  api = await startApp();
  other = await api.another();
});
afterAll(async () => {
  await other?.stop();
  await api?.stop();
});

/** What the secret gets at one of the two processes. */
const status = async (url: string, { id }: TestCustomer, secret: string): Promise<number> =>
  (await fetch(`${url}/v1/me`, { headers: { authorization: basic(id, secret) } })).status;

/** A second secret of the customer, which both processes have just seen. */
async function known(customer: TestCustomer): Promise<{ secret: string; id: string }> {
  const answer = await customer.call('POST', `/v1/customers/${customer.id}/credentials`, { label: 'second' });
  const { id, secret } = answer.body as { id: string; secret: string };
  for (const url of [api.url, other.url]) expect(await status(url, customer, secret)).toBe(200);
  return { secret, id };
}

/** How long a process goes on to take the secret, ms. */
async function takenFor(url: string, customer: TestCustomer, secret: string): Promise<number> {
  const started = performance.now();
  await expect.poll(() => status(url, customer, secret), { interval: 10, timeout: 20_000 }).toBe(401);
  return performance.now() - started;
}

describe('a secret that both processes have just seen', () => {
  it('is refused at once by the process that revokes it, and within a second by the other', async () => {
    const customer = await api.customer();
    const { secret, id } = await known(customer);
    expect((await customer.call('DELETE', `/v1/customers/${customer.id}/credentials/${id}`)).status).toBe(204);
    expect(await status(api.url, customer, secret)).toBe(401);
    expect(await takenFor(other.url, customer, secret)).toBeLessThan(1000);
  });

  it('is good until its overlap is over when it is replaced, and its successor at once', async () => {
    const customer = await api.customer();
    const { secret, id } = await known(customer);
    const path = `/v1/customers/${customer.id}/credentials/${id}/rotate`;
    const { secret: successor } = (await customer.call('POST', path, { overlap: 2 })).body as { secret: string };
    for (const url of [api.url, other.url]) {
      expect(await status(url, customer, successor)).toBe(200);
      expect(await status(url, customer, secret)).toBe(200);
    }
    for (const url of [api.url, other.url]) expect(await takenFor(url, customer, secret)).toBeLessThan(3500);
    expect(await status(other.url, customer, successor)).toBe(200);
  });

  it('is refused with its customer', async () => {
    const [customer, operator] = [await api.customer(), await api.customer('operator')];
    const { secret } = await known(customer);
    expect((await operator.call('DELETE', `/v1/customers/${customer.id}`)).status).toBe(204);
    expect(await status(api.url, customer, secret)).toBe(401);
    expect(await takenFor(other.url, customer, secret)).toBeLessThan(1000);
  });

  it('is refused within a second when a change was missed because the messenger was away', async () => {
    const customer = await api.customer();
    const { secret, id } = await known(customer);
    await api.prisma.$executeRaw`ALTER TABLE credentials DISABLE TRIGGER USER`;
    try {
      await api.prisma.credential.update({ where: { id }, data: { revokedAt: new Date() } });
      await api.prisma.$queryRaw`
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'manycast-changes' AND datname = current_database()`;
      for (const url of [api.url, other.url]) expect(await takenFor(url, customer, secret)).toBeLessThan(2000);
    } finally {
      await api.prisma.$executeRaw`ALTER TABLE credentials ENABLE TRIGGER USER`;
    }
    // And changes are heard again.
    const next = await known(customer);
    await expect.poll(() => heard(), { timeout: 20_000 }).toBe(2);
    await customer.call('DELETE', `/v1/customers/${customer.id}/credentials/${next.id}`);
    expect(await takenFor(other.url, customer, next.secret)).toBeLessThan(1000);
  });

  it('is refused after some seconds when its change was never told', async () => {
    const customer = await api.customer();
    const { secret, id } = await known(customer);
    await api.prisma.$executeRaw`ALTER TABLE credentials DISABLE TRIGGER USER`;
    try {
      await api.prisma.credential.update({ where: { id }, data: { revokedAt: new Date() } });
      expect(await takenFor(api.url, customer, secret)).toBeLessThan(8000);
    } finally {
      await api.prisma.$executeRaw`ALTER TABLE credentials ENABLE TRIGGER USER`;
    }
  });
});

describe('two applications in one process', () => {
  it('each look into their own database, and remember for themselves', async () => {
    const stranger = await startApp();
    try {
      const customer = await api.customer();
      expect(await status(stranger.url, customer, customer.secret)).toBe(401);
      expect(await status(api.url, customer, customer.secret)).toBe(200);
      expect(await status(stranger.url, customer, customer.secret)).toBe(401);
    } finally {
      await stranger.stop();
    }
  });
});

/** Processes that listen for changes in this database. */
async function heard(): Promise<number> {
  const [row] = await api.prisma.$queryRaw<{ n: number }[]>`
    SELECT count(*)::int AS n FROM pg_stat_activity
    WHERE application_name = 'manycast-changes' AND datname = current_database()`;
  return row?.n ?? 0;
}
