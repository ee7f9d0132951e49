import { describe, expect, it } from 'vitest';
import { Pacer } from './pacer.js';

describe('Pacer', () => {
  it('lets frames leave in their own rhythm, once there is a cushion', () => {
    const pacer = new Pacer(300, 2000, Infinity);
    expect(pacer.mayLeave({ firstAt: 1000, spanMs: 299 }, 0)).toBe(false);
    expect(pacer.mayLeave({ firstAt: 1000, spanMs: 300 }, 10)).toBe(true);
    expect(pacer.mayLeave({ firstAt: 1033, spanMs: 300 }, 10)).toBe(false);
    expect(pacer.mayLeave({ firstAt: 1033, spanMs: 300 }, 42)).toBe(false);
    expect(pacer.mayLeave({ firstAt: 1033, spanMs: 300 }, 43)).toBe(true);
    // A hole in the input: what waits goes on leaving in time.
    expect(pacer.mayLeave({ firstAt: 1066, spanMs: 100 }, 76)).toBe(true);
  });

  it('fills the cushion again as often as it may', () => {
    const pacer = new Pacer(300, 2000, 1);
    expect(pacer.mayLeave({ firstAt: 0, spanMs: 300 }, 0)).toBe(true);
    pacer.ranEmpty();
    expect(pacer.mayLeave({ firstAt: 400, spanMs: 100 }, 1000)).toBe(false);
    expect(pacer.mayLeave({ firstAt: 400, spanMs: 300 }, 1200)).toBe(true);
    pacer.ranEmpty();
    expect(pacer.mayLeave({ firstAt: 900, spanMs: 0 }, 5000)).toBe(true);
  });

  it('catches up when more waits than a cushion', () => {
    const pacer = new Pacer(300, 4000, Infinity);
    expect(pacer.mayLeave({ firstAt: 0, spanMs: 300 }, 0)).toBe(true);
    expect(pacer.mayLeave({ firstAt: 500, spanMs: 1101 }, 1)).toBe(true);
    expect(pacer.mayLeave({ firstAt: 533, spanMs: 1068 }, 2)).toBe(false);
    expect(pacer.mayLeave({ firstAt: 533, spanMs: 1068 }, 34)).toBe(true);
  });
});
