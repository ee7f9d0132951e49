import { v7 as uuidv7 } from 'uuid';
import { expect, it } from 'vitest';
import { type Between, newestFirst, timeOfUuid, writtenAround, writtenSince } from './newest-first.js';

const HOUR_MS = 3_600_000;
const DAYS_MS = 24 * HOUR_MS;
interface Row {
  id: number;
  at: Date;
}

/** Rows of so many hours ago, in the order of their ids. */
const rowsOf = (hoursAgo: number[]): Row[] =>
  hoursAgo.map((hours, id) => ({ id, at: new Date(Date.now() - hours * HOUR_MS) }));

/** A page of `rows` as a database would give it, and what was asked for. */
async function page(rows: Row[], given: { size: number; before?: Row; since?: Date }) {
  const asked: Between[] = [];
  const found = await newestFirst<Row>(
    { ...given, before: given.before?.at },
    async (between) => {
      asked.push(between);
      const { gte = new Date(0), lt = new Date(8e15) } = between;
      return rows
        .filter(({ id, at }) => at >= gte && at < lt && (given.before === undefined || id < given.before.id))
        .toSorted((a, b) => b.id - a.id)
        .slice(0, given.size);
    },
    ({ at }) => at,
  );
  return { ids: found.map(({ id }) => id), asked };
}

it('reads recent rows only, where they fill the page', async () => {
  const rows = rowsOf([...Array(200).keys()].reverse());
  const { ids, asked } = await page(rows, { size: 3 });
  expect(ids).toEqual([199, 198, 197]);
  expect(asked).toHaveLength(1);
  expect(Date.now() - (asked[0]?.gte?.getTime() ?? 0)).toBeLessThan(3 * DAYS_MS + 1000);
});

it('reads all, where they do not', async () => {
  const rows = rowsOf([5000, 4000, 3000, 1]);
  expect((await page(rows, { size: 3 })).ids).toEqual([3, 2, 1]);
  expect((await page(rows, { size: 5 })).ids).toEqual([3, 2, 1, 0]);
  expect((await page([], { size: 5 })).ids).toEqual([]);
});

it('every row is on a page, though times and ids are not of the same order', async () => {
  // Each time is wrong by up to 20 hours.
  const rows = rowsOf([...Array(1000).keys()].reverse().map((hours) => hours + ((hours * 7) % 20)));
  const seen: number[] = [];
  for (let before: Row | undefined; ;) {
    const { ids } = await page(rows, { size: 10, ...(before && { before }) });
    seen.push(...ids);
    before = rows[ids.at(-1) ?? -1];
    if (ids.length < 10) break;
  }
  expect(seen).toEqual(rows.map(({ id }) => id).toReversed());
});

it('a page after a row of long ago is looked for around that time', async () => {
  const rows = rowsOf([...Array(2000).keys()].reverse());
  const { ids, asked } = await page(rows, { size: 2, before: rows[1000] as Row });
  expect(ids).toEqual([999, 998]);
  expect(asked).toHaveLength(1);
});

it('nothing is looked for before there was anything', async () => {
  const since = new Date(Date.now() - 10 * HOUR_MS);
  const { ids, asked } = await page(rowsOf([5, 4, 3]), { size: 5, since });
  expect(ids).toEqual([2, 1, 0]);
  expect(asked).toEqual([{ gte: since }]);
});

it('a UUIDv7 tells its time; another, or one of the future, nothing', () => {
  const now = Date.now();
  const id = uuidv7();
  expect(Math.abs((timeOfUuid(id)?.getTime() ?? 0) - now)).toBeLessThan(1000);
  const { gte, lt } = writtenAround(id);
  expect([gte && gte.getTime() < now, lt && lt.getTime() > now]).toEqual([true, true]);
  for (const other of ['f81d4fae-7dec-41d0-a765-00a0c91e6bf6', 'ffffffff-ffff-7fff-bfff-ffffffffffff']) {
    expect(timeOfUuid(other)).toBeUndefined();
    expect(writtenAround(other)).toEqual({});
    expect(writtenSince(other)).toBeUndefined();
  }
  expect(writtenSince(undefined)).toBeUndefined();
});
