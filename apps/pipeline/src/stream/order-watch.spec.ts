import { describe, expect, it } from 'vitest';
import { OrderWatch } from './order-watch.js';

describe('OrderWatch', () => {
  const watch = (times: number[]): OrderWatch => {
    const order = new OrderWatch();
    for (const time of times) order.frame(time);
    return order;
  };
  const steady = (count: number): number[] => Array.from({ length: count }, (_, i) => i * 33);

  it.each([
    ['one frame between two', [0, 66, 33, 132, 99], true],
    ['two', [0, 99, 33, 66, 198, 132, 165], true],
    ['a pyramid', [0, 132, 66, 33, 99, 264, 198, 165, 231], true],
    ['none yet', steady(20), null],
    ['none', steady(150), false],
    ['a single slip of a clock', [0, 33, 30, 66, 99], null],
    ['a clock set back', [5000, 5033, 0, 33, 66], null],
    ['a clock corrected by three frames', [...steady(30), 860, 893, 926, 959, 992, 1025], null],
    [
      'two slips, seconds apart',
      [...steady(60), 1930, ...steady(200).slice(60, 120), 3900, ...steady(200).slice(120)],
      false,
    ],
    ['none at first', [...steady(150), 6000, 5950, 5980, 6100, 6050], true],
    ['none any more', [0, 66, 33, 132, 99, ...Array.from({ length: 901 }, (_, i) => 165 + i * 33)], false],
  ])('tells B-frames: %s', (_, times, reorders) => {
    expect(watch(times).reorders).toBe(reorders);
  });

  it('does not expect them to begin late', () => {
    expect(watch(steady(7)).isLikelyKnown).toBe(false);
    expect(watch(steady(8)).isLikelyKnown).toBe(true);
    expect(watch([0, 66, 33, 132, 99]).isLikelyKnown).toBe(true);
  });
});
