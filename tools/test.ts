// npm test: sets up what is missing, then runs everything: types, lint, unit, e2e (real PostgreSQL, Redis, HTTP) and media
// (real GStreamer, Chromium, RTMP servers) tests. Arguments go to vitest: npm test -- --project unit
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { codeOf } from './lib/errors.ts';
import { runMain } from './lib/main.ts';
import { ROOT, STATE_DIR } from './lib/paths.ts';
import { setUp } from './lib/setup.ts';
import { colour, say, since } from './lib/terminal.ts';

const REPORT = join(STATE_DIR, 'test/report.json');
const bin = (name: string) => join(ROOT, 'node_modules/.bin', name);

interface Result {
  passed: number;
  failed: number;
}

/** What we read of vitest's JSON report. Times in ms. */
interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numFailedTestSuites: number;
  testResults: { name: string; startTime: number; endTime: number }[];
}

await runMain(async () => {
  const started = performance.now();
  const args = process.argv.slice(2);
  await setUp({ uses: ['core', 'demo', 'tests'] });
  // The checks run beside the first tests, which wait for much of their time.
  const results: Result[] = (await Promise.all([args.length === 0 ? checkAll() : [], vitest(args)])).flat();
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  say(`\nAll in ${since(started)}.`);
  say(`${passed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
});

/** What is checked is said in package.json, once. */
async function checkAll(): Promise<Result[]> {
  const results: Result[] = [];
  for (const [name, script] of [
    ['types', 'typecheck'],
    ['lint', 'lint'],
    ['format', 'format:check'],
  ] as const)
    results.push(await check(name, ['npm', 'run', '--silent', script]));
  return results;
}

/** What it says is shown when it has ended, in one piece: tests report at the same time. */
async function check(name: string, [program, ...args]: [string, ...string[]]): Promise<Result> {
  const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => output.push(data));
  const ok = await new Promise<boolean>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code === 0));
  });
  if (!ok) process.stdout.write(Buffer.concat(output));
  say(`${ok ? colour('green', '✓') : colour('red', '✗')} ${name}`);
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1 };
}

/** A run that breaks off without a report counts as one failure. */
async function vitest(args: string[]): Promise<Result> {
  mkdirSync(join(STATE_DIR, 'test'), { recursive: true, mode: 0o700 });
  rmSync(REPORT, { force: true });
  const code = await run([
    bin('vitest'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${REPORT}`,
    ...args,
  ]);
  try {
    const { numPassedTests, numFailedTests, numFailedTestSuites, testResults } = JSON.parse(
      readFileSync(REPORT, 'utf8'),
    ) as Report;
    saySlowest(testResults);
    // A file that does not even load has no tests to fail.
    const failed = numFailedTests || (code === 0 ? 0 : Math.max(1, numFailedTestSuites));
    return { passed: numPassedTests, failed };
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return { passed: 0, failed: 1 };
  }
}

function saySlowest(files: Report['testResults']): void {
  const slowest = files
    .map(({ name, startTime, endTime }) => ({ name: relative(ROOT, name), seconds: (endTime - startTime) / 1000 }))
    .toSorted((a, b) => b.seconds - a.seconds);
  say('\nThe slowest files:');
  for (const { name, seconds } of slowest.slice(0, 10)) say(`${seconds.toFixed(1).padStart(7)} s  ${name}`);
}

function run([program = '', ...args]: string[]): Promise<number> {
  const child = spawn(program, args, { cwd: ROOT, stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
