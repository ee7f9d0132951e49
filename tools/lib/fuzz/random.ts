/** Gives a whole number from 0 on, below `below`. */
export type Random = (below: number) => number;

/** mulberry32: the same numbers for the same seed. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export const randomBuffer = (random: Random, bytes: number): Buffer =>
  Buffer.from(Array.from({ length: bytes }, () => random(256)));

/** One of these, which are not none. */
export const oneOf = <T>(random: Random, values: readonly T[]): T => values[random(values.length)] as T;
