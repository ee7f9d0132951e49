// What a hasty customer, a customer's odd server or an unlucky moment do to streams: each of these once broke something.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Redis } from 'ioredis';
import { Wire } from '../libs/queue/src/index.js';
import { PushService } from '../apps/api/src/flashphoner/rest/push.service.js';
import { Dispatcher } from '../apps/api/src/streams/publish/dispatcher.js';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { type CallbackServer, json, startCallbackServer } from './support/callback-server.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';
import { offer } from './support/sdp.js';

let api: TestApp;
let node: ScriptedNode;
let alice: TestCustomer;
let callback: CallbackServer;
let names = 0;

beforeAll(async () => {
  callback = await startCallbackServer();
  api = await startApp({
    CALLBACK_TIMEOUT_MS: '2000',
    PUSH_REPUBLISH_URLS: 'rtmp://recorder:RECORDER-SECRET@127.0.0.1/archive?key=RECORDER-SECRET',
  });
  alice = await api.customer();
  node = await startScriptedNode(api);
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
  await callback?.stop();
});
beforeEach(() => {
  callback.requests.length = 0;
  node.requests.length = 0;
  callback.reply = json({ transferUrls: [] });
});
afterEach(() => vi.restoreAllMocks());

const fls = (path: string, { appid } = alice): string => `/v1/projects/${appid}/fls/${path}`;
const entryPointOf = ({ appid }: TestCustomer) =>
  api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: appid } });

/** A stream that runs on the scripted node. */
async function running(name = `s${(names += 1)}`, customer = alice): Promise<string> {
  const { id: entryPointId } = await entryPointOf(customer);
  const { id } = await api.prisma.stream.create({
    data: {
      projectId: customer.appid,
      entryPointId,
      name,
      state: 'live',
      ownerNode: 'node-1',
      callbackState: 'pending',
    },
  });
  return id;
}

