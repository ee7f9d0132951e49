import { expect, it } from 'vitest';
import { copies } from './sounds.js';

it.each([
  ['whole frames', 1024, 1],
  ['two seconds: 93.75 frames', 96_000, 4],
  ['a second: 46.875 frames', 48_000, 8],
  ['a sample', 1, 1024],
  ['longer than may be repeated', 40 * 48_000, 1],
])('a loop of %s is repeated until it ends with a frame', (_, samples, count) => expect(copies(samples)).toBe(count));

it('a loop of any length has next to no hole', () => {
  for (const samples of [9973, 48_001, 100_003, 220_499]) {
    const rest = (copies(samples) * samples) % 1024;
    expect(1024 - rest).toBeLessThan(100);
  }
});
