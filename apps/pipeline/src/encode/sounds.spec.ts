import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { copies, Sounds } from './sounds.js';

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

it('encodes one file at a time, however many are wanted, and goes on after one that cannot be encoded', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'mc-sounds-'));
  let now = 0;
  let most = 0;
  const encode = async (location: string): Promise<Buffer[]> => {
    most = Math.max(most, (now += 1));
    await setImmediate();
    now -= 1;
    if (location.endsWith('b.wav')) throw new Error('no sound');
    return [Buffer.from(location)];
  };
  try {
    const files = ['a.wav', 'b.wav', 'c.wav', 'd.wav'];
    for (const file of files) writeFileSync(join(dir, file), '');
    const sounds = new Sounds(() => dir, encode);
    const opened = await Promise.allSettled(files.map((file) => sounds.open(file, false)));
    expect(opened.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(most).toBe(1);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