async function publish(name: string, headers: Record<string, string> = {}, customer = alice): Promise<Response> {
  const { token } = (await customer.call('POST', fls('entry_points/live/publish_tokens', customer), {})).body as {
    token: string;
  };
  return fetch(`${api.url}/whip/${customer.appid}/live/${name}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/sdp', ...headers },
    body: offer(),
  });
}

describe('two requests at once', () => {
  it('that change different options of a transfer both count', async () => {
    const streamId = await running();
    const { id } = (await alice.call('POST', fls(`streams/${streamId}/transfers`), { url: 'rtmp://127.0.0.1/a/k' }))
      .body as { id: string };
    for (let round = 0; round < 10; round += 1) {
      const on = round % 2 === 0;
      const changes = [{ muted: on }, { paused: on }, { fps: 10 + round }, { bitrate: 1000 + round }];
      await Promise.all(
        changes.map((change) => alice.call('PATCH', fls(`streams/${streamId}/transfers/${id}`), change)),
      );
      const { options } = (await alice.call('GET', fls(`streams/${streamId}/transfers/${id}`))).body as {
        options: object;
      };
      expect(options).toEqual({ muted: on, paused: on, fps: 10 + round, bitrate: 1000 + round });
    }
  });

  it("an added transfer and the stream's end: nothing is left over that never ends", async () => {
    const streamId = await running();
    let adding: Promise<{ status: number }> | undefined;
    await api.prisma.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM streams WHERE id = ${streamId}::uuid FOR UPDATE`;
      adding = alice.call('POST', fls(`streams/${streamId}/transfers`), { url: 'rtmp://127.0.0.1/a/k' });
      await expect
        .poll(
          async () =>
            api.prisma
              .$queryRaw`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
          { interval: 20 },
        )
        .toHaveLength(1);
      await tx.stream.update({ where: { id: streamId }, data: { state: 'ended', endedAt: new Date() } });
    });
    expect((await adding)?.status).toBe(409);
    expect(await api.prisma.transfer.count({ where: { streamId } })).toBe(0);
  });
});

describe('callbacks', () => {
  const configure = (more: object = {}) =>
    alice.call('PATCH', fls('entry_points/live/settings/transfer'), {
      enabled: true,
      callbackUrl: callback.url,
      ...more,
    });
  const ask = (streamId: string) => api.app.get(Dispatcher).requestCallback(streamId);

  it('with damaged names of options in their answers still bring their good URLs', async () => {
    await configure();
    callback.reply = json({
      transferUrls: [
        'rtmp://127.0.0.1/a/good',
        { url: 'rtmp://127.0.0.1/a/bad', options: { 'a\0b': 1 } },
        { url: 'rtmp://127.0.0.1/a/bad', options: { ['x'.repeat(3000)]: 1 } },
      ],
    });
    const streamId = await running();
    await ask(streamId);
    await expect.poll(() => api.prisma.transfer.count({ where: { streamId } })).toBe(1);
    expect(await api.prisma.stream.findUniqueOrThrow({ where: { id: streamId } })).toMatchObject({
      callbackState: 'answered',
    });
  });

  it('whose answers are all mistakes do not fill the history', async () => {
    await configure();
    callback.reply = json({ transferUrls: Array.from({ length: 20_000 }, () => 0) });
    const streamId = await running();
    await ask(streamId);
    await expect
      .poll(() => api.prisma.event.findFirst({ where: { streamId, type: 'callback.answered' } }))
      .not.toBeNull();
    const event = await api.prisma.event.findFirstOrThrow({ where: { streamId, type: 'callback.answered' } });
    expect(JSON.stringify(event.data).length).toBeLessThan(10_000);
  });

  it('that fail after the stream has ended forward it nowhere', async () => {
    await configure({ useLastAnswer: true });
    callback.reply = json({ transferUrls: ['rtmp://127.0.0.1/a/again'] });
    const first = await running('again');
    await ask(first);
    await expect.poll(() => api.prisma.transfer.count({ where: { streamId: first } })).toBe(1);
    await api.prisma.stream.update({ where: { id: first }, data: { state: 'ended', endedAt: new Date() } });
    const second = await running('again');
    callback.reply = (response) =>
      void api.prisma.stream
        .update({ where: { id: second }, data: { state: 'ended', endedAt: new Date() } })
        .then(() => response.writeHead(500).end());
    await ask(second);
    await expect.poll(() => api.prisma.callbackDelivery.count({ where: { streamId: second } })).toBe(1);
    expect(await api.prisma.transfer.count({ where: { streamId: second } })).toBe(0);
    await configure({ useLastAnswer: false });
  });

  it("of one customer are not held up by another's to the same server", async () => {
    const [slow, bob] = [await api.customer(), await api.customer()];
    for (const who of [slow, bob])
      await who.call('PATCH', fls('entry_points/live/settings/transfer', who), {
        enabled: true,
        callbackUrl: callback.url,
      });
    callback.reply = (response, request) =>
      request.url.includes('hangs') ? undefined : json({ transferUrls: [] })(response, request);
    const hanging = await Promise.all(Array.from({ length: 20 }, (_, i) => running(`hangs${i}`, slow)));
    for (const id of hanging) await ask(id);
    await expect.poll(() => callback.requests.length).toBe(20);
    const streamId = await running('fine', bob);
    await ask(streamId);
    await expect
      .poll(() => api.prisma.callbackDelivery.count({ where: { streamId, outcome: 'ok' } }), { timeout: 1000 })
      .toBe(1);
    await api.prisma.stream.updateMany({
      where: { id: { in: hanging } },
      data: { state: 'ended', endedAt: new Date() },
    });
  });

  it('that are tried out count as callbacks', async () => {
    const dora = await api.customer();
    await api.prisma.customer.update({ where: { id: dora.id }, data: { quotas: { callbacksPerMinute: 2 } } });
    const test = async () =>
      (await dora.call('POST', fls('entry_points/live/settings/transfer/test', dora), { callbackUrl: callback.url }))
        .status;
    expect([await test(), await test(), await test()]).toEqual([200, 200, 429]);
    expect(callback.requests).toHaveLength(2);
  });

  it('that are tried out count each platform that they try, and leave streams their part', async () => {
    const fay = await api.customer();
    await api.prisma.customer.update({ where: { id: fay.id }, data: { quotas: { callbacksPerMinute: 10 } } });
    await fay.call('PATCH', fls('entry_points/live/settings/transfer', fay), {
      enabled: true,
      callbackUrl: callback.url,
    });
    callback.reply = json({ transferUrls: ['a', 'b', 'c', 'd', 'e'].map((key) => `rtmp://127.0.0.1/live/${key}`) });
    const test = (probe: boolean) => fay.call('POST', fls('entry_points/live/settings/transfer/test', fay), { probe });
    const tried = async () =>
      (
        (await test(true)).body as { transfers: { probe: { ok: boolean; code: string | null; text: string } }[] }
      ).transfers.map(({ probe }) => probe);
    // Eight of ten: a test with five platforms, and one with a single one.
    expect((await tried()).map(({ ok }) => ok)).toEqual([true, true, true, true, true]);
    const second = await tried();
    expect(second.map(({ code }) => code)).toEqual([
      null,
      'quota_exceeded',
      'quota_exceeded',
      'quota_exceeded',
      'quota_exceeded',
    ]);
    expect(second[1]?.text).toMatch(/^Not tried: .* in \d+ s\.$/);
    expect(node.requests.filter(([op]) => op === 'probeTransfer')).toHaveLength(6);
    const refused = await test(false);
    expect([refused.status, refused.body]).toMatchObject([
      429,
      { code: 'quota_exceeded', detail: expect.stringContaining('each platform that it tries as one more') },
    ]);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(callback.requests).toHaveLength(2);
    // A stream is not held up by it.
    const streamId = await running('on time', fay);
    await ask(streamId);
    await expect
      .poll(() => api.prisma.callbackDelivery.count({ where: { streamId, outcome: 'ok' } }), { timeout: 2000 })
      .toBe(1);
  });

  it('are asked again once, however often that is wanted meanwhile', async () => {
    await configure();
    const streamId = await running();
    await ask(streamId);
    await expect.poll(() => api.prisma.callbackDelivery.count({ where: { streamId } })).toBe(1);
    const { id } = await api.prisma.callbackDelivery.findFirstOrThrow({ where: { streamId } });
    callback.requests.length = 0;
    let answerAll = (): void => undefined;
    const waiting = new Promise<void>((resolve) => (answerAll = resolve));
    callback.reply = (response, request) => void waiting.then(() => json({ transferUrls: [] })(response, request));
    const replay = async () => (await alice.call('POST', fls(`entry_points/live/callbacks/${id}/replay`))).status;
    expect(new Set(await Promise.all(Array.from({ length: 20 }, replay)))).toEqual(new Set([202]));
    await expect.poll(() => callback.requests.length).toBeGreaterThan(0);
    answerAll();
    await expect
      .poll(() => api.prisma.callbackDelivery.count({ where: { streamId, kind: 'replay' } }))
      .toBeGreaterThan(0);
    expect(callback.requests.length).toBeLessThan(3);
    // And again afterwards.
    callback.requests.length = 0;
    expect(await replay()).toBe(202);
    await expect.poll(() => callback.requests.length).toBe(1);
  });
});

