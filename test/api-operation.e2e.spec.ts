import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPERATIONS } from '../apps/api/src/openapi/operations.js';
import { History } from '../apps/api/src/metrics/history.js';
import { Housekeeping } from '../apps/api/src/retention/housekeeping.js';
import { basic, startApp, type TestApp, type TestCustomer } from './support/app.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';

const METRICS_TOKEN = 'prometheus-may-read-this';
let api: TestApp;
let node: ScriptedNode;
let operator: TestCustomer;
let alice: TestCustomer;
let dashboard: string;

beforeAll(async () => {
  dashboard = mkdtempSync(join(tmpdir(), 'manycast-dashboard-'));
  mkdirSync(join(dashboard, 'assets'));
  writeFileSync(
    join(dashboard, 'index.html'),
    '<!doctype html><meta name="csp-nonce" content="__CSP_NONCE__"><script type="module" src="/assets/app.js"></script>',
  );
  writeFileSync(join(dashboard, 'assets/app.js'), 'console.log(1)');
  api = await startApp({
    METRICS_TOKEN,
    DASHBOARD_DIR: dashboard,
    REQUESTS_PER_SECOND: '20',
    LOGIN_FAILURES_PER_MINUTE: '3',
  });
  node = await startScriptedNode(api);
  operator = await api.customer('operator');
  alice = await api.customer();
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
  rmSync(dashboard, { recursive: true, force: true });
});

describe('rate limits', () => {
  it('are per credential, said in headers, and refused as Agora refuses', async () => {
    const carol = await api.customer();
    const answers = await Promise.all(Array.from({ length: 60 }, () => carol.call('GET', '/v1/me')));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect([refused[0]?.body, refused[0]?.headers.get('retry-after')]).toMatchObject([
      { message: 'API rate limit exceeded', code: 'rate_limited' },
      '1',
    ]);
    expect(answers[0]?.headers.get('ratelimit-limit')).toBe('20');
    expect((await alice.call('GET', '/v1/me')).status).toBe(200);
    await expect.poll(async () => (await carol.call('GET', '/v1/me')).status, { timeout: 3000 }).toBe(200);
  });

  it('slow down who tries secrets, and nobody else', async () => {
    const guess = (id: string) => api.anonymous('GET', '/v1/me', undefined, { authorization: basic(id, 'wrong') });
    const dave = await api.customer();
    expect([await guess(dave.id), await guess(dave.id), await guess(dave.id)].map(({ status }) => status)).toEqual([
      401, 401, 401,
    ]);
    const fourth = await guess(dave.id);
    expect([fourth.body, Number(fourth.headers.get('retry-after'))]).toMatchObject([
      { status: 429, code: 'too_many_failures' },
      expect.any(Number),
    ]);
    // From this address, for this customer: right or wrong, so that guessing is no use.
    expect((await dave.call('GET', '/v1/me')).status).toBe(429);
    expect((await api.anonymous('POST', '/session', { customerId: dave.id, customerSecret: dave.secret })).status).toBe(
      429,
    );
    expect((await alice.call('GET', '/v1/me')).status).toBe(200);
  });
});

describe('an Idempotency-Key', () => {
  it('has a repeated request answered, not done again', async () => {
    const eve = await api.customer();
    const post = (key: string, name = 'once') => eve.call('POST', '/v1/projects', { name }, { 'idempotency-key': key });
    const first = await post('a');
    const second = await post('a');
    expect([second.status, second.body, second.headers.get('idempotency-replayed')]).toEqual([201, first.body, 'true']);
    expect((await post('a', 'other')).body).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
    const racing = await Promise.all([1, 2, 3].map(() => post('b')));
    expect(
      racing.filter(({ status, headers }) => status === 201 && headers.get('idempotency-replayed') === null),
    ).toHaveLength(1);
    expect((await eve.call('GET', '/v1/projects')).body).toMatchObject({
      projects: [{}, { name: 'once' }, { name: 'once' }],
    });
    // Another customer's key of the same name is another key.
    expect(
      (await alice.call('POST', '/v1/projects', { name: 'once' }, { 'idempotency-key': 'a' })).headers.get(
        'idempotency-replayed',
      ),
    ).toBeNull();
    expect((await post('x'.repeat(300))).status).toBe(400);
  });

  it.each(OPERATIONS.filter(({ method, isPublic }) => method === 'post' && !isPublic).map(({ path }) => [path]))(
    'is looked at by POST %s',
    async (path) => {
      const operator = await api.customer('operator');
      const answer = await operator.call('POST', path.replace(/\{\w+\}/g, 'any'), {}, { 'idempotency-key': 'a b' });
      expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('Idempotency-Key')]);
    },
  );

  it('is free again after a refusal, and keeps no secret in clear', async () => {
    const eve = await api.customer();
    const path = `/v1/customers/${eve.id}/credentials`;
    expect((await eve.call('POST', path, { expiresIn: 1 }, { 'idempotency-key': 'k' })).status).toBe(400);
    const made = await eve.call('POST', path, { label: 'x' }, { 'idempotency-key': 'k' });
    const { secret } = made.body as { secret: string };
    expect((await eve.call('POST', path, { label: 'x' }, { 'idempotency-key': 'k' })).body).toMatchObject({ secret });
    expect(JSON.stringify(await api.prisma.idempotencyKey.findMany())).not.toContain(secret);
  });
});

