import { QueryClient, QueryObserver } from '@tanstack/react-query';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { refresher, type Refresher } from './refresher.js';

let client: QueryClient;
let refresh: Refresher;
/** Ends the running request; how many there were. */
let answers: (() => void)[];

beforeEach(() => {
  vi.useFakeTimers();
  client = new QueryClient();
  refresh = refresher(client);
  answers = [];
  new QueryObserver(client, {
    queryKey: ['streams'],
    queryFn: () => new Promise<number>((resolve) => answers.push(() => resolve(answers.length))),
    staleTime: Infinity,
  }).subscribe(() => undefined);
});
afterEach(() => {
  refresh.stop();
  client.clear();
  vi.useRealTimers();
});
const answer = async (): Promise<void> => {
  answers.at(-1)?.();
  await vi.advanceTimersByTimeAsync(0);
};

it('asks once for a burst', async () => {
  await answer();
  for (const id of ['a', 'b', 'a', null]) refresh.stream(id);
  await vi.advanceTimersByTimeAsync(299);
  expect(answers).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(answers).toHaveLength(2);
});

it('does not cut off an answer that is under way, and asks again after it', async () => {
  refresh.stream('a');
  await vi.advanceTimersByTimeAsync(2000);
  expect(answers).toHaveLength(1);
  await answer();
  await vi.advanceTimersByTimeAsync(300);
  expect(answers).toHaveLength(2);
});

it('asks no faster than it is answered, however much happens', async () => {
  await answer();
  for (let i = 0; i < 50; i++) {
    refresh.stream(`s${i}`);
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(answers).toHaveLength(2);
  await answer();
  await vi.advanceTimersByTimeAsync(999);
  expect(answers).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(1);
  expect(answers).toHaveLength(3);
});

it('asks no more once it is stopped', async () => {
  await answer();
  refresh.all();
  refresh.stop();
  await vi.advanceTimersByTimeAsync(5000);
  expect(answers).toHaveLength(1);
});
