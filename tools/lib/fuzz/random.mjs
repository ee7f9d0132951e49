/** mulberry32: the same numbers for the same seed; each call gives a whole one below `below`. */
export function randomOf(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export const randomBuffer = (random, bytes) => Buffer.from(Array.from({ length: bytes }, () => random(256)));
