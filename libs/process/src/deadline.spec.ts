import { describe, expect, it } from 'vitest';
import { DeadlineExceeded, isDoneWithin, withDeadline } from './deadline.js';

const never = new Promise<never>(() => undefined);
const late = () => new Error('late');
const gone = () => new Error('gone');

describe('withDeadline', () => {
  it('brings what the work brings, or its failure', async () => {
    expect(await withDeadline(Promise.resolve(7), { ms: 10_000 })).toBe(7);
    await expect(withDeadline(Promise.reject(new Error('broken')), { ms: 10_000 })).rejects.toThrow('broken');
    expect(await withDeadline(Promise.resolve(7), {})).toBe(7);
  });

  it('gives up when the time is over', async () => {
    await expect(withDeadline(never, { ms: 1 })).rejects.toThrow(DeadlineExceeded);
    await expect(withDeadline(never, { ms: 1, tooLate: late })).rejects.toThrow('late');
  });

  it('waits as much longer as it is told at the deadline', async () => {
    const extensions = [1, 1, 0];
    await expect(
      withDeadline(never, { ms: 1, tooLate: late, more: () => extensions.shift() as number }),
    ).rejects.toThrow('late');
    expect(extensions).toEqual([]);
  });

  it('gives up when it is aborted, also before it began', async () => {
    await expect(withDeadline(never, { signal: AbortSignal.abort(), aborted: gone })).rejects.toThrow('gone');
    const abort = new AbortController();
    const waiting = withDeadline(never, { ms: 10_000, signal: abort.signal, aborted: gone });
    abort.abort();
    await expect(waiting).rejects.toThrow('gone');
  });

  it('leaves no failure unheard that comes after it has given up', async () => {
    const unheard: unknown[] = [];
    const hear = (error: unknown): void => void unheard.push(error);
    process.on('unhandledRejection', hear);
    let fail: (error: Error) => void = () => undefined;
    const work = new Promise<never>((_, reject) => {
      fail = reject;
    });
    await expect(withDeadline(work, { ms: 1, tooLate: late })).rejects.toThrow('late');
    fail(new Error('later'));
    // Rejections are told after the microtasks.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    process.off('unhandledRejection', hear);
    expect(unheard).toEqual([]);
  });
});

it('isDoneWithin tells whether the work was done in time, and how it failed', async () => {
  expect(await isDoneWithin(Promise.resolve(), 10_000)).toBe(true);
  expect(await isDoneWithin(never, 1)).toBe(false);
  await expect(isDoneWithin(Promise.reject(new Error('broken')), 10_000)).rejects.toThrow('broken');
});
