import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript';
import { afterAll, describe, expect, it } from 'vitest';
import { unhandledKindOf } from './last-resort.js';

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
  expect(unhandledKindOf(error, origin)).toBe(stray);
});

const dir = mkdtempSync(join(tmpdir(), 'mc-last-'));
const { outputText } = transpileModule(readFileSync(join(import.meta.dirname, 'last-resort.ts'), 'utf8'), {
  compilerOptions: { module: ModuleKind.ESNext, target: ScriptTarget.ESNext },
});
writeFileSync(join(dir, 'last-resort.mjs'), outputText);
afterAll(() => rmSync(dir, { recursive: true }));

/** Runs a program with the handlers installed, which `serve(end)` makes one that serves; its exit code and the lines that it wrote. */
async function run(name: string, program: string): Promise<{ code: number | null; said: string[] }> {
  const file = join(dir, `${name}.mjs`);
  writeFileSync(
    file,
    `
    import { lastResort } from './last-resort.mjs';
    const say = (level) => ({ err, count }, text) => console.log(level + ': ' + text + ' ' + (err?.message ?? err) + (count ? ' ' + count : ''));
    const resort = lastResort({ error: say('error'), fatal: say('fatal') });
    const counted = [];
    const serve = (end = async () => {}) => resort.serve({ count: (stray) => counted.push(stray), end });
    const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const countedAs = (kind) => counted.filter((stray) => stray === kind).length;
    ${program}`,
  );
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => (text += more));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, said: text.trim().split('\n') };
}

describe('an error that nothing was there to take', () => {
  it.each([
    ['a rejection', `Promise.reject(new Error('x')); await after(1000);`],
    ['a rejection at the top', `await Promise.reject(new Error('x'));`],
    ['an exception', `throw new Error('x');`],
    [
      'a broken connection',
      `setImmediate(() => { throw Object.assign(new Error('x'), { code: 'ECONNRESET' }); }); await after(1000);`,
    ],
  ])('during the start ends the process: %s', async (name, program) => {
    expect(await run(name.replaceAll(' ', '-'), `${program} console.log('never');`)).toEqual({
      code: 1,
      said: ['fatal: the start failed x'],
    });
  });

  it('in a promise or of a connection is logged and counted, and the process goes on', async () => {
    const program = `serve();
      Promise.reject(new Error('one')); setImmediate(() => { throw Object.assign(new Error('gone'), { code: 'EPIPE' }); });
      await after(50); console.log(countedAs('rejection'), countedAs('socket'), 'still here');`;
    const { code, said } = await run('rejection', program);
    expect(code).toBe(0);
    expect(said.toSorted()).toEqual([
      '1 1 still here',
      'error: nobody expected this rejection one 1',
      'error: nobody expected this socket gone 1',
    ]);
  });

  it('that comes again and again does not fill the log; each is counted, and the log has the number', async () => {
    const program = `serve(); for (let i = 0; i < 1000; i += 1) Promise.reject(new Error('x')); await after(1500); console.log(countedAs('rejection'));`;
    expect(await run('flood', program)).toEqual({
      code: 0,
      said: ['error: nobody expected this rejection x 1', 'error: nobody expected this rejection x 1000', '1000'],
    });
  });

  it('of any other kind ends the process, when it has ended in order; once', async () => {
    const program = `serve(async (error) => { await after(100); console.log('ended for ' + error.message); });
      setTimeout(() => { throw new Error('one'); }); setTimeout(() => { throw new Error('two'); }, 20); setInterval(() => {}, 1000);`;
    expect(await run('exception', program)).toEqual({
      code: 1,
      said: ['fatal: nobody expected this exception one 1', 'ended for one'],
    });
  });

  it.each([
    ['rejects', `async () => { throw new Error('no way out'); }`],
    ['throws', `() => { throw new Error('no way out'); }`],
  ])('ends the process also when the end in order %s', async (name, end) => {
    expect(
      await run(name, `serve(${end}); setTimeout(() => { throw new Error('one'); }); setInterval(() => {}, 1000);`),
    ).toEqual({
      code: 1,
      said: ['fatal: nobody expected this exception one 1', 'fatal: could not end in order no way out'],
    });
  });

  it('ends the process also when the end in order never comes and nothing else is left to do', async () => {
    const { code, said } = await run(
      'hangs',
      `serve(() => new Promise(() => {})); setTimeout(() => { throw new Error('one'); });`,
    );
    expect([code, said]).toEqual([1, ['fatal: nobody expected this exception one 1']]);
  }, 15_000);
});
