// The live feed with many listeners: what is the same for them is read and made once, and one that does not read is cut off.
import { get, type IncomingMessage } from 'node:http';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { EventFeed } from '../apps/api/src/events/event-feed.js';
import { Registry } from '../libs/queue/src/index.js';
import { basic, startApp, type TestApp, type TestCustomer } from './support/app.js';

let api: TestApp;
let operator: TestCustomer;
const open: { destroy(): void }[] = [];

beforeAll(async () => {
  api = await startApp();
  operator = await api.customer('operator');
});
afterAll(() => api?.stop());
afterEach(() => {
  vi.restoreAllMocks();
  for (const request of open.splice(0)) request.destroy();
});

/** A connection that is open, and of which nothing has been read yet. */
const connect = (customer: TestCustomer, path: string): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const headers = { authorization: basic(customer.id, customer.secret) };
    const request = get(api.url + path, { headers, agent: false }, resolve);
    request.on('error', reject);
    open.push(request);
  });

async function listen(customer: TestCustomer, path: string) {
  const response = await connect(customer, path);
  const heard: string[] = [];
  let [rest, figures, listens] = ['', 0, false];
  response.setEncoding('utf8').on('data', (text: string) => {
    const messages = (rest + text).split('\n\n');
    rest = messages.pop() ?? '';
    for (const message of messages) {
      if (message.startsWith('event: figures')) figures += 1;
      const type = /^event: event\n.*"type":"([^"]*)"/s.exec(message)?.[1];
      if (type !== undefined) heard.push(type);
      if (message.startsWith('id: ')) listens = true;
    }
  });
  response.on('error', () => undefined);
  await expect.poll(() => listens, { timeout: 10_000 }).toBe(true);
  return { heard, figures: () => figures };
}

const pathOf = ({ appid }: TestCustomer): string => `/v1/projects/${appid}/fls/events/stream`;
const customers = (count: number) => Promise.all(Array.from({ length: count }, () => api.customer()));

it('tells many listeners the same, each once, and makes it once', async () => {
  const [frank, grace] = (await customers(2)) as [TestCustomer, TestCustomer];
  const many = (customer: TestCustomer, path: string) =>
    Promise.all(Array.from({ length: 15 }, () => listen(customer, path)));
  const [his, hers, all] = await Promise.all([
    many(frank, pathOf(frank)),
    many(grace, pathOf(grace)),
    many(operator, '/v1/events/stream'),
  ]);
  const made: string[] = [];
  const stringify = JSON.stringify;
  vi.spyOn(JSON, 'stringify').mockImplementation((value: unknown, ...more: unknown[]) => {
    const { type, appid } = (value ?? {}) as { type?: string; appid?: string };
    if (appid !== undefined) made.push(String(type));
    return stringify(value, ...(more as []));
  });
  await api.prisma.event.createMany({
    data: [
      { projectId: frank.appid, type: 'f1' },
      { projectId: grace.appid, type: 'g1' },
      { projectId: frank.appid, type: 'f2' },
    ],
  });
  await expect.poll(() => his.map(({ heard }) => heard.join())).toEqual(his.map(() => 'f1,f2'));
  await expect.poll(() => hers.map(({ heard }) => heard.join())).toEqual(hers.map(() => 'g1'));
  await expect.poll(() => all.map(({ heard }) => heard.join())).toEqual(all.map(() => 'f1,g1,f2'));
  expect(made.toSorted()).toEqual(['f1', 'f2', 'g1']);
});