describe('servers that everything is republished to', () => {
  it("do not give away the operator's secrets to customers", async () => {
    expect((await publish('archived')).status).toBe(201);
    const found = await alice.call('POST', '/rest-api/push/find_all', {});
    expect(found.text).toContain('/archive');
    expect(found.text).not.toContain('RECORDER-SECRET');
  });

  it('count as transfers', async () => {
    const erin = await api.customer();
    await api.prisma.customer.update({ where: { id: erin.id }, data: { quotas: { transfersPerStream: 2 } } });
    const republish = Array.from({ length: 5 }, (_, i) => ({ url: `rtmp://127.0.0.1/app${i}` }));
    expect((await erin.call('PATCH', fls('entry_points/live/settings/push', erin), { republish })).status).toBe(200);
    expect((await publish('many', {}, erin)).status).toBe(201);
    expect(await api.prisma.transfer.count({ where: { stream: { projectId: erin.appid } } })).toBe(2);
  });

  it('are refused with parameters that make no URL', async () => {
    const parameters = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`p${i}`, 'x'.repeat(500)]));
    expect(
      (
        await alice.call('PATCH', fls('entry_points/live/settings/push'), {
          republish: [{ url: 'rtmp://127.0.0.1/app', parameters }],
        })
      ).status,
    ).toBe(400);
  });
});

it('a push that fails by our own fault does not cost the publisher the stream', async () => {
  vi.spyOn(api.app.get(PushService), 'pushTo').mockRejectedValueOnce(new Error('Connection terminated unexpectedly'));
  const answer = await publish('unlucky', { 'manycast-rtmp-url': 'rtmp://127.0.0.1/app' });
  expect(answer.status).toBe(201);
  expect(answer.headers.get('manycast-rtmp-error')).toBe('Internal error');
});

describe('a refusal of a node', () => {
  const strays: unknown[] = [];
  const note = (error: unknown): unknown => strays.push(error);
  beforeEach(() => process.on('unhandledRejection', note));
  afterEach(() => process.off('unhandledRejection', note));

  it('that is here before Redis has said that the question is out has somebody who waits for it', async () => {
    const wire = api.app.get(Wire);
    const { publisher } = wire as unknown as { publisher: Redis };
    const publish = publisher.publish.bind(publisher);
    node.restartScript = { refuse: 'unknown_session', message: 'this node does not run this stream' };
    vi.spyOn(publisher, 'publish').mockImplementation(async (channel, message) => {
      const receivers = await publish(channel as string, message as string);
      // The other connection was faster.
      if (String(channel).includes(':node:'))
        await vi
          .waitFor(() => expect(node.requests.map(([op]) => op)).toContain('restartIce'))
          .then(() => new Promise((resolve) => setTimeout(resolve, 50)));
      return receivers;
    });
    await expect(wire.ask('node-1', 'restartIce', { sessionId: 'x', fragment: '' }, 2000)).rejects.toThrow(
      'does not run this stream',
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(strays).toEqual([]);
    node.restartScript = 'answer';
  });

  it('and what is no message at all do not end the process', async () => {
    const wire = api.app.get(Wire);
    const { publisher } = wire as unknown as { publisher: Redis };
    for (const text of ['', 'x', 'null', '{}', '[]', '{"id":1}']) {
      await publisher.publish(wire.replyTo, text);
      await publisher.publish(wire.replyTo.replace(/reply:.*/, 'node:node-1'), text);
    }
    await expect(wire.ask('node-1', 'thumbnail', { streamId: 'x' }, 2000)).resolves.toEqual({ jpeg: '/9j/2Q==' });
    expect(strays).toEqual([]);
  });
});
