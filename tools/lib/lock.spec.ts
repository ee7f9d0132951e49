import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { STATE_DIR } from './paths.ts';

const STARTERS = 6;
const ROUNDS = 5;
const NAME = `test-${process.pid}`;
const FILE = join(STATE_DIR, `${NAME}.lock`);
/** Waits until all are ready, tries, says how it went, and lives until it is told to end. */
const STARTER = `
  const { tryLock } = await import(${JSON.stringify(join(import.meta.dirname, 'lock.ts'))});
  process.stdout.write('ready\\n');
  process.stdin.once('data', () => process.stdout.write(tryLock(${JSON.stringify(NAME)}) ? 'won\\n' : 'lost\\n'));
  process.stdin.on('end', () => process.exit());`;

function starter() {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', STARTER], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const word = (): Promise<string> =>
    new Promise((resolve) => child.stdout.once('data', (data: Buffer) => resolve(data.toString().trim())));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  return { child, word, ended };
}

it('of several that find the lock of a process that is no more, one gets it', async () => {
  mkdirSync(STATE_DIR, { recursive: true });
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      // No process has this number: the kernel's limit is lower.
      writeFileSync(FILE, '99999999 1');
      const starters = Array.from({ length: STARTERS }, starter);
      expect(await Promise.all(starters.map(({ word }) => word()))).toEqual(Array(STARTERS).fill('ready'));
      const answers = Promise.all(starters.map(({ word }) => word()));
      for (const { child } of starters) child.stdin.write('go');
      expect((await answers).toSorted()).toEqual([...Array<string>(STARTERS - 1).fill('lost'), 'won']);
      for (const { child } of starters) child.stdin.end();
      await Promise.all(starters.map(({ ended }) => ended));
    }
  } finally {
    rmSync(FILE, { force: true });
  }
}, 120_000);
