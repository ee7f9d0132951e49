// The customer's server is asked before a publisher is let in (Agora: settings/streamauth/webhook).
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApp, type Answer, type TestApp, type TestCustomer } from './support/app.js';
import { type CallbackServer, HOSTILE, json, startCallbackServer } from './support/callback-server.js';
import { offer } from './support/sdp.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';

const TIMEOUT_MS = 500;
let api: TestApp;
let node: ScriptedNode;
let alice: TestCustomer;
let operator: TestCustomer;
let customer: CallbackServer;
let token: string;

beforeAll(async () => {
  api = await startApp({ STREAM_AUTH_TIMEOUT_MS: String(TIMEOUT_MS) });
  node = await startScriptedNode(api, { slots: 1000 });
  customer = await startCallbackServer();
  operator = await api.customer('operator');
});
afterAll(async () => {
  await node?.stop();
  await customer?.stop();
  await api?.stop();
});
beforeEach(async () => {
  alice = await api.customer();
  ({ token } = (await alice.call('POST', fls('entry_points/live/publish_tokens'))).body as { token: string });
  customer.requests.length = 0;
  customer.reply = json({});
});

const fls = (path: string) => `/v1/projects/${alice.appid}/fls/${path}`;
const settings = () => fls('settings/streamauth/webhook');
const set = (body: object) => alice.call('PATCH', settings(), body);
const publish = (name = 'cam', query = ''): Promise<Answer> =>
  api.anonymous('POST', `/whip/${alice.appid}/live/${name}${query}`, offer(), {
    authorization: `Bearer ${token}`,
    'content-type': 'application/sdp',
    'x-request-id': 'request-7',
  });
const deliveries = async () =>
  ((await alice.call('GET', fls('entry_points/live/callbacks'))).body as { deliveries: Record<string, unknown>[] })
    .deliveries;

describe('the settings', () => {
  it('are kept and cleared, and the secret is never shown', async () => {
    expect((await alice.call('GET', settings())).body).toEqual({ enabled: false, url: null, hasSecret: false });
    const secret = 'a-secret-of-alice';
    const updated = await set({ enabled: true, url: 'www.test.com/auth/callback', secret });
    expect(updated.body).toEqual({ enabled: true, url: 'https://www.test.com/auth/callback', hasSecret: true });
    expect((await set({ enabled: false })).body).toEqual({
      enabled: false,
      url: 'https://www.test.com/auth/callback',
      hasSecret: true,
    });
    expect((await set({ url: null, secret: null })).body).toEqual({ enabled: false, url: null, hasSecret: false });
    const rows = await api.prisma.$queryRaw<{ row: string }[]>`SELECT t::text AS row FROM projects t`;
    expect(rows.map(({ row }) => row).join('\n')).not.toContain(secret);
  });

  it.each([
    { enabled: true },
    { enabled: true, url: null },
    { url: 'ftp://a.example/' },
    { url: 'http://user:pass@a.example/' },
    { url: '' },
    { enabled: null },
    { secret: '' },
    { url: 7 },
    { cdn: true },
  ])('%j is 400', async (body) => {
    expect((await set(body)).status).toBe(400);
  });

  it('are not enabled with nobody to ask', async () => {
    await set({ enabled: true, url: customer.url });
    expect((await set({ url: null })).status).toBe(400);
    expect((await alice.call('GET', settings())).body).toMatchObject({ enabled: true, url: customer.url });
  });
});

