import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';
import { strayOf } from './last-resort.js';

const coded = (code: string): Error => Object.assign(new Error(code), { code });

it.each([
  [coded('ECONNRESET'), 'uncaughtException', 'socket'],
  [coded('EPIPE'), 'uncaughtException', 'socket'],
  [coded('ERR_STREAM_WRITE_AFTER_END'), 'uncaughtException', 'socket'],
  [coded('ECONNRESET'), 'unhandledRejection', 'rejection'],
  [new TypeError('x is not a function'), 'uncaughtException', 'exception'],
  [coded('EADDRINUSE'), 'uncaughtException', 'exception'],
  [null, 'uncaughtException', 'exception'],
  ['text', 'unhandledRejection', 'rejection'],
] as const)('%s by %s is a %s', (error, origin, stray) => {
  expect(strayOf(error, origin)).toBe(stray);
});

/** Runs a process with the last resort in it; its exit code, and what it wrote. */
const run = (steps: string): Promise<{ code: number; text: string }> =>
  new Promise((resolve) => {
    const source = ts.transpileModule(readFileSync(join(import.meta.dirname, 'last-resort.ts'), 'utf8'), { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } });
    const module = `data:text/javascript;base64,${Buffer.from(source.outputText).toString('base64')}`;
    const script = `
      import { lastResort } from ${JSON.stringify(module)};
      const write = (level) => (_fields, text) => console.log(level, text);
      const resort = lastResort({ fatal: write('fatal'), error: write('error') });
      const counted = [];
      const serve = () => resort.serve({ count: (stray) => counted.push(stray), end: async () => console.log('ended in order') });
      const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
      ${steps}`;
    execFile(process.execPath, ['--input-type=module', '-e', script], (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), text: stdout + (stdout === '' ? stderr : '') }));
  });

it('a process that serves goes on after rejections and broken connections, and counts each', async () => {
  const broken = `Object.assign(new Error('gone'), { code: 'ECONNRESET' })`;
  const { code, text } = await run(`serve();
    for (let i = 0; i < 5; i += 1) { Promise.reject(new Error('nobody waits')); setImmediate(() => { throw ${broken}; }); await after(5); }
    console.log(counted.filter((stray) => stray === 'rejection').length, counted.filter((stray) => stray === 'socket').length, 'goes on');`);
  expect(text).toContain('5 5 goes on');
  // Not a line for each.
  expect(text.match(/^error/gm)).toHaveLength(2);
  expect(code).toBe(0);
});

it('any other exception ends it in order', async () => {
  const { code, text } = await run(`serve(); setImmediate(() => { throw new TypeError('a bug'); }); await after(1000); console.log('never');`);
  expect([code, text.trim().split('\n')]).toEqual([1, ['fatal nobody expected this exception', 'ended in order']]);
});

it('a start that fails ends the process', async () => {
  for (const source of [`Promise.reject(new Error('x')); await after(1000);`, `await Promise.reject(new Error('x'));`, `throw new Error('x');`]) {
    expect(await run(source)).toEqual({ code: 1, text: 'fatal the start failed\n' });
  }
});
