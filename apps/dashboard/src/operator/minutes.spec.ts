import { expect, it } from 'vitest';
import { hasLoneMinute, minuteByMinute } from './minutes.js';

const point = (minute: number) => ({
  at: `2026-01-01T10:0${minute}:00.000Z`,
  streams: minute,
  transfersLive: 0,
  transfersFailing: 0,
  arrivals: 0,
  callbacksOk: 0,
  callbacksFailed: 0,
});

it('a minute that nobody measured is a gap, not a point', () => {
  const chart = minuteByMinute([point(1), point(4), point(5)], 6);
  expect(chart.map(({ at, point: found }) => [at.slice(14, 16), found?.streams])).toEqual([
    ['00', undefined],
    ['01', 1],
    ['02', undefined],
    ['03', undefined],
    ['04', 4],
    ['05', 5],
  ]);
  expect(minuteByMinute([], 6)).toEqual([]);
});

it.each([
  [[1, 4, 5], true],
  [[3, 4, 5], false],
  [[5], true],
  [[], false],
])('of %j one stands alone: %s', (minutes, is) => expect(hasLoneMinute(minutes.map(point))).toBe(is));
