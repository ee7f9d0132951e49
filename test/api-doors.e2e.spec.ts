// What somebody outside may try at the doors of the API: each of these once broke something, or left it open.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Housekeeping } from '../apps/api/src/retention/housekeeping.js';
import { basic, startApp, type TestApp, type TestCustomer } from './support/app.js';
import { freePort } from './support/ports.js';

let api: TestApp;
let alice: TestCustomer;
let wsPort: number;
let dashboard: string;

beforeAll(async () => {
  wsPort = await freePort();
  dashboard = mkdtempSync(join(tmpdir(), 'manycast-dashboard-'));
  writeFileSync(join(dashboard, 'index.html'), '<!doctype html><meta name="csp-nonce" content="__CSP_NONCE__">');
  api = await startApp({ FLASHPHONER_WS_PORT: String(wsPort), LISTEN_ADDRESS: '127.0.0.1', DASHBOARD_DIR: dashboard });
  alice = await api.customer();
});
afterAll(async () => {
  await api?.stop();
  rmSync(dashboard, { recursive: true, force: true });
});
afterEach(() => vi.restoreAllMocks());

/** Sends text to a port and gives back what came until the other side hung up. */
const raw = (port: number, text: string): Promise<string> =>
  new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.setTimeout(5000, () => socket.destroy());
    socket
      .on('data', (data) => (answer += data.toString()))
      .on('error', () => undefined)
      .on('close', () => resolve(answer));
  });
const apiPort = (): number => Number(new URL(api.url).port);

describe('requests for an upgrade', () => {
  it.each(['//', 'http://[/websocket', '*', '/%'])('to %s end no process', async (target) => {
    const upgrade =
      'Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    const socket = connect(wsPort, '127.0.0.1', () => socket.write(`GET ${target} HTTP/1.1\r\n${upgrade}\r\n`));
    const answer = await new Promise<string>((resolve) =>
      socket.once('data', (data) => resolve(data.toString())).once('close', () => resolve('closed')),
    );
    socket.destroy();
    expect(answer).toMatch(/^HTTP\/1\.1 (101|400)/);
  });

  it("to another protocol than WebSocket are answered over HTTP/1.1: Java's client asks for h2c with everything", async () => {
    const more = `Host: x\r\nAuthorization: ${basic(alice.id, alice.secret)}\r\nConnection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n`;
    expect(await raw(apiPort(), `GET /v1/me HTTP/1.1\r\n${more}\r\n`)).toMatch(/^HTTP\/1\.1 200 /);
    const body = JSON.stringify({ streamName: 'nobody' });
    expect(
      await raw(apiPort(), `POST /rest-api/push/find HTTP/1.1\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`),
    ).toContain('Transponder not found');
    expect(
      await raw(apiPort(), `GET /elsewhere HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`),
    ).toMatch(/^HTTP\/1\.1 404 /);
  });
});

