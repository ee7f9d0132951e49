import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { type CallbackRequest, type CallbackServer, json, startCallbackServer } from './support/callback-server.js';
import { offer } from './support/sdp.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';

const TIMEOUT_MS = 500;
let api: TestApp;
let alice: TestCustomer;
let operator: TestCustomer;
let node: ScriptedNode;
let customer: CallbackServer;
let token: string;
let count = 0;

beforeAll(async () => {
  api = await startApp({ CALLBACK_TIMEOUT_MS: String(TIMEOUT_MS) });
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
  ({ token } = (await alice.call('POST', `${entryPoint()}/publish_tokens`)).body as { token: string });
  customer.requests.length = 0;
  customer.reply = json({ transferUrls: [] });
});

const fls = (path: string) => `/v1/projects/${alice.appid}/fls/${path}`;
const entryPoint = () => fls('entry_points/live');
const settings = () => `${entryPoint()}/settings/transfer`;
const configure = (changes: object) =>
  alice.call('PATCH', settings(), { enabled: true, callbackUrl: customer.url, ...changes });

async function publish(name = `s${(count += 1)}`): Promise<string> {
  const answer = await api.anonymous('POST', `/whip/${alice.appid}/live/${name}`, offer(), {
    authorization: `Bearer ${token}`,
    'content-type': 'application/sdp',
  });
  expect(answer.status).toBe(201);
  const { streams } = (await alice.call('GET', fls('streams?limit=1'))).body as { streams: { id: string }[] };
  return streams[0]?.id as string;
}
const end = (id: string) => alice.call('DELETE', fls(`streams/${id}`));
interface StreamView {
  callback: { state: string; reason: { code: string } | null };
  transfers: Record<string, number>;
}
const view = async (id: string) => (await alice.call('GET', fls(`streams/${id}`))).body as StreamView;
const transfers = async (id: string) =>
  (
    (await alice.call('GET', fls(`streams/${id}/transfers`))).body as {
      transfers: { url: string; origin: string; state: string }[];
    }
  ).transfers;
const deliveries = async (query = '') =>
  ((await alice.call('GET', `${entryPoint()}/callbacks${query}`)).body as { deliveries: Record<string, unknown>[] })
    .deliveries;

describe('an entity tag', () => {
  it('guards settings against a change that was meant for others', async () => {
    const before = (await alice.call('GET', settings())).headers.get('etag') as string;
    const first = await alice.call('PATCH', settings(), { enabled: true }, { 'if-match': before });
    expect([first.status, first.headers.get('etag')]).not.toContain(before);
    const second = await alice.call('PATCH', settings(), { enabled: false }, { 'if-match': before });
    expect(second.body).toMatchObject({ status: 412, code: 'changed_meanwhile' });
    expect((await alice.call('PATCH', settings(), { enabled: false }, { 'if-match': '*' })).status).toBe(200);
    const now = (await alice.call('GET', settings())).headers.get('etag') as string;
    const racing = await Promise.all(
      [1, 2, 3, 4].map(() => alice.call('PATCH', settings(), { enabled: true }, { 'if-match': now })),
    );
    expect(racing.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 412, 412, 412]);
  });
});

describe('a signature', () => {
  it('is verified by the library of Standard Webhooks, with the secrets before and after a rotation', async () => {
    await configure({});
    const { secret: first } = (await alice.call('POST', `${settings()}/secrets/rotate`, { overlap: 0 })).body as {
      secret: string;
    };
    const { secret: second } = (await alice.call('POST', `${settings()}/secrets/rotate`, { overlap: 600 })).body as {
      secret: string;
    };
    const listed = await alice.call('GET', `${settings()}/secrets`);
    expect(listed.body).toMatchObject({ secrets: [{ expiresAt: expect.any(String) }, { expiresAt: null }] });
    expect(listed.text).not.toMatch(/whsec_/);
    const id = await publish();
    await expect.poll(() => customer.requests.length).toBe(1);
    const [{ headers, body }] = customer.requests as [CallbackRequest];
    for (const secret of [first, second])
      expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toMatchObject({ streamId: id });
    expect(() => new Webhook(first).verify(body.replace('live', 'dead'), headers as Record<string, string>)).toThrow(
      'No matching signature found',
    );
    expect(headers['webhook-id']).toBe(`msg_${id}`);
    await end(id);
    await alice.call('POST', `${settings()}/secrets/rotate`, { overlap: 0 });
    customer.requests.length = 0;
    await end(await publish());
    await expect.poll(() => customer.requests.length).toBe(1);
    const [latest] = customer.requests;
    expect(() => new Webhook(second).verify(latest?.body ?? '', latest?.headers as Record<string, string>)).toThrow(
      'No matching signature found',
    );
  });
});

