// Lists, the feed and lookups by id read the partitions of the days that they are about, not those of all days.
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import { basic, startApp, type TestApp, type TestCustomer } from './support/app.js';
import { rebuildDays, withClient } from './support/days.js';

const DAY_MS = 86_400_000;
/** Of a project, a day. */
const ROWS = 40;
/** Three days that are past, one of those for clocks that differ, today, three to come, and what comes later. */
const FEW = 9;
let api: TestApp;
let alice: TestCustomer;
let entryPointId: string;
let stream: string;

beforeAll(async () => {
  api = await startApp();
  alice = await api.customer();
  ({ id: entryPointId } = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: alice.appid } }));
  await withClient(process.env.DATABASE_URL as string, async (client) => {
    await rebuildDays(client, 'events', { first: 90, last: -3 });
    await rebuildDays(client, 'callback_deliveries', { first: 30, last: -3 });
    await client.query(
      `INSERT INTO events (project_id, type, at) SELECT $1, 'test', now() - i * interval '24 hours' / ${ROWS} FROM generate_series(${90 * ROWS}, 0, -1) AS i`,
      [alice.appid],
    );
    const times = Array.from({ length: 30 * ROWS }, (_, i) => Date.now() - (i * DAY_MS) / ROWS);
    await client.query(
      `INSERT INTO callback_deliveries (id, entry_point_id, attempt, url, outcome, duration_ms, created_at)
       SELECT id, $1, 1, 'http://x/', 'ok', 1, at FROM unnest($2::uuid[], $3::timestamptz[]) AS row (id, at)`,
      [entryPointId, times.map((msecs) => uuidv7({ msecs })), times.map((time) => new Date(time))],
    );
    await client.query('VACUUM ANALYZE');
  });
  ({ id: stream } = await api.prisma.stream.create({
    data: { projectId: alice.appid, entryPointId, name: 'x', state: 'ended', endedAt: new Date() },
  }));
}, 60_000);
afterAll(() => api?.stop());
afterEach(() => vi.restoreAllMocks());

interface Plan {
  'Relation Name'?: string;
  Plans?: Plan[];
}
const tablesOf = ({ 'Relation Name': name, Plans = [] }: Plan): string[] => [
  ...(name === undefined ? [] : [name]),
  ...Plans.flatMap(tablesOf),
];

/** How many partitions each SELECT from these tables reads that is sent while `work` is done. */
async function partitionsRead(work: () => Promise<unknown>): Promise<number[]> {
  const sent: { text: string; values: unknown[] }[] = [];
  // oxlint-disable-next-line typescript/unbound-method -- it is applied to the client that is watched
  const query = Client.prototype.query;
  const watch = vi.spyOn(Client.prototype, 'query').mockImplementation(function (this: Client, ...args: unknown[]) {
    const [{ text = '', values = [] }] = args as [{ text?: string; values?: unknown[] }];
    if (/^\s*SELECT.*FROM ("public"\.)?"?(events|callback_deliveries)"?\s/s.test(text)) sent.push({ text, values });
    return (query as (...given: unknown[]) => unknown).apply(this, args) as never;
  });
  await work();
  watch.mockRestore();
  return withClient(process.env.DATABASE_URL as string, async (client) => {
    const counts: number[] = [];
    for (const { text, values } of sent) {
      const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(`EXPLAIN (FORMAT JSON) ${text}`, values);
      const tables = rows.flatMap((row) => tablesOf(row['QUERY PLAN'][0].Plan));
      counts.push(new Set(tables.filter((name) => /^(events|callback_deliveries)_/.test(name))).size);
    }
    return counts;
  });
}

const fls = (path: string) => `/v1/projects/${alice.appid}/fls/${path}`;
/** The most partitions that one of the statements reads; fails without a statement. */
const most = (counts: number[]): number => Math.max(...(counts.length > 0 ? counts : [Infinity]));

it.each([
  ['events', 'events', 90 * ROWS + 1],
  ['deliveries', 'entry_points/live/callbacks', 30 * ROWS],
])('%s: each page is read from the days around it, and every row is on one', async (what, path, count) => {
  const seen = new Set<string>();
  for (let cursor: string | null = ''; cursor !== null;) {
    const after = cursor;
    let page: { nextCursor: string | null } & Record<string, { id: string }[]>;
    const counts = await partitionsRead(async () => {
      ({ body: page } = await alice.call('GET', fls(`${path}?limit=50${after && `&cursor=${after}`}`)));
    });
    for (const { id } of page![what] as { id: string }[]) seen.add(id);
    cursor = page!.nextCursor;
    // The last page is not full: there, all that is before it is looked through.
    if (cursor !== null) expect(most(counts)).toBeLessThanOrEqual(FEW);
  }
  expect(seen.size).toBe(count);
});

it('what belongs to a stream is looked for from its time on', async () => {
  for (const path of ['events', 'entry_points/live/callbacks'])
    expect(most(await partitionsRead(() => alice.call('GET', fls(`${path}?streamId=${stream}`))))).toBeLessThanOrEqual(
      FEW,
    );
});

it('a page after the id alone of an event, as older versions gave it', async () => {
  const { body } = await alice.call('GET', fls('events?limit=1'));
  const [{ id }] = (body as { events: [{ id: string }] }).events;
  const next = (await alice.call('GET', fls(`events?limit=1&cursor=${id}`))).body as { events: { id: string }[] };
  expect(next.events.map((event) => Number(event.id))).toEqual([Number(id) - 1]);
});

it('one delivery is looked for on the days around its time', async () => {
  const old = await api.prisma.callbackDelivery.findFirstOrThrow({ orderBy: { id: 'asc' } });
  const counts = await partitionsRead(async () => {
    const answer = await alice.call('POST', fls(`entry_points/live/callbacks/${old.id}/replay`));
    expect(answer.status).toBe(409);
  });
  expect(most(counts)).toBeLessThanOrEqual(FEW);
});

it('the feed looks for what is new on the days since the last event, also for who comes back', async () => {
  const stop = new AbortController();
  const headers = { authorization: basic(alice.id, alice.secret) };
  const open = (more: Record<string, string> = {}) =>
    fetch(api.url + fls('events/stream'), { headers: { ...headers, ...more }, signal: stop.signal });
  const heard = async (response: Response, type: string): Promise<string> => {
    let text = '';
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    while (!text.includes(type)) text += new TextDecoder().decode((await reader.read()).value);
    return text;
  };
  // The first listener of a process has it look through all, once.
  const first = await open();
  await heard(first.clone() as Response, 'id:');
  const { id } = await api.prisma.event.findFirstOrThrow({ orderBy: { id: 'desc' }, select: { id: true } });
  const counts = await partitionsRead(async () => {
    const listening = heard(first, 'test.new');
    await api.prisma.event.create({ data: { projectId: alice.appid, type: 'test.new' } });
    await listening;
    await heard(await open({ 'last-event-id': String(id) }), 'test.new');
  });
  stop.abort();
  expect(most(counts)).toBeLessThanOrEqual(FEW);
});
