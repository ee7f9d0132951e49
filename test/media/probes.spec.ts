// A platform that is only tried must not be felt by the worker that tries it: probes are processes of their own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { Prober } from '../../apps/worker/src/node/prober.js';
import { loadEnv } from '../../libs/config/src/index.js';
import { TransferUrl } from '../../libs/transfer/src/index.js';
import { freePort } from '../support/ports.js';
import { type Script, startScriptedRtmpServer } from '../support/scripted-rtmp-server.js';

const MAIN = join(import.meta.dirname, '../../dist/apps/pipeline/src/probe/main.js');
const dir = mkdtempSync(join(tmpdir(), 'probes-'));
const closers: (() => unknown)[] = [];
let prober: Prober;

const env = loadEnv({
  DATABASE_URL: 'postgres://db.example/x',
  REDIS_URL: 'redis://redis.example',
  MASTER_KEYS: `k1:${Buffer.alloc(32).toString('base64')}`,
  ALLOWED_PRIVATE_HOSTS: '127.0.0.0/8',
});
const newProber = (file = MAIN): Prober => Object.assign(new Prober(env), { file });

beforeEach(() => {
  prober = newProber();
});
afterEach(async () => {
  prober.abort();
  await Promise.all(closers.splice(0).map((close) => close()));
});
afterAll(() => rmSync(dir, { recursive: true }));

async function platform(script: Script = {}): Promise<TransferUrl> {
  const server = await startScriptedRtmpServer(script);
  closers.push(() => server.stop());
  return TransferUrl.parse(`rtmp://127.0.0.1:${server.port}/live/KEY`);
}

function program(text: string): string {
  const file = join(dir, `${Math.random().toString(36).slice(2)}.mjs`);
  writeFileSync(file, text);
  return file;
}

it('say what a platform said, under the rules of this node', async () => {
  expect(await prober.probe(await platform(), {})).toMatchObject({ code: null, detail: null });
  expect(
    await prober.probe(
      await platform({ publish: { refuse: 'NetStream.Publish.Denied', description: 'key is unknown' } }),
      {},
    ),
  ).toMatchObject({ code: 'publish_denied', detail: 'NetStream.Publish.Denied: *** is unknown' });
  expect(await prober.probe(TransferUrl.parse(`rtmp://127.0.0.1:${await freePort()}/live/KEY`), {})).toMatchObject({
    code: 'tcp_refused',
  });
  expect(await prober.probe(TransferUrl.parse('rtmp://10.0.0.1/live/KEY'), {})).toMatchObject({
    code: 'address_forbidden',
  });
  expect(
    await prober.probe(await platform({ connect: () => ({ refuse: 'x', redirect: 'rtmp://10.0.0.1/live' }) }), {}),
  ).toMatchObject({ code: 'address_forbidden' });
});

it('that never end are ended, and the worker goes on meanwhile', async () => {
  prober = Object.assign(newProber(program('for (;;);')), { deadlineMs: 2000 });
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 10);
  closers.push(() => clearInterval(timer));
  const results = await Promise.all(
    [1, 2, 3].map(() => prober.probe(TransferUrl.parse('rtmp://a.example/live/KEY'), {})),
  );
  for (const { code, ms } of results) {
    expect(code).toBe('publish_timeout');
    expect(ms).toBeGreaterThanOrEqual(1900);
  }
  expect(longest).toBeLessThan(500);
  expect((prober as unknown as { running: Set<unknown> }).running.size).toBe(0);
}, 20_000);

it.each([
  ['is not there', () => join(dir, 'nothing.mjs')],
  ['fails', () => program('process.exit(3)')],
  ['says nonsense', () => program('console.log("hello")')],
  [
    'says too much',
    () =>
      program('for (let i = 0; i < 1000; i += 1) console.log("x".repeat(1000)); setInterval(() => undefined, 1000)'),
  ],
  ['takes all memory', () => program('const all = []; for (;;) all.push(new Array(10_000).fill(all.length))')],
])(
  'whose program %s are our own fault',
  async (_, file) => {
    prober = newProber(file());
    expect(await prober.probe(TransferUrl.parse('rtmp://a.example/live/KEY'), {})).toMatchObject({
      code: 'service_error',
      detail: null,
    });
  },
  20_000,
);

it('are eight at a time; the others wait, and not for long', async () => {
  prober = Object.assign(newProber(program('setInterval(() => undefined, 1000)')), { deadlineMs: 2000 });
  const results = await Promise.all(
    Array.from({ length: 10 }, () => prober.probe(TransferUrl.parse('rtmp://a.example/live/KEY'), {})),
  );
  expect(results.map(({ code }) => String(code)).toSorted((a, b) => a.localeCompare(b))).toEqual([
    ...Array<string>(8).fill('publish_timeout'),
    'service_error',
    'service_error',
  ]);
  prober.file = MAIN;
  prober.deadlineMs = 11_500;
  const url = await platform();
  expect((await Promise.all(Array.from({ length: 10 }, () => prober.probe(url, {})))).map(({ code }) => code)).toEqual(
    Array<null>(10).fill(null),
  );
}, 40_000);

it('tell the key to nobody by their arguments', async () => {
  const file = program(
    'process.stdout.write(JSON.stringify({ code: JSON.stringify([process.argv, process.env]), detail: null, ms: 0 }))',
  );
  prober = newProber(file);
  process.env.SECRET_OF_THE_WORKER = 'SECRET';
  const { code } = await prober.probe(TransferUrl.parse('rtmp://a.example/live/KEY'), {});
  delete process.env.SECRET_OF_THE_WORKER;
  expect(code).toContain(file);
  expect(code).not.toContain('KEY');
  expect(code).not.toContain('SECRET');
});