describe('a test of the settings', () => {
  it('sends a real callback that says so, and shows what would be forwarded; nothing is', async () => {
    customer.reply = json({
      transferUrls: [
        'rtmp://127.0.0.1/live/KEY',
        { url: 'rtmps://b.example/app/KEY', options: { muted: true } },
        'http://x/',
      ],
    });
    await configure({});
    const answer = await alice.call('POST', `${settings()}/test`, { streamName: 'try', probe: true });
    expect(answer.body).toMatchObject({
      delivery: {
        kind: 'test',
        outcome: 'ok',
        status: 200,
        streamId: null,
        timings: { connectMs: expect.any(Number), waitMs: expect.any(Number) },
      },
      transfers: [
        { element: 0, url: 'rtmp://127.0.0.1/live/***', probe: { ok: true, stage: 'ok' } },
        { element: 1, url: 'rtmps://b.example/app/***', options: { muted: true } },
      ],
      bad: [{ element: 2 }],
    });
    expect(answer.text).not.toContain('KEY');
    expect(customer.requests[0]?.url).toBe('/cb?entry_point=live&stream_name=try&test=1');
    expect(JSON.parse(customer.requests[0]?.body ?? '')).toMatchObject({ test: true, streamId: null });
    // What goes over Redis holds no key in clear.
    expect(JSON.stringify(node.requests)).not.toContain('KEY');
    expect(await deliveries()).toMatchObject([{ kind: 'test', outcome: 'ok' }]);
    expect((await alice.call('GET', fls('streams'))).body).toMatchObject({ streams: [] });
  });

  it('says why there is no answer, and may try a URL that is not saved', async () => {
    expect((await alice.call('POST', `${settings()}/test`)).body).toMatchObject({
      status: 409,
      code: 'callback_url_missing',
    });
    customer.reply = () => undefined;
    const answer = await alice.call('POST', `${settings()}/test`, { callbackUrl: customer.url });
    expect(answer.body).toMatchObject({
      delivery: { outcome: 'callback_timeout', status: null },
      transfers: [],
      bad: [],
    });
    expect((await alice.call('POST', `${settings()}/test`, { callbackUrl: 'ftp://x/' })).body).toMatchObject({
      status: 400,
      errors: [{ field: 'callbackUrl' }],
    });
    expect((await alice.call('GET', settings())).body).toMatchObject({ callbackUrl: null });
  });
});

describe('the last good answer', () => {
  it('stands in while the server is away, if wished, and gives way to the new one', async () => {
    await configure({ useLastAnswer: true });
    customer.reply = json({ transferUrls: ['rtmp://127.0.0.1/live/one', 'rtmp://127.0.0.1/live/two'] });
    const first = await publish('show');
    await expect.poll(() => view(first)).toMatchObject({ callback: { state: 'answered' }, transfers: { pending: 2 } });
    await end(first);

    customer.reply = json({}, 500);
    const second = await publish('show');
    await expect
      .poll(() => view(second))
      .toMatchObject({
        callback: { state: 'retrying', reason: { code: 'callback_status' } },
        transfers: { pending: 2 },
      });
    expect(await transfers(second)).toMatchObject([{ origin: 'last_answer' }, { origin: 'last_answer' }]);

    customer.reply = json({ transferUrls: ['rtmp://127.0.0.1/live/two', 'rtmp://127.0.0.1/live/three'] });
    await expect.poll(() => view(second), { timeout: 10_000 }).toMatchObject({ callback: { state: 'answered' } });
    expect((await transfers(second)).map(({ origin, state }) => `${origin} ${state}`).toSorted()).toEqual([
      'callback pending',
      'callback pending',
      'last_answer ended',
    ]);
    const { events } = (await alice.call('GET', fls(`events?streamId=${second}`))).body as {
      events: { type: string }[];
    };
    expect(events.map(({ type }) => type)).toContain('callback.last_answer_used');
    await end(second);
  });

  it('is not used for another stream name, nor unless wished', async () => {
    await configure({});
    customer.reply = json({ transferUrls: ['rtmp://127.0.0.1/live/one'] });
    const first = await publish('show');
    await expect.poll(() => view(first)).toMatchObject({ callback: { state: 'answered' } });
    await end(first);
    customer.reply = json({}, 500);
    const second = await publish('show');
    await expect.poll(() => view(second)).toMatchObject({ callback: { state: 'retrying' }, transfers: {} });
    await end(second);
    await configure({ useLastAnswer: true });
    const other = await publish('other');
    await expect.poll(() => view(other)).toMatchObject({ callback: { state: 'retrying' }, transfers: {} });
    await end(other);
  });
});

