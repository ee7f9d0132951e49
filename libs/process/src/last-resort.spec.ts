import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript';
import { afterAll, describe, expect, it } from 'vitest';

const dir = mkdtempSync(join(tmpdir(), 'mc-last-'));
const { outputText } = transpileModule(readFileSync(join(import.meta.dirname, 'last-resort.ts'), 'utf8'), { compilerOptions: { module: ModuleKind.ESNext, target: ScriptTarget.ESNext } });
writeFileSync(join(dir, 'last-resort.mjs'), outputText);
afterAll(() => rmSync(dir, { recursive: true }));

/** Runs a program with the handlers installed: `leave` is its way to end. */
async function run(name: string, leave: string, program: string): Promise<{ code: number | null; said: string[] }> {
  const file = join(dir, `${name}.mjs`);
  writeFileSync(file, `
    import { installLastResort } from './last-resort.mjs';
    const say = (level) => ({ err, count }, text) => console.log(level + ': ' + text + ' ' + (err.message ?? err) + (count ? ' ' + count : ''));
    installLastResort({ error: say('error'), fatal: say('fatal') }, async (error) => { ${leave} });
    ${program}`);
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => (text += more));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, said: text.trim().split('\n') };
}

describe('a fault that nobody caught', () => {
  it('in a promise is logged and counted, and the process goes on', async () => {
    const program = "void Promise.reject(new Error('one')); void Promise.reject('two'); setTimeout(() => console.log('still here'), 50);";
    expect(await run('rejection', "console.log('left')", program)).toEqual({ code: 0, said: ['error: unhandled rejection one 1', 'error: unhandled rejection two 2', 'still here'] });
  });

  it('that comes again and again does not fill the log', async () => {
    const { said } = await run('flood', '', 'for (let i = 0; i < 1000; i += 1) void Promise.reject(new Error("x"));');
    expect(said.length).toBe(25);
    expect(said.at(-1)).toBe('error: unhandled rejection x 512');
  });

  it('outside of promises ends the process, when it has left orderly; once', async () => {
    const program = "setTimeout(() => { throw new Error('one'); }); setTimeout(() => { throw new Error('two'); }, 20); setInterval(() => {}, 1000);";
    expect(await run('exception', "await new Promise((resolve) => setTimeout(resolve, 100)); console.log('left for ' + error.message)", program)).toEqual({
      code: 1,
      said: ['fatal: uncaught exception one 1', 'fatal: uncaught exception two 2', 'left for one'],
    });
  });

  it('while leaving does not keep the process', async () => {
    expect(await run('twice', "throw new Error('no way out')", "setTimeout(() => { throw new Error('one'); }); setInterval(() => {}, 1000);")).toEqual({
      code: 1,
      said: ['fatal: uncaught exception one 1', 'fatal: could not end properly no way out'],
    });
  });
});