describe('a publisher', () => {
  it("is let in when the server says 200; the question is Agora's, signed, and in the log", async () => {
    await set({ enabled: true, url: customer.url, secret: 'key' });
    expect((await publish('cam', '?token=viewer-17')).status).toBe(201);
    const [asked] = customer.requests;
    expect(asked).toMatchObject({ method: 'POST', url: '/cb' });
    expect(JSON.parse(asked?.body ?? '')).toEqual({
      host: new URL(api.url).host,
      entryPoint: 'live',
      streamName: 'cam',
      clientIp: expect.stringContaining('127.0.0.1') as string,
      token: 'viewer-17',
      requestId: 'request-7',
    });
    for (const [header, algorithm] of [
      ['agora-signature', 'sha1'],
      ['agora-signature-v2', 'sha256'],
    ] as const) {
      expect(asked?.headers[header]).toBe(
        createHmac(algorithm, 'key')
          .update(asked?.body ?? '')
          .digest('hex'),
      );
    }
    expect(JSON.stringify(asked)).not.toContain(token);
    const [logged] = await deliveries();
    expect(logged).toMatchObject({
      kind: 'stream_auth',
      outcome: 'ok',
      status: 200,
      streamName: 'cam',
      streamId: null,
      attempt: 1,
    });
  });

  it.each([401, 403])('is refused when it says %i, and there is no stream', async (status) => {
    await set({ enabled: true, url: customer.url });
    customer.reply = json({ why: 'not paid' }, status);
    const refused = await publish();
    expect([refused.status, refused.body]).toMatchObject([403, { code: 'stream_auth_denied' }]);
    expect(await api.prisma.stream.count({ where: { projectId: alice.appid } })).toBe(0);
    expect((await deliveries())[0]).toMatchObject({
      kind: 'stream_auth',
      outcome: 'stream_auth_denied',
      status,
      answerHead: '{"***":"not ***"}',
    });
    expect(customer.requests[0]?.headers['agora-signature']).toBeUndefined();
  });

  it.each(
    Object.entries(HOSTILE)
      .filter(([, [, code]]) => !/not_json|bad_answer/.test(code))
      .map(([name, [reply, code]]) => [name, reply, code] as const),
  )('is not let in by a server that %s', async (_, reply, code) => {
    await set({ enabled: true, url: customer.url });
    customer.reply = reply;
    const started = performance.now();
    const refused = await publish();
    expect([refused.status, refused.body, refused.headers.get('retry-after')]).toMatchObject([
      503,
      { code: 'stream_auth_failed' },
      '5',
    ]);
    expect(performance.now() - started).toBeLessThan(TIMEOUT_MS + 3000);
    expect((await deliveries())[0]).toMatchObject({ kind: 'stream_auth', outcome: code });
  });

  it('is asked about again when it comes back, and a running stream is not ended by a no', async () => {
    await set({ enabled: true, url: customer.url });
    expect((await publish()).status).toBe(201);
    customer.reply = json({}, 401);
    expect((await publish()).status).toBe(403);
    const { streams } = (await alice.call('GET', fls('streams'))).body as { streams: { state: string }[] };
    expect(streams.map(({ state }) => state)).toEqual(['connecting']);
    expect(customer.requests).toHaveLength(2);
  });

  it('is not asked about without a good token, with a bad offer, under a banned name, or while it is off', async () => {
    await set({ enabled: true, url: customer.url });
    const path = `/whip/${alice.appid}/live/cam`;
    expect((await api.anonymous('POST', path, offer(), { 'content-type': 'application/sdp' })).status).toBe(401);
    expect(
      (
        await api.anonymous('POST', path, 'no sdp', {
          authorization: `Bearer ${token}`,
          'content-type': 'application/sdp',
        })
      ).status,
    ).toBeGreaterThanOrEqual(400);
    await alice.call('PATCH', `${fls('entry_points/live/admin/banned_streams')}/cam`);
    expect((await publish()).status).toBe(403);
    await set({ enabled: false });
    expect((await publish('other')).status).toBe(201);
    expect(customer.requests).toEqual([]);
  });
});

describe('the guards of callbacks hold', () => {
  it('private addresses are not asked', async () => {
    await set({ enabled: true, url: 'http://10.0.0.1/auth' });
    expect((await publish()).status).toBe(503);
    expect((await deliveries())[0]).toMatchObject({ outcome: 'callback_address_forbidden' });
  });

  it('a dead server is left alone for a while', async () => {
    await set({ enabled: true, url: customer.url });
    customer.reply = (response) => void response.socket?.destroy();
    for (let i = 0; i < 8; i += 1) expect((await publish()).status).toBe(503);
    expect(customer.requests).toHaveLength(5);
    expect(await deliveries()).toHaveLength(5);
  });

  it('so many a minute, which are not those of transfers', async () => {
    await operator.call('PATCH', `/v1/customers/${alice.id}`, { quotas: { callbacksPerMinute: 2 } });
    await alice.call('PATCH', fls('entry_points/live/settings/transfer'), {
      enabled: true,
      callbackUrl: `${customer.url}/transfer`,
    });
    await set({ enabled: true, url: customer.url });
    customer.reply = (response, request) =>
      json({ transferUrls: [] }, request.url.startsWith('/cb/transfer') ? 200 : 401)(response, request);
    for (const status of [403, 403, 503]) expect((await publish()).status).toBe(status);
    expect(customer.requests).toHaveLength(2);
    await set({ enabled: false });
    expect((await publish()).status).toBe(201);
    await expect
      .poll(() => customer.requests.map(({ url }) => url.split('?', 1)[0]))
      .toEqual(['/cb', '/cb', '/cb/transfer']);
  });
});
