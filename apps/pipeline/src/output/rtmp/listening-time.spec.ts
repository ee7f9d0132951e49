import { expect, it } from 'vitest';
import { ListeningTime } from './listening-time.js';

it('lets short words pass', () => {
  const time = new ListeningTime(0);
  for (let now = 0; now < 10_000; now += 10) expect(time.spend(1, now)).toBe(0);
});

it('gives who talks without end a quarter of the time', () => {
  const time = new ListeningTime(0);
  let now = 0;
  let spent = 0;
  while (now < 100_000) {
    now += 2;
    spent += 2;
    now += time.spend(2, now);
  }
  expect(spent / now).toBeGreaterThan(0.2);
  expect(spent / now).toBeLessThan(0.27);
});

it('forgets what was long ago', () => {
  const time = new ListeningTime(0);
  expect(time.spend(100, 100)).toBeGreaterThan(300);
  expect(time.spend(1, 10_000)).toBe(0);
});
