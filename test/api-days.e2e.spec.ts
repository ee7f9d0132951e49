// Events and callback deliveries in partitions by day: made ahead, dropped when they are old, and never in the way of who writes.
import { Client } from 'pg';
import { afterEach, expect, it } from 'vitest';
import { arrangeDays } from '../apps/api/src/retention/days.js';
import { Housekeeping } from '../apps/api/src/retention/housekeeping.js';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { dayBegin, dayName, partitionsOf, rebuildDays } from './support/days.js';

const HOUR_MS = 3_600_000;
let api: TestApp;
let alice: TestCustomer;
let client: Client;
let entryPointId: string;

async function start({ events, deliveries } = { events: 90, deliveries: 30 }): Promise<void> {
  api = await startApp({ KEEP_EVENTS_DAYS: `${events}`, KEEP_DELIVERIES_DAYS: `${deliveries}` });
  alice = await api.customer();
  ({ id: entryPointId } = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: alice.appid } }));
  client = new Client({ connectionString: process.env.DATABASE_URL, options: '-c TimeZone=UTC' });
  await client.connect();
}
afterEach(async () => {
  await client?.end();
  await api?.stop();
});

const clean = (): Promise<number> => api.app.get(Housekeeping).clean();
/** At one and at 23 o'clock of each of these days, their types or names the days. */
async function happens(daysAgo: number[], { appid = alice.appid } = {}): Promise<void> {
  for (const day of daysAgo)
    for (const hours of [1, 23]) {
      const at = new Date(dayBegin(day).getTime() + hours * HOUR_MS);
      await api.prisma.event.create({ data: { projectId: appid, type: `${day}`, at } });
      await api.prisma.callbackDelivery.create({
        data: {
          entryPointId,
          streamName: `${day}`,
          attempt: 1,
          url: 'http://x/',
          outcome: 'ok',
          durationMs: 1,
          createdAt: at,
        },
      });
    }
}
const range = (first: number, last: number): number[] => Array.from({ length: first - last + 1 }, (_, i) => first - i);
/** The days of which there are events, deliveries. */
async function daysLeft(): Promise<[events: number[], deliveries: number[]]> {
  const events = await api.prisma.event.findMany({ where: { projectId: alice.appid } });
  const deliveries = await api.prisma.callbackDelivery.findMany();
  const days = (names: (string | null)[]) => [...new Set(names.map(Number))].toSorted((a, b) => b - a);
  return [days(events.map(({ type }) => type)), days(deliveries.map(({ streamName }) => streamName))];
}
const names = (...parts: (string | number)[]): string[] =>
  parts.map((part) => (typeof part === 'number' ? dayName('', part).slice(1) : part));

it('housekeeping drops what is older than its days, a day at a time, and makes the next ones', async () => {
  await start();
  for (const table of ['events', 'callback_deliveries']) await rebuildDays(client, table, { first: 100, last: 0 });
  const days = [100, 92, 91, 90, 89, 32, 31, 30, 29, 0];
  await happens(days);

  // Nothing is deleted row by row.
  expect(await clean()).toBe(0);
  expect(await daysLeft()).toEqual([
    [90, 89, 32, 31, 30, 29, 0],
    [30, 29, 0],
  ]);
  expect(await partitionsOf(client, 'events')).toEqual(names('past', ...range(90, -3), 'later'));
  expect(await partitionsOf(client, 'callback_deliveries')).toEqual(names('past', ...range(30, -3), 'later'));
  // Again: there is nothing to do.
  expect(await clean()).toBe(0);
  expect(await partitionsOf(client, 'events')).toEqual(names('past', ...range(90, -3), 'later'));

  // What comes with a time of long ago has its place, and goes.
  await happens([95]);
  expect((await daysLeft())[0]).toContain(95);
  expect(await clean()).toBe(4);
  expect((await daysLeft())[0]).not.toContain(95);
  const { events } = (await alice.call('GET', `/v1/projects/${alice.appid}/fls/events?limit=200`)).body as {
    events: { type: string }[];
  };
  expect(events.map(({ type }) => type).filter((type) => /^\d+$/.test(type))).toEqual(
    [90, 89, 32, 31, 30, 29, 0].flatMap((day) => [`${day}`, `${day}`]).toReversed(),
  );
});

it('after weeks in which nobody made partitions, rows are where they were, and go when they are old', async () => {
  await start({ events: 20, deliveries: 400 });
  for (const table of ['events', 'callback_deliveries']) await rebuildDays(client, table, { first: 50, last: 30 });
  // Nothing is refused meanwhile. Of one that writes, the clock is two days ahead.
  await happens([...range(45, 0), -2]);
  expect(await partitionsOf(client, 'events')).toEqual(names('past', ...range(50, 30), 'later'));

  // Of the events from 29 to 20 days ago, which lie among newer ones, those older than 20 days are deleted; on the 20th day, those before this time of the day.
  const deleted = await clean();
  const [events, deliveries] = await daysLeft();
  expect(events.filter((day) => day !== 20)).toEqual([...range(19, 0), -2]);
  expect([18, 19, 20]).toContain(deleted);
  expect(deliveries).toEqual([...range(45, 0), -2]);
  const weeks = `${names(29)[0]}_and_on`;
  expect(await partitionsOf(client, 'events')).toEqual(names('past', weeks, -1, -2, -3, 'later'));
  // 400 days in four a partition.
  expect(await partitionsOf(client, 'callback_deliveries')).toEqual(
    names('past', ...range(50, 30), weeks, -1, 'later'),
  );
  const { rows } = await client.query(`SELECT count(*)::int FROM ${dayName('events', -2)}`);
  expect(rows).toEqual([{ count: 2 }]);
  await happens([0, -1]);
  await clean();
  expect(await partitionsOf(client, 'events')).toEqual(names('past', weeks, -1, -2, -3, 'later'));
});

