import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const ADDON = join(import.meta.dirname, '../../build/process.node');
const isRoot = process.getuid?.() === 0;
const UID = isRoot ? 60_600 : 0;
const dir = mkdtempSync(join(tmpdir(), 'mc-sandbox-'));
const server = createServer((socket) => socket.on('error', () => socket.destroy()).end('hello'));
const local = createServer((socket) => socket.on('error', () => socket.destroy()).end('hello'));
let port: number;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await new Promise<void>((resolve) => local.listen(join(dir, 'l.sock'), resolve));
  ({ port } = server.address() as { port: number });
  writeFileSync(join(dir, 'secret'), 'x', { mode: 0o600 });
});
afterAll(() => {
  server.close();
  local.close();
  rmSync(dir, { recursive: true });
});

/** Runs a program after it has confined itself; what it prints. */
async function confined(program: string): Promise<unknown> {
  const log = join(dir, 'log');
  writeFileSync(log, '', { mode: 0o666 });
  const text = `
    const fs = require('node:fs'), net = require('node:net'), child = require('node:child_process'), { Worker } = require('node:worker_threads');
    const log = fs.openSync(${JSON.stringify(log)}, 'a');
    const failed = require(${JSON.stringify(ADDON)}).confine({ uid: ${UID}, files: 64, fileBytes: 1e6, dataBytes: 4e9, tasks: 512 });
    const say = (value) => console.log(JSON.stringify(value));
    const attempt = (what) => { try { return what() ?? 'done'; } catch (error) { return error.code; } };
    const dial = (...to) => new Promise((resolve) => net.connect(...to).on('data', (data) => resolve(String(data))).on('error', ({ code }) => resolve(code)));
    (async () => { ${program} })();`;
  const running = spawn(process.execPath, ['-e', text], { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/' });
  let output = '';
  running.stdout.setEncoding('utf8').on('data', (more: string) => (output += more));
  await new Promise((resolve) => running.once('close', resolve));
  return JSON.parse(output);
}

it('everything is done that this machine allows', async () => {
  expect(await confined('say(failed)')).toEqual([]);
});

it('threads, TCP, names and files of the system go on', async () => {
  const program = `say([await dial(${port}, '127.0.0.1'), await new Promise((resolve) => new Worker('require("node:worker_threads").parentPort.postMessage(7)', { eval: true }).on('message', resolve)), (await require('node:dns/promises').lookup('localhost')).address !== undefined, fs.readFileSync('/etc/passwd').length > 0, require('node:os').networkInterfaces().lo !== undefined])`;
  expect(await confined(program)).toEqual(['hello', 7, true, true, true]);
});

it('no program, no other process, no local socket, no device of the network below IP', async () => {
  const program = `say([child.spawnSync('/bin/true').error?.code, attempt(() => process.kill(process.ppid, 0)), attempt(() => process.kill(process.pid, 0)), await dial(${JSON.stringify(join(dir, 'l.sock'))})])`;
  const [spawned, other, itself, socket] = (await confined(program)) as string[];
  expect(['EPERM', 'EAFNOSUPPORT', 'EACCES']).toContain(spawned);
  expect([other, itself, socket]).toEqual(['EPERM', true, 'EAFNOSUPPORT']);
});

it.skipIf(!isRoot)('no way back to root, none of its files', async () => {
  const program = `say([process.getuid(), process.getgroups(), attempt(() => process.setuid(0)), attempt(() => fs.readFileSync(${JSON.stringify(join(dir, 'secret'))})), attempt(() => fs.readFileSync('/proc/' + process.ppid + '/environ'))])`;
  expect(await confined(program)).toEqual([UID, [UID], 'EPERM', 'EACCES', 'EACCES']);
});

it('a log grows to its bound, and the process goes on without it', async () => {
  expect(
    await confined(
      "const line = 'x'.repeat(999) + '\\\\n'; let refused; for (let i = 0; i < 2000 && !refused; i += 1) refused = attempt(() => void fs.writeSync(log, line)) === 'EFBIG'; say(refused)",
    ),
  ).toBe(true);
  expect(readFileSync(join(dir, 'log')).length).toBeLessThanOrEqual(1e6);
});
