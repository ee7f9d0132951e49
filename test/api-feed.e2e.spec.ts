// The live feed: Server-Sent Events, resumed without a loss and without a repetition.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordEvent } from '../libs/db/src/index.js';
import { Registry } from '../libs/queue/src/index.js';
import { basic, startApp, type TestApp, type TestCustomer } from './support/app.js';

let api: TestApp;
let operator: TestCustomer;
let alice: TestCustomer;

beforeAll(async () => {
  api = await startApp();
  operator = await api.customer('operator');
  alice = await api.customer();
});
afterAll(() => api?.stop());

interface Message {
  event?: string;
  id?: string;
  data?: { id?: string; type?: string; appid?: string; streams?: Record<string, unknown> };
}

/** Reads Server-Sent Events as they come. */
async function listen(customer: TestCustomer, path: string, headers: Record<string, string> = {}, url = api.url) {
  const stop = new AbortController();
  const response = await fetch(url + path, {
    headers: { authorization: basic(customer.id, customer.secret), ...headers },
    signal: stop.signal,
  });
  const messages: Message[] = [];
  const reading = (async () => {
    let text = '';
    for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += new TextDecoder().decode(part);
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const fields = Object.fromEntries(
          block.split('\n').map((line) => line.split(/: (.*)/s, 2) as [string, string]),
        );
        messages.push({
          ...fields,
          data: fields.data === undefined ? undefined : (JSON.parse(fields.data) as Message['data']),
        });
      }
    }
  })().catch(() => undefined);
  const close = async (): Promise<void> => {
    stop.abort();
    await reading;
  };
  const types = () => messages.filter(({ event }) => event === 'event').map(({ data }) => data?.type);
  /** What the reader comes back with. */
  const lastId = (): string => messages.filter(({ id }) => id !== undefined).at(-1)?.id ?? '';
  // Connected is not listening yet: what happens from its position on is told.
  if (response.status === 200) await expect.poll(lastId).not.toBe('');
  return { status: response.status, type: response.headers.get('content-type'), messages, types, lastId, close };
}

const pathOf = ({ appid }: TestCustomer, query = ''): string => `/v1/projects/${appid}/fls/events/stream${query}`;
/** Events that the process has read before anybody asks for them. */
async function happened(customer: TestCustomer, types: string[]): Promise<void> {
  const witness = await listen(customer, pathOf(customer));
  await api.prisma.event.createMany({ data: types.map((type) => ({ projectId: customer.appid, type })) });
  await expect.poll(() => witness.types().length).toBe(types.length);
  await witness.close();
}
const happen = (customer: TestCustomer, type: string) => recordEvent(api.prisma, { projectId: customer.appid, type });

it('tells each customer its own, operators all, and who was away what it missed', async () => {
  const frank = await api.customer();
  const [his, all] = await Promise.all([listen(frank, pathOf(frank)), listen(operator, '/v1/events/stream')]);
  expect([his.status, his.type]).toEqual([200, 'text/event-stream']);
  await happen(frank, 'one');
  await happen(alice, 'hers');
  await happen(frank, 'two');
  await expect.poll(() => his.types()).toEqual(['one', 'two']);
  await expect.poll(() => all.types()).toEqual(expect.arrayContaining(['one', 'hers', 'two']));
  await his.close();
  await happen(frank, 'three');
  const again = await listen(frank, pathOf(frank), { 'last-event-id': his.lastId() });
  await expect.poll(() => again.types()).toEqual(['three']);
  await happen(frank, 'four');
  await expect.poll(() => again.types()).toEqual(['three', 'four']);
  await again.close();
  await all.close();
  expect((await listen(frank, '/v1/events/stream')).status).toBe(404);
  expect((await listen(frank, pathOf(alice))).status).toBe(404);
});

it('is complete though transactions end in another order than their ids', async () => {
  const frank = await api.customer();
  const feed = await listen(frank, pathOf(frank));
  await api.prisma.$transaction(async (tx) => {
    await recordEvent(tx, { projectId: frank.appid, type: 'slow' });
    await happen(frank, 'fast');
    await expect.poll(() => feed.types()).toEqual(['fast']);
  });
  await expect.poll(() => feed.types()).toEqual(['fast', 'slow']);
  await feed.close();
});