describe('metrics', () => {
  it('are for operators and the one token, and count what goes on', async () => {
    expect((await alice.call('GET', '/metrics')).status).toBe(404);
    expect((await api.anonymous('GET', '/metrics')).status).toBe(401);
    expect(
      (await api.anonymous('GET', '/metrics', undefined, { authorization: 'Bearer wrong-wrong-wrong-wrong' })).status,
    ).toBe(401);
    expect(
      (await api.anonymous('GET', '/v1/nodes', undefined, { authorization: `Bearer ${METRICS_TOKEN}` })).status,
    ).toBe(401);
    const { text } = await api.anonymous('GET', '/metrics', undefined, { authorization: `Bearer ${METRICS_TOKEN}` });
    expect(text).toMatch(/^manycast_node_slots\{node="node-1"\} 10$/m);
    expect(text).toMatch(/^manycast_jobs_waiting\{queue="streams"\} 0$/m);
    expect(text).toMatch(/^manycast_http_request_seconds_count\{method="GET",route="\/v1\/me",status="200"\} \d+$/m);
    expect(text).not.toContain(alice.appid);
    expect((await operator.call('GET', '/metrics')).status).toBe(200);
  });

  it('have a history for the dashboard', async () => {
    expect((await operator.call('GET', '/v1/queues')).body).toMatchObject({
      queues: [{ name: 'streams' }, { name: 'callbacks' }],
    });
    const { points } = (await operator.call('GET', '/v1/history?minutes=5')).body as { points: object[] };
    expect(points.at(-1)).toMatchObject({ streams: 0, arrivals: 0 });
    const past = api.app.get(History) as unknown as { note(): Promise<void>; noted: number | null };
    // It does so by itself, too.
    past.noted = null;
    // A minute that could not be read is not marked as written.
    const locker = new Client({ connectionString: process.env.DATABASE_URL });
    await locker.connect();
    try {
      await locker.query('BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE');
      await expect(past.note()).rejects.toThrow(/timeout|lock|cancel/i);
    } finally {
      await locker.end();
    }
    await Promise.all([past.note(), past.note()]);
    // However many processes note it, a minute is one point.
    const { points: all } = (await operator.call('GET', '/v1/history')).body as { points: { at: string }[] };
    expect(all.length).toBeGreaterThan(1);
    expect(new Set(all.map(({ at }) => at)).size).toBe(all.length);
  });
});

describe('housekeeping', () => {
  it('deletes what is old, and nothing else', async () => {
    const entryPoint = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: alice.appid } });
    const [old, fresh] = [new Date(Date.now() - 400 * 86_400_000), new Date()];
    for (const at of [old, fresh]) {
      await api.prisma.callbackDelivery.create({
        data: {
          entryPointId: entryPoint.id,
          attempt: 1,
          url: 'http://x/',
          outcome: 'ok',
          durationMs: 1,
          createdAt: at,
        },
      });
      await api.prisma.event.create({ data: { projectId: alice.appid, type: 'test', at } });
      for (const state of ['ended', 'live'] as const) {
        await api.prisma.stream.create({
          data: {
            projectId: alice.appid,
            entryPointId: entryPoint.id,
            name: `${state}-${at.getTime()}`,
            state,
            createdAt: at,
            endedAt: state === 'ended' ? at : null,
          },
        });
      }
    }
    expect(await api.app.get(Housekeeping).clean()).toBe(3);
    expect(await api.prisma.stream.count({ where: { projectId: alice.appid } })).toBe(3);
    expect(await api.app.get(Housekeeping).clean()).toBe(0);
    await api.prisma.stream.updateMany({ where: { projectId: alice.appid }, data: { state: 'ended', endedAt: fresh } });
  });
});

describe('pages', () => {
  const get = async (path: string, accept = 'text/html') => {
    const response = await fetch(api.url + path, { headers: { accept } });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text: () => text,
      json: () => JSON.parse(text) as unknown,
    };
  };

  it('are the dashboard, also for deep links, under a policy that lets nothing else in', async () => {
    for (const path of ['/', '/streams/abc', '/settings/live']) {
      const response = await get(path);
      const policy = response.headers.get('content-security-policy') ?? '';
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      expect(policy).toMatch(/default-src 'none'; script-src 'self'; style-src 'self' 'nonce-[\w+/=]{20,}'/);
      expect(policy).toContain("frame-ancestors 'none'");
      expect(response.text()).toContain(`content="${/nonce-([\w+/=]+)/.exec(policy)?.[1]}"`);
    }
    const asset = await get('/assets/app.js', '*/*');
    expect([asset.status, asset.headers.get('cache-control')]).toEqual([200, 'public, max-age=31536000, immutable']);
    expect((await get('/assets/..%2f..%2f..%2fetc%2fpasswd', '*/*')).status).not.toBe(200);
    // The API's own paths are the API's, whatever is accepted.
    expect((await get('/v1/nothing')).headers.get('content-type')).toBe('application/problem+json');
    expect((await get('/nothing', 'application/json')).status).toBe(404);
  });

  it('are the documentation of the API, from our own host', async () => {
    const html = (await get('/docs')).text();
    for (const [, src] of html.matchAll(/(?:src|href)="([^"]+)"/g))
      expect((await get(src as string, '*/*')).status, src).toBe(200);
    expect(html).not.toMatch(/https?:/);
    const document = (await get('/openapi.json')).json() as { openapi: string; paths: object };
    expect([document.openapi, Object.keys(document.paths).length > 40]).toEqual(['3.1.0', true]);
  });
});
