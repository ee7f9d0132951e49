import { expect, it } from 'vitest';
import { EventTimes } from './event-times.js';

const HOUR_MS = 3_600_000;
const hoursAgo = (hours: number): Date => new Date(Date.now() - hours * HOUR_MS);
const hours = (since: Date | undefined): number | undefined =>
  since && Math.round((Date.now() - since.getTime()) / HOUR_MS);

it('tells since when to look: a day before the nearest event that is known', () => {
  const times = new EventTimes();
  expect(times.since(5n)).toBeUndefined();
  times.note({ id: 10n, at: hoursAgo(100) });
  times.note({ id: 11n, at: hoursAgo(99) });
  times.note({ id: 20n, at: hoursAgo(50) });
  times.note({ id: 30n, at: hoursAgo(1) });
  expect([9n, 10n, 19n, 20n, 29n, 30n, 99n].map((id) => hours(times.since(id)))).toEqual([
    undefined,
    124,
    124,
    74,
    74,
    25,
    25,
  ]);
});

it('one event of the future does not hide those of now, nor those that come after it with earlier times', () => {
  const times = new EventTimes();
  times.note({ id: 1n, at: hoursAgo(200) });
  times.note({ id: 2n, at: hoursAgo(-10_000) });
  expect(hours(times.since(2n))).toBe(24);
  times.note({ id: 3n, at: hoursAgo(150) });
  expect([2n, 3n].map((id) => hours(times.since(id)))).toEqual([224, 174]);
});