it('after weeks in which nothing happened either', async () => {
  await start();
  await rebuildDays(client, 'events', { first: 300, last: 290 });
  await clean();
  expect(await partitionsOf(client, 'events')).toEqual(
    names('past', `${names(289)[0]}_and_on`, ...range(0, -3), 'later'),
  );
});

it('of processes that come at once, one does it', async () => {
  await start();
  await rebuildDays(client, 'events', { first: 100, last: 1 });
  const arrange = () => arrangeDays(api.prisma, 'events', 90);
  // One is at it: the others leave it to that one.
  await client.query(`SELECT pg_advisory_lock(hashtext('manycast days of events'))`);
  expect(await Promise.all([arrange(), arrange()])).toEqual(Array(2).fill({ made: 0, dropped: 0 }));
  expect(await partitionsOf(client, 'events')).toEqual(names('past', ...range(100, 1), 'later'));
  await client.query(`SELECT pg_advisory_unlock_all()`);
  const done = await Promise.all([arrange(), arrange(), arrange(), arrange()]);
  expect(done.toSorted((a, b) => b.made - a.made)).toEqual([
    { made: 4, dropped: 10 },
    ...Array<unknown>(3).fill({ made: 0, dropped: 0 }),
  ]);
  expect(await partitionsOf(client, 'events')).toEqual(names('past', ...range(90, -3), 'later'));
});

it('a process makes them when it starts', async () => {
  await start();
  await rebuildDays(client, 'callback_deliveries', { first: 20, last: 1 });
  const other = await api.another();
  expect(await partitionsOf(client, 'callback_deliveries')).toEqual(names('past', ...range(20, -3), 'later'));
  await other.stop();
});

it('while a backup reads the tables, nothing is done, and nobody waits for long', async () => {
  await start();
  await rebuildDays(client, 'events', { first: 100, last: 0 });
  await client.query('BEGIN; LOCK TABLE events IN ACCESS SHARE MODE');
  let over = false;
  const cleaning = clean().finally(() => (over = true));
  let slowest = 0;
  while (!over) {
    const begun = performance.now();
    await api.prisma.event.create({ data: { projectId: alice.appid, type: 'meanwhile' } });
    slowest = Math.max(slowest, performance.now() - begun);
  }
  await cleaning;
  // It asks for the lock for 100 ms at a time. Prisma's statements may wait 1500 ms.
  expect(slowest).toBeLessThan(1000);
  await client.query('ROLLBACK');
  expect(await partitionsOf(client, 'events')).toEqual(names('past', ...range(100, 0), 'later'));
  await clean();
  expect(await partitionsOf(client, 'events')).toEqual(names('past', ...range(90, -3), 'later'));
});

it('what is deleted with its project, its streams, its entry point is in all partitions, and only that', async () => {
  await start();
  for (const table of ['events', 'callback_deliveries']) await rebuildDays(client, table, { first: 9, last: -3 });
  const bob = await api.customer();
  const his = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: bob.appid } });
  const hers = entryPointId;
  // Rows of both in the same places of the partitions.
  await happens(range(9, 0));
  entryPointId = his.id;
  await happens(range(9, 0), { appid: bob.appid });
  const { id: streamId } = await api.prisma.stream.create({
    data: { projectId: bob.appid, entryPointId: his.id, name: 'x', state: 'ended', endedAt: dayBegin(400) },
  });
  await api.prisma.callbackDelivery.updateMany({ where: { entryPointId: his.id }, data: { streamId } });
  // A stream that is old leaves its deliveries there.
  await clean();
  expect(await api.prisma.stream.count({ where: { id: streamId } })).toBe(0);
  expect(await api.prisma.callbackDelivery.count({ where: { entryPointId: his.id, streamId: null } })).toBe(20);

  expect((await bob.call('DELETE', `/v1/projects/${bob.appid}`)).status).toBe(204);
  await expect
    .poll(() => api.prisma.project.count({ where: { id: bob.appid } }), { timeout: 30_000, interval: 100 })
    .toBe(0);
  expect(await api.prisma.event.count({ where: { projectId: bob.appid } })).toBe(0);
  expect(await api.prisma.callbackDelivery.count({ where: { entryPointId: { not: hers } } })).toBe(0);
  expect(await daysLeft()).toEqual([range(9, 0), range(9, 0)]);
  expect(await api.prisma.callbackDelivery.count()).toBe(20);
});
