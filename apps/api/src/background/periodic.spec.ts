import { Logger } from '@nestjs/common';
import { expect, it } from 'vitest';
import { Periodic } from './periodic.js';

/** A logger that keeps what it is told. */
function listening(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const logger = new Logger('test');
  logger.warn = (line: unknown) => void lines.push(`warn ${String(line)}`);
  logger.error = (line: unknown) => void lines.push(`error ${String(line)}`);
  return { logger, lines };
}

it('works again and again, whatever fails, until it is stopped', async () => {
  const { logger, lines } = listening();
  let rounds = 0;
  const periodic = new Periodic(logger, 'counting', async () => {
    rounds += 1;
    if (rounds === 1) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    if (rounds === 2) throw new Error('a bug');
  });
  periodic.start(5);
  await expect.poll(() => rounds).toBeGreaterThan(3);
  await periodic.stop();
  const atStop = rounds;
  expect(lines).toEqual(['warn counting put off: connect ECONNREFUSED', 'error Error: a bug']);
  // Another one, four times as slow, works twice: by then the first would have worked again.
  let others = 0;
  const other = new Periodic(logger, 'counting', async () => void (others += 1));
  other.start(20);
  await expect.poll(() => others).toBeGreaterThan(1);
  await other.stop();
  expect(rounds).toBe(atStop);
});

it('does one round at a time, and stops when it is over', async () => {
  let release = (): void => undefined;
  let rounds = 0;
  let isOver = false;
  const periodic = new Periodic(listening().logger, 'waiting', async () => {
    rounds += 1;
    await new Promise<void>((resolve) => (release = resolve));
    isOver = true;
  });
  const first = periodic.run();
  expect(periodic.run()).toBe(first);
  const stopped = periodic.stop();
  expect({ rounds, isOver }).toEqual({ rounds: 1, isOver: false });
  release();
  await stopped;
  expect(isOver).toBe(true);
});