describe('a delivery', () => {
  it('says when the next attempt is due, and is replayed for its running stream', async () => {
    customer.reply = json({}, 500);
    await configure({});
    const id = await publish();
    await expect
      .poll(() => deliveries(`?streamId=${id}`))
      .toMatchObject([{ outcome: 'callback_status', nextAt: expect.any(String) }]);
    const [delivery] = await deliveries();
    customer.reply = json({ transferUrls: ['rtmp://127.0.0.1/live/x'] });
    expect((await alice.call('POST', `${entryPoint()}/callbacks/${String(delivery?.id)}/replay`)).status).toBe(202);
    await expect.poll(() => view(id)).toMatchObject({ callback: { state: 'answered' }, transfers: { pending: 1 } });
    expect((await deliveries()).map(({ kind }) => kind)).toContain('replay');
    await end(id);
    expect((await alice.call('POST', `${entryPoint()}/callbacks/${String(delivery?.id)}/replay`)).status).toBe(409);
    const bob = await api.customer();
    expect((await bob.call('POST', `${entryPoint()}/callbacks/${String(delivery?.id)}/replay`)).status).toBe(404);
  });
});

describe('a customer whose server is dead', () => {
  it('is left alone after a while, and costs others nothing', async () => {
    const dead = await startCallbackServer();
    dead.reply = () => undefined;
    await alice.call('PATCH', settings(), { enabled: true, callbackUrl: dead.url });
    const ids = await Promise.all(Array.from({ length: 30 }, (_, i) => publish(`dead-${i}`)));
    expect(ids).toHaveLength(30);

    const bob = await api.customer();
    const path = `/v1/projects/${bob.appid}/fls/entry_points/live`;
    await bob.call('PATCH', `${path}/settings/transfer`, { enabled: true, callbackUrl: customer.url });
    const { token: his } = (await bob.call('POST', `${path}/publish_tokens`)).body as { token: string };
    const started = performance.now();
    await api.anonymous('POST', `/whip/${bob.appid}/live/b`, offer(), {
      authorization: `Bearer ${his}`,
      'content-type': 'application/sdp',
    });
    await expect.poll(() => customer.requests.length, { interval: 10 }).toBe(1);
    expect(performance.now() - started).toBeLessThan(TIMEOUT_MS);

    const { streams } = (await alice.call('GET', fls('streams?limit=200'))).body as {
      streams: { id: string; callback: StreamView['callback'] }[];
    };
    await expect
      .poll(
        async () => (await Promise.all(streams.map(({ id }) => view(id)))).map(({ callback }) => callback.reason?.code),
        { timeout: 10_000 },
      )
      .toContain('callback_circuit_open');
    const asked = dead.requests.length;
    // Thirty streams want to ask; nobody does while the circuit is open.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(dead.requests.length - asked).toBeLessThanOrEqual(5);
    expect(await dead.connections()).toBeLessThanOrEqual(20);
    await Promise.all(streams.map(({ id }) => end(id)));
    await dead.stop();
  });
});

describe('the quota of callbacks per minute', () => {
  it('delays, says so, and loses nothing', async () => {
    await operator.call('PATCH', `/v1/customers/${alice.id}`, { quotas: { callbacksPerMinute: 1 } });
    await configure({});
    const first = await publish();
    await expect.poll(() => view(first)).toMatchObject({ callback: { state: 'answered' } });
    const second = await publish();
    await expect
      .poll(() => view(second))
      .toMatchObject({ callback: { state: 'retrying', reason: { code: 'callback_rate_limited' } } });
    expect(customer.requests).toHaveLength(1);
    await Promise.all([first, second].map(end));
  });
});