it('who sends pings and reads no answer is hung up on', async () => {
  const socket = connect(wsPort, '127.0.0.1');
  let closed = false;
  socket.once('close', () => (closed = true)).on('error', () => undefined);
  socket.write(
    'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  // Masked with nothing.
  const text = JSON.stringify({ message: 'ping', data: [] });
  const frame = Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
  const frames = Buffer.concat(Array.from({ length: 2000 }, () => frame));
  await expect
    .poll(
      () => {
        if (!closed && socket.writableLength < 4_000_000) socket.write(frames);
        return closed;
      },
      { timeout: 20_000, interval: 1 },
    )
    .toBe(true);
}, 30_000);

it('an Authorization header takes no time to refuse', async () => {
  const times: number[] = [];
  for (let i = 0; i < 10; i += 1) {
    const started = performance.now();
    const answer = await fetch(`${api.url}/v1/me`, { headers: { authorization: `hmac ${'a'.repeat(15_000)}` } });
    expect(answer.status).toBe(401);
    times.push(performance.now() - started);
  }
  // A pattern that goes back and forth takes its time every time; a machine that is busy, not.
  expect(Math.min(...times)).toBeLessThan(60);
});

describe('a session at the dashboard', () => {
  const signIn = async (customerId: string, customerSecret: string): Promise<string> => {
    const answer = await api.anonymous('POST', '/session', { customerId, customerSecret });
    return (answer.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '';
  };

  it('ends with the secret that it was begun with', async () => {
    const carol = await api.customer();
    const path = `/v1/customers/${carol.id}/credentials`;
    const { id, secret } = (await carol.call('POST', path, { label: 'leaked' })).body as { id: string; secret: string };
    const [own, thief] = [await signIn(carol.id, carol.secret), await signIn(carol.id, secret)];
    expect((await api.anonymous('GET', '/v1/me', undefined, { cookie: thief })).status).toBe(200);
    expect((await carol.call('DELETE', `${path}/${id}`)).status).toBe(204);
    expect((await api.anonymous('GET', '/v1/me', undefined, { cookie: thief })).status).toBe(401);
    expect((await api.anonymous('GET', '/session', undefined, { cookie: thief })).status).toBe(401);
    expect((await api.anonymous('GET', '/v1/me', undefined, { cookie: own })).status).toBe(200);
  });

  it('is begun by no other page, for somebody else than its reader thinks', async () => {
    const of = (origin: string) =>
      api.anonymous('POST', '/session', { customerId: alice.id, customerSecret: alice.secret }, { origin });
    expect((await of('https://evil.example')).status).toBe(403);
    expect((await of('null')).status).toBe(403);
    expect((await of(api.url)).status).toBe(200);
  });
});

describe('event feeds', () => {
  const feed = ({ appid, id, secret }: TestCustomer, signal?: AbortSignal) =>
    fetch(`${api.url}/v1/projects/${appid}/fls/events/stream`, {
      headers: { authorization: basic(id, secret) },
      signal,
    });

  it('end with the secret that they were asked for with', async () => {
    const frank = await api.customer();
    const path = `/v1/customers/${frank.id}/credentials`;
    const { id, secret } = (await frank.call('POST', path, { label: 'leaked' })).body as { id: string; secret: string };
    let hasEnded = false;
    void (await feed({ ...frank, secret })).text().then(() => (hasEnded = true));
    expect((await frank.call('DELETE', `${path}/${id}`)).status).toBe(204);
    await expect.poll(() => hasEnded, { timeout: 8000 }).toBe(true);
  }, 15_000);

  it('end with the session at the dashboard that they were asked for with', async () => {
    const ivan = await api.customer();
    const signedIn = await api.anonymous('POST', '/session', { customerId: ivan.id, customerSecret: ivan.secret });
    const cookie = String(signedIn.headers.get('set-cookie')).split(';')[0] as string;
    let hasEnded = false;
    const opened = await fetch(`${api.url}/v1/projects/${ivan.appid}/fls/events/stream`, { headers: { cookie } });
    expect(opened.status).toBe(200);
    void opened.text().then(() => (hasEnded = true));
    // Signs out everywhere; the secret itself stays good.
    expect((await api.anonymous('DELETE', '/session/all', undefined, { cookie, 'x-manycast': '1' })).status).toBe(204);
    await expect.poll(() => hasEnded, { timeout: 8000 }).toBe(true);
  }, 15_000);

  it('of a project are so many at most', async () => {
    const grace = await api.customer();
    const left = new AbortController();
    const answers = await Promise.all(Array.from({ length: 105 }, () => feed(grace, left.signal)));
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(5);
    expect((await feed(alice, left.signal)).status).toBe(200);
    left.abort();
    await expect
      .poll(async () => {
        const again = new AbortController();
        const { status } = await feed(grace, again.signal);
        again.abort();
        return status;
      })
      .toBe(200);
  });
});

it('projects are listed in pages', async () => {
  const heidi = await api.customer();
  for (const name of ['b', 'a', 'c']) await heidi.call('POST', '/v1/projects', { name });
  const list = async (query: string) =>
    (await heidi.call('GET', `/v1/projects${query}`)).body as {
      projects: { name: string }[];
      nextCursor: string | null;
    };
  const first = await list('?limit=3');
  expect(first.projects.map(({ name }) => name)).toEqual(['Test', 'b', 'a']);
  const second = await list(`?limit=3&cursor=${first.nextCursor}`);
  expect([second.projects.map(({ name }) => name), second.nextCursor]).toEqual([['c'], null]);
  expect((await list('')).projects).toHaveLength(4);
  expect((await heidi.call('GET', `/v1/projects?cursor=${heidi.appid}`)).status).toBe(400);
});

it('projects are found by a part of their name', async () => {
  const [judy, mallory] = await Promise.all([api.customer(), api.customer()]);
  for (const name of ['Morning Show', 'show at 100%', 'Evening', '100 shows_', 'back\\slash'])
    await judy.call('POST', '/v1/projects', { name });
  await mallory.call('POST', '/v1/projects', { name: 'Other show' });
  const list = async (query: string) =>
    (await judy.call('GET', `/v1/projects?${query}`)).body as {
      projects: { name: string }[];
      nextCursor: string | null;
    };
  const found = async (q: string) => (await list(`q=${encodeURIComponent(q)}`)).projects.map(({ name }) => name);
  expect(await found('SHOW')).toEqual(['Morning Show', 'show at 100%', '100 shows_']);
  // No wildcards.
  expect(await found('%')).toEqual(['show at 100%']);
  expect(await found('_')).toEqual(['100 shows_']);
  expect(await found('\\')).toEqual(['back\\slash']);
  expect(await found('nothing of this name')).toEqual([]);
  expect(await found('')).toHaveLength(6);
  const first = await list('q=show&limit=2');
  expect(first.projects.map(({ name }) => name)).toEqual(['Morning Show', 'show at 100%']);
  expect((await list(`q=show&limit=2&cursor=${first.nextCursor}`)).projects.map(({ name }) => name)).toEqual([
    '100 shows_',
  ]);
  for (const bad of [`q=${'x'.repeat(101)}`, 'q=a&q=b', 'q=%00'])
    expect((await judy.call('GET', `/v1/projects?${bad}`)).status, bad).toBe(400);
});

it('an Idempotency-Key that is given back at the wrong moment is claimed anew', async () => {
  const id = { customerId: alice.id, key: 'given-back' };
  await api.prisma.idempotencyKey.create({
    data: { ...id, fingerprint: 'x', createdAt: new Date(Date.now() - 120_000) },
  });
  let adding: Promise<{ status: number }> | undefined;
  await api.prisma.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM idempotency_keys WHERE key = ${id.key} FOR UPDATE`;
    adding = alice.call('POST', '/v1/projects', { name: 'once' }, { 'idempotency-key': id.key });
    await expect
      .poll(
        async () =>
          api.prisma
            .$queryRaw`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        { interval: 20 },
      )
      .toHaveLength(1);
    await tx.idempotencyKey.delete({ where: { customerId_key: id } });
  });
  expect((await adding)?.status).toBe(201);
  expect(
    (await alice.call('POST', '/v1/projects', { name: 'once' }, { 'idempotency-key': id.key })).headers.get(
      'idempotency-replayed',
    ),
  ).toBe('true');
});

it("the dashboard's page is under its policy by every name", async () => {
  const answer = await fetch(`${api.url}/index.html`, { headers: { accept: 'text/html' } });
  expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
});

it('old rows go, though some of them cannot yet', async () => {
  const { id: entryPointId } = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: alice.appid } });
  const long = new Date(Date.now() - 4000 * 86_400_000);
  const { id } = await api.prisma.stream.create({
    data: { projectId: alice.appid, entryPointId, name: 'old', state: 'ended', endedAt: long },
  });
  await api.prisma.idempotencyKey.create({
    data: { customerId: alice.id, key: 'old', fingerprint: 'x', createdAt: long },
  });
  await api.prisma.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM streams WHERE id = ${id}::uuid FOR UPDATE`;
    await api.app.get(Housekeeping).clean();
  });
  expect(await api.prisma.idempotencyKey.count({ where: { key: 'old' } })).toBe(0);
  await api.app.get(Housekeeping).clean();
  expect(await api.prisma.stream.count({ where: { id } })).toBe(0);
});