it('brings the figures of running streams, or of those that are named', async () => {
  const frank = await api.customer();
  const entryPoint = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: frank.appid } });
  const hers = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: alice.appid } });
  const stream = async (projectId: string, entryPointId: string, name: string): Promise<string> => {
    const { id } = await api.prisma.stream.create({
      data: { projectId, entryPointId, name, state: 'live', ownerNode: 'node-1' },
    });
    return id;
  };
  const [one, two, foreign] = [
    await stream(frank.appid, entryPoint.id, 'one'),
    await stream(frank.appid, entryPoint.id, 'two'),
    await stream(alice.appid, hers.id, 'hers'),
  ];
  const measured = { input: { bitrate: 1000 }, transfers: {} };
  await api.app.get(Registry).putFigures('node-1', new Map([one, two, foreign].map((id) => [id, measured])));
  const [feed, some] = await Promise.all([
    listen(frank, pathOf(frank)),
    listen(frank, pathOf(frank, `?figuresOf=${one},${foreign}`)),
  ]);
  const figures = { figures: { bitrate: 1000 }, transfers: {} };
  await expect
    .poll(() => feed.messages.find(({ event }) => event === 'figures')?.data?.streams)
    .toEqual({ [one]: figures, [two]: figures });
  await expect
    .poll(() => some.messages.find(({ event }) => event === 'figures')?.data?.streams)
    .toEqual({ [one]: figures });
  expect((await frank.call('GET', pathOf(frank, '?figuresOf=nonsense'))).status).toBe(400);
  await api.prisma.stream.updateMany({
    where: { id: { in: [one, two, foreign] } },
    data: { state: 'ended', endedAt: new Date() },
  });
  await some.close();
  // The other one is left open: the end of the API must not wait for its listeners.
});

describe('who comes back', () => {
  it('has missed nothing though nothing had happened before it left', async () => {
    const frank = await api.customer();
    const feed = await listen(frank, pathOf(frank));
    await expect.poll(() => feed.lastId()).not.toBe('');
    await feed.close();
    await happen(frank, 'meanwhile');
    const again = await listen(frank, pathOf(frank, `?lastEventId=${feed.lastId()}`));
    await expect.poll(() => again.types()).toEqual(['meanwhile']);
    await again.close();
  });

  it('gets what was still being written when it left, once, from any process', async () => {
    const frank = await api.customer();
    const other = await api.another();
    const feed = await listen(frank, pathOf(frank));
    const witness = await listen(frank, pathOf(frank), {}, other.url);
    await api.prisma.$transaction(async (tx) => {
      await recordEvent(tx, { projectId: frank.appid, type: 'slow' });
      await happen(frank, 'fast');
      await expect.poll(() => feed.types()).toEqual(['fast']);
      await feed.close();
    });
    await expect.poll(() => witness.types()).toEqual(expect.arrayContaining(['fast', 'slow']));
    for (const url of [api.url, other.url]) {
      const again = await listen(frank, pathOf(frank), { 'last-event-id': feed.lastId() }, url);
      await happen(frank, 'end');
      await expect.poll(() => again.types()).toContain('end');
      expect(again.types().filter((type) => type !== 'end')).toEqual(['slow']);
      await again.close();
    }
    await witness.close();
    await other.stop();
  });

  it('gets thousands in their order, also those that happen while it reads', async () => {
    const frank = await api.customer();
    const feed = await listen(frank, pathOf(frank));
    await expect.poll(() => feed.lastId()).not.toBe('');
    await feed.close();
    const type = (i: number): string => `e${i}`;
    await happened(
      frank,
      Array.from({ length: 1800 }, (_, i) => type(i)),
    );
    const again = await listen(frank, pathOf(frank), { 'last-event-id': feed.lastId() });
    for (let i = 1800; i < 1820; i++) await happen(frank, type(i));
    await expect.poll(() => again.types().length).toBeGreaterThanOrEqual(1820);
    expect(again.types()).toEqual(Array.from({ length: 1820 }, (_, i) => type(i)));
    await again.close();
  });

  it('is told when it has missed more than is sent again, and goes on from there', async () => {
    const frank = await api.customer();
    const feed = await listen(frank, pathOf(frank));
    await expect.poll(() => feed.lastId()).not.toBe('');
    await feed.close();
    await happened(
      frank,
      Array.from({ length: 5100 }, () => 'many'),
    );
    const again = await listen(frank, pathOf(frank), { 'last-event-id': feed.lastId() });
    await expect.poll(() => again.messages.some(({ event }) => event === 'reset')).toBe(true);
    expect(again.types()).toHaveLength(5000);
    await happen(frank, 'new');
    await expect.poll(() => again.types().at(-1)).toBe('new');
    await again.close();
    const third = await listen(frank, pathOf(frank), { 'last-event-id': again.lastId() });
    await happen(frank, 'newer');
    await expect.poll(() => third.types()).toEqual(['newer']);
    await third.close();
  });
});