it('asks the database and Redis as often for forty listeners as for one', async () => {
  const asked = vi.spyOn(pg.Client.prototype, 'query');
  const textOf = ([statement]: unknown[]) =>
    typeof statement === 'string' ? statement : (statement as { text: string }).text;
  const read = vi.spyOn(api.app.get(Registry), 'figures');
  /** In the time of three messages of figures. */
  const rounds = async (listeners: { figures: () => number }[]) => {
    const before = listeners.map(({ figures }) => figures());
    asked.mockClear();
    read.mockClear();
    await expect
      .poll(() => listeners.every(({ figures }, i) => figures() >= Number(before[i]) + 3), { timeout: 15_000 })
      .toBe(true);
    return {
      statements: asked.mock.calls.filter((call) => /events|streams|credentials/.test(textOf(call))).length,
      reads: read.mock.calls.length,
    };
  };
  const [first, ...others] = await customers(20);
  const one = await listen(first as TestCustomer, pathOf(first as TestCustomer));
  const before = await rounds([one]);
  expect(before.statements).toBeGreaterThan(10);
  expect(before.reads).toBeGreaterThan(0);
  const more = others.flatMap((customer) => [listen(customer, pathOf(customer)), listen(customer, pathOf(customer))]);
  const after = await rounds([one, ...(await Promise.all(more))]);
  // Where rounds begin and end is not the same; forty times as many it is not.
  expect(after.statements).toBeLessThan(2 * before.statements);
  expect(after.reads).toBeLessThanOrEqual(before.reads + 2);
}, 60_000);

it('cuts off a listener that does not read, and no other', async () => {
  const [heidi] = (await customers(1)) as [TestCustomer];
  const reads = await listen(heidi, pathOf(heidi));
  const slow = await connect(heidi, pathOf(heidi));
  slow.pause();
  let isOver = false;
  slow.on('error', () => undefined).once('close', () => (isOver = true));
  // More than the API keeps (4 MB) and what the kernel keeps of a connection together.
  const [count, parts] = [40, 15];
  const data = { detail: 'x'.repeat(50_000) };
  for (let part = 0; part < parts; part += 1) {
    await api.prisma.event.createMany({
      data: Array.from({ length: count }, () => ({ projectId: heidi.appid, type: 'large', data })),
    });
    await expect.poll(() => reads.heard.length, { timeout: 20_000 }).toBe((part + 1) * count);
  }
  let bytes = 0;
  slow.on('data', (chunk: Buffer) => (bytes += chunk.length)).resume();
  await expect.poll(() => isOver, { timeout: 20_000 }).toBe(true);
  expect(slow.complete).toBe(false);
  expect(bytes).toBeLessThan(count * parts * 50_000);
}, 60_000);

it('listeners that come and go leave no timers behind', async () => {
  const feed = api.app.get(EventFeed);
  const [alice] = (await customers(1)) as [TestCustomer];
  const { id: credentialId } = await api.prisma.credential.findFirstOrThrow({ where: { customerId: alice.id } });
  const caller = {
    customerId: alice.id,
    role: 'customer',
    credentialId,
    limitKey: credentialId,
    bySession: false,
  } as const;
  const end = () => expect.unreachable();
  const clear = vi.spyOn(globalThis, 'clearInterval');
  const set = vi.spyOn(globalThis, 'setInterval');
  let came = false;
  const to = { send: (text: string | Buffer) => void (came ||= String(text).includes('"test"')), end, destroy: end };
  const listen = () => feed.listen({ projectId: alice.appid }, caller, to);
  for (let i = 0; i < 5; i += 1) {
    listen()();
    const leave = listen();
    await new Promise((resolve) => setImmediate(resolve));
    leave();
    listen()();
  }
  const leave = listen();
  const happens = () => api.prisma.event.create({ data: { projectId: alice.appid, type: 'test' } });
  await expect.poll(() => came || happens().then(() => came), { timeout: 5000, interval: 200 }).toBe(true);
  leave();
  const cleared = new Set(clear.mock.calls.map(([timer]) => timer));
  const ours = set.mock.results
    .filter((_, i) => [500, 2000].includes(set.mock.calls[i]?.[1] ?? 0))
    .map(({ value }) => value as NodeJS.Timeout);
  expect(ours.filter((timer) => !cleared.has(timer))).toHaveLength(0);
});
