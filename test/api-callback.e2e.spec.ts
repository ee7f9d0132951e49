import { getQueueToken } from '@nestjs/bullmq';
import type { Queue } from 'bullmq';
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CallbackClient } from '../apps/api/src/callback/callback.client.js';
import { Dispatcher } from '../apps/api/src/streams/publish/dispatcher.js';
import { CALLBACKS_QUEUE } from '../libs/queue/src/index.js';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { type CallbackServer, HOSTILE, json, startCallbackServer } from './support/callback-server.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';

const TIMEOUT_MS = 400;
const OFFER = `v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=fingerprint:sha-256 ${Array.from({ length: 32 }, () => 'AB').join(':')}\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=setup:actpass\r\na=ice-ufrag:user\r\na=ice-pwd:passwordpasswordpassword\r\na=rtpmap:96 H264/90000\r\n`;

interface View {
  id: string;
  state: string;
  callback: { state: string; reason: { code: string; detail: string | null } | null };
  transfers: Record<string, number>;
}

let api: TestApp;
let node: ScriptedNode;
let alice: TestCustomer;
let customer: CallbackServer;
let count = 0;

beforeAll(async () => {
  api = await startApp({ CALLBACK_TIMEOUT_MS: String(TIMEOUT_MS) });
  alice = await api.customer();
  node = await startScriptedNode(api);
  customer = await startCallbackServer();
});
afterAll(async () => {
  await node?.stop();
  await customer?.stop();
  await api?.stop();
});
beforeEach(() => {
  customer.requests.length = 0;
  node.requests.length = 0;
});

const settings = `entry_points/live/settings/transfer`;
const fls = (path: string) => `/v1/projects/${alice.appid}/fls/${path}`;

/** A stream that begins with these settings; resolves as soon as its publisher has been answered. */
async function begin(callback: { enabled?: boolean; callbackUrl?: string | null }): Promise<string> {
  await alice.call('PATCH', fls(settings), { enabled: true, ...callback });
  const { token } = (await alice.call('POST', fls('entry_points/live/publish_tokens'), {})).body as { token: string };
  const name = `cb-${(count += 1)}`;
  const answer = await api.anonymous('POST', `/whip/${alice.appid}/live/${name}`, OFFER, {
    'content-type': 'application/sdp',
    authorization: `Bearer ${token}`,
  });
  expect(answer.status).toBe(201);
  const { id } = await api.prisma.stream.findFirstOrThrow({ where: { name } });
  return id;
}
const view = async (id: string) => (await alice.call('GET', fls(`streams/${id}`))).body as View;
const kick = (id: string) => alice.call('DELETE', fls(`streams/${id}`));
const deliveries = async (id: string) => {
  const { deliveries: found } = (await alice.call('GET', fls('entry_points/live/callbacks?limit=200'))).body as {
    deliveries: {
      streamId: string;
      outcome: string;
      status: number | null;
      attempt: number;
      answerHead: string | null;
    }[];
  };
  return found.filter(({ streamId }) => streamId === id);
};

describe('a callback', () => {
  it('asks as Agora documents, while the publisher is answered already', async () => {
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    // A second attempt, should the machine be too slow for the first, is answered like it.
    customer.reply = (response, request) =>
      void released.then(() =>
        json({
          transferUrls: [
            'rtmp://127.0.0.1/live/KEY-1',
            { url: 'rtmps://127.0.0.1/app/KEY-2', options: { muted: true } },
          ],
        })(response, request),
      );
    const id = await begin({ callbackUrl: `${customer.url}?customer=7` });
    await expect.poll(() => customer.requests.length).toBe(1);
    // Nobody waits for the customer's server.
    expect(await view(id)).toMatchObject({ state: 'connecting', callback: { state: 'pending', reason: null } });
    const [{ method, url, headers, body }] = customer.requests as [CallbackServer['requests'][number]];
    expect([method, url]).toEqual(['POST', `/cb?customer=7&entry_point=live&stream_name=cb-${count}`]);
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'accept-encoding': 'identity' });
    expect(JSON.parse(body)).toMatchObject({
      appid: alice.appid,
      entryPoint: 'live',
      streamName: `cb-${count}`,
      streamId: id,
      startedAt: expect.any(String),
    });

    release();
    await expect
      .poll(() => view(id), { timeout: 5000 })
      .toMatchObject({ callback: { state: 'answered', reason: null }, transfers: { pending: 2 } });
    await expect.poll(() => node.requests).toEqual([['syncTransfers', { streamId: id }]]);
    const { transfers } = (await alice.call('GET', fls(`streams/${id}/transfers`))).body as {
      transfers: { url: string; origin: string }[];
    };
    expect(transfers).toMatchObject([
      { url: 'rtmp://127.0.0.1/live/***', origin: 'callback' },
      { url: 'rtmps://127.0.0.1/app/***' },
    ]);

    // Keys are nowhere but sealed in their rows.
    const rows = await api.prisma.transfer.findMany({ where: { streamId: id }, orderBy: { id: 'asc' } });
    expect(api.box.open(rows[0]?.url as string, `transfer:${id}`)).toBe('rtmp://127.0.0.1/live/KEY-1');
    expect(rows[1]?.options).toEqual({ muted: true });
    const everything = await api.prisma
      .$queryRaw`SELECT (SELECT json_agg(t) FROM transfers t) a, (SELECT json_agg(e) FROM events e) b, (SELECT json_agg(d) FROM callback_deliveries d) c`;
    expect(JSON.stringify(everything)).not.toContain('KEY-');
    expect(JSON.stringify(await deliveries(id))).toContain('"outcome":"ok"');
    await kick(id);
  });

  it('forwards to the good elements and names the bad ones', async () => {
    customer.reply = json({ transferUrls: ['http://no', 'rtmp://127.0.0.1/live/KEY', 7, 'rtmp://127.0.0.1/live/KEY'] });
    const id = await begin({ callbackUrl: customer.url });
    const detail =
      'transferUrls[0] the URL does not begin with rtmp:// or rtmps://; transferUrls[2] is neither a URL nor an object with one';
    await expect
      .poll(() => view(id))
      .toMatchObject({
        callback: {
          state: 'answered',
          reason: { code: 'callback_urls_refused', blame: 'customer', retryable: false, detail },
        },
        transfers: { pending: 1 },
      });
    await kick(id);
  });

  it('says which URLs are above the quota, to the customer and in the history', async () => {
    await api.prisma.customer.update({ where: { id: alice.id }, data: { quotas: { transfersPerStream: 2 } } });
    customer.reply = json({
      transferUrls: ['a', 'b', 'c', 'd'].map((key) => `rtmp://127.0.0.1/live/${key}`).concat('http://no'),
    });
    const id = await begin({ callbackUrl: customer.url });
    const detail =
      'transferUrls[2], [3] are above the quota of 2 transfers of a stream; transferUrls[4] the URL does not begin with rtmp:// or rtmps://';
    await expect
      .poll(() => view(id))
      .toMatchObject({
        callback: { state: 'answered', reason: { code: 'callback_urls_refused', detail } },
        transfers: { pending: 2 },
      });
    const { events } = (await alice.call('GET', fls(`events?streamId=${id}`))).body as {
      events: { type: string; data: unknown }[];
    };
    expect(events.find(({ type }) => type === 'callback.answered')?.data).toMatchObject({
      urls: 2,
      bad: [{ element: 4 }],
      aboveQuota: [2, 3],
    });
    // Asked again, those that are forwarded to keep their place.
    const [{ id: delivery } = { id: '' }] = (await deliveries(id)) as unknown as { id: string }[];
    customer.reply = json({ transferUrls: ['c', 'b', 'd', 'a'].map((key) => `rtmp://127.0.0.1/live/${key}`) });
    expect((await alice.call('POST', fls(`entry_points/live/callbacks/${delivery}/replay`))).status).toBe(202);
    const again = 'transferUrls[0], [2] are above the quota of 2 transfers of a stream';
    await expect
      .poll(() => view(id))
      .toMatchObject({
        callback: { reason: { code: 'callback_urls_refused', detail: again } },
        transfers: { pending: 2 },
      });
    await kick(id);
    await api.prisma.customer.update({ where: { id: alice.id }, data: { quotas: {} } });
  });

  it('brings a stream no more than a thousand transfers, however often it is asked again and they are removed', async () => {
    const urls = (round: string) => ['a', 'b', 'c'].map((key) => `rtmp://127.0.0.1/live/${round}-${key}`);
    customer.reply = json({ transferUrls: urls('first') });
    const id = await begin({ callbackUrl: customer.url });
    await expect.poll(() => view(id)).toMatchObject({ transfers: { pending: 3 } });
    // As if that had been done 331 times before.
    const ended = {
      streamId: id,
      origin: 'callback',
      state: 'ended',
      url: 'x',
      redactedUrl: 'x',
      endedAt: new Date(),
    } as const;
    await api.prisma.transfer.createMany({
      data: Array.from({ length: 992 }, (_, i) => ({ ...ended, urlHash: `before-${i}` })),
    });
    const again = async (round: string) => {
      const running = await api.prisma.transfer.findMany({ where: { streamId: id, endedAt: null } });
      for (const transfer of running)
        expect((await alice.call('DELETE', fls(`streams/${id}/transfers/${transfer.id}`))).status).toBe(204);
      customer.reply = json({ transferUrls: urls(round) });
      const before = await deliveries(id);
      await alice.call(
        'POST',
        fls(`entry_points/live/callbacks/${(before[0] as unknown as { id: string }).id}/replay`),
      );
      await expect.poll(async () => (await deliveries(id)).length).toBe(before.length + 1);
      const { events } = (await alice.call('GET', fls(`events?streamId=${id}&limit=50`))).body as {
        events: { type: string; data: object }[];
      };
      return events.find(({ type }) => type === 'callback.answered')?.data;
    };
    expect(await again('second')).toMatchObject({ urls: 3, aboveEver: [] });
    expect(await again('third')).toMatchObject({ urls: 2, aboveEver: [2], aboveQuota: [] });
    expect(await view(id)).toMatchObject({
      callback: {
        reason: {
          code: 'callback_urls_refused',
          detail: 'transferUrls[2] is beyond the 1000 transfers that a stream has at most, with those that have ended',
        },
      },
    });
    expect(await again('fourth')).toMatchObject({ urls: 0, aboveEver: [0, 1, 2] });
    expect(await api.prisma.transfer.count({ where: { streamId: id } })).toBe(1000);
    expect(
      (await alice.call('POST', fls(`streams/${id}/transfers`), { url: 'rtmp://127.0.0.1/live/one-more' })).body,
    ).toMatchObject({ status: 403, code: 'quota_exceeded' });
    await kick(id);
  });

  it.each([
    ['disabled', { enabled: false, callbackUrl: 'http://127.0.0.1:9/' }, 'transfer_disabled'],
    ['without a URL', { callbackUrl: null }, 'callback_url_missing'],
  ])('is not made when it is %s, and the stream says so', async (_, callback, code) => {
    const id = await begin(callback);
    expect(await view(id)).toMatchObject({ state: 'connecting', callback: { state: 'none', reason: { code } } });
    await kick(id);
  });

  it('that names no URL is an answer, and the stream says so', async () => {
    customer.reply = json({ transferUrls: [] });
    const id = await begin({ callbackUrl: customer.url });
    await expect
      .poll(() => view(id))
      .toMatchObject({ state: 'connecting', callback: { state: 'answered', reason: { code: 'callback_no_urls' } } });
    await kick(id);
  });

  it.each(Object.entries(HOSTILE))(
    'whose server %s is retried, and the stream stays up and says why',
    async (_, [reply, code]) => {
      customer.reply = reply;
      const id = await begin({ callbackUrl: customer.url });
      await expect
        .poll(() => view(id), { timeout: 4 * TIMEOUT_MS + 1000 })
        .toMatchObject({ state: 'connecting', callback: { state: 'retrying', reason: { code } }, transfers: {} });
      expect((await deliveries(id))[0]).toMatchObject({ outcome: code, attempt: 1 });
      // And nothing of it stays open.
      await expect.poll(() => customer.connections()).toBe(0);
      await kick(id);
    },
  );

  it.each([
    ['http://127.0.0.2:80/', 'callback_address_forbidden'],
    ['http://169.254.169.254/latest/meta-data/', 'callback_address_forbidden'],
    ['http://[::1]:80/', 'callback_address_forbidden'],
    ['http://0x7f000002/', 'callback_address_forbidden'],
    ['http://10.0.0.1/', 'callback_address_forbidden'],
    ['http://127.0.0.1:1/', 'callback_connect_failed'],
    ['https://127.0.0.1:1/', 'callback_connect_failed'],
    ['http://no-such-host.invalid/', 'callback_dns_failed'],
  ])('to %s fails with %s', async (callbackUrl, code) => {
    const id = await begin({ callbackUrl });
    await expect
      .poll(() => view(id), { timeout: 3000 })
      .toMatchObject({ callback: { state: 'retrying', reason: { code } } });
    await kick(id);
  });

  it('is tried again with the settings of that moment, until it is answered', async () => {
    customer.reply = json({ error: 'no such user', for: 'rtmp://127.0.0.1/live/KEY' }, 500);
    const id = await begin({ callbackUrl: `${customer.url}/old` });
    await expect
      .poll(() => view(id))
      .toMatchObject({
        callback: { state: 'retrying', reason: { code: 'callback_status', detail: 'it answered 500' } },
      });
    customer.reply = json({ transferUrls: ['rtmp://127.0.0.1/live/x'] });
    await alice.call('PATCH', fls(settings), { callbackUrl: `${customer.url}/new` });
    await expect
      .poll(() => view(id), { timeout: 5000 })
      .toMatchObject({ callback: { state: 'answered', reason: null }, transfers: { pending: 1 } });
    expect(customer.requests.map(({ url }) => url.split('?')[0])).toEqual(['/cb/old', '/cb/new']);
    const log = await deliveries(id);
    expect(log.map(({ attempt, outcome, status }) => [attempt, outcome, status])).toEqual([
      [2, 'ok', 200],
      [1, 'callback_status', 500],
    ]);
    // What the customer's framework had to say about it.
    expect(log[1]?.answerHead).toBe('{"error":"no such user","for":"rtmp://127.0.0.1/live/***"}');
    await kick(id);
  });

  it('that fails again and again does not grow its job with each attempt', async () => {
    customer.reply = json({}, 500);
    const id = await begin({ callbackUrl: customer.url });
    await expect.poll(() => deliveries(id)).toHaveLength(2);
    const queue = api.app.get<Queue>(getQueueToken(CALLBACKS_QUEUE));
    await expect.poll(async () => (await queue.getJob(id))?.attemptsMade).toBe(2);
    expect((await queue.getJob(id))?.stacktrace).toHaveLength(1);
    await kick(id);
  });

  it('is not made any more once transfer is disabled, or the stream has ended', async () => {
    customer.reply = json({}, 500);
    const disabled = await begin({ callbackUrl: customer.url });
    await expect.poll(() => view(disabled)).toMatchObject({ callback: { state: 'retrying' } });
    await alice.call('PATCH', fls(settings), { enabled: false });
    await expect
      .poll(() => view(disabled), { timeout: 5000 })
      .toMatchObject({ callback: { state: 'none', reason: { code: 'transfer_disabled' } } });
    const ended = await begin({ callbackUrl: customer.url });
    await expect.poll(() => view(ended)).toMatchObject({ callback: { state: 'retrying' } });
    await kick(ended);
    await api.app.get(Dispatcher).requestCallback(ended);
    expect((await view(ended)).state).toBe('ended');
    expect((await deliveries(ended)).length).toBeLessThanOrEqual(2);
    await kick(disabled);
  });

  it('is logged without what its query holds', async () => {
    customer.reply = json({ transferUrls: ['rtmp://127.0.0.1/live/KEY-3'] });
    const id = await begin({ callbackUrl: `${customer.url}?SECRET&a=SECRET&b=SECRET=SECRET#SECRET` });
    await expect
      .poll(() => deliveries(id))
      .toMatchObject([
        { url: `${customer.url}?***&a=***&b=***`, answerHead: '{"transferUrls":["rtmp://127.0.0.1/live/***"]}' },
      ]);
    expect(customer.requests[0]?.url).toBe(
      `/cb?SECRET&a=SECRET&b=SECRET=SECRET&entry_point=live&stream_name=cb-${count}`,
    );
    await kick(id);
  });

  it.each([
    [
      'its beginning',
      (response: ServerResponse) =>
        void response.writeHead(500).end(`no database: rtmp://127.0.0.1/live/KEY-5 ${'x'.repeat(3000)}`),
      /^\(text of \d+ characters\) no database: \*\*\*$/,
    ],
    [
      'what came of it',
      (response: ServerResponse) => void response.writeHead(302, { location: '/' }).write('moved'),
      /^\(text of 5 characters, broken off\) moved$/,
    ],
    ['nothing', (response: ServerResponse) => void response.writeHead(404).end(), null],
  ])(
    'whose server fails is logged with what it asked, and %s of what the server said',
    async (_, reply, answerHead) => {
      customer.reply = reply;
      const id = await begin({ callbackUrl: customer.url });
      await expect.poll(async () => (await deliveries(id)).length).toBeGreaterThan(0);
      expect((await deliveries(id)).at(-1)).toMatchObject({
        webhookId: `msg_${id}`,
        streamName: `cb-${count}`,
        answerHead: answerHead && expect.stringMatching(answerHead),
      });
      expect(customer.requests[0]?.headers['webhook-id']).toBe(`msg_${id}`);
      await kick(id);
    },
  );

  it('leaves events, with the elements that were bad', async () => {
    customer.reply = json({ transferUrls: ['rtmp://127.0.0.1/live/KEY', 'srt://KEY'] });
    const id = await begin({ callbackUrl: customer.url });
    const events = async () =>
      (await alice.call('GET', fls(`events?streamId=${id}`))).body as { events: { type: string; data: object }[] };
    await expect.poll(events).toMatchObject({
      events: [{ type: 'callback.answered', data: { urls: 1, bad: [{ element: 1 }] } }, { type: 'stream.starting' }],
    });
    expect(JSON.stringify(await events())).not.toContain('KEY');
    await kick(id);
    expect((await events()).events.map(({ type }) => type)).toContain('callback.answered');
  });

  it('of another customer is 404, its log and its events', async () => {
    const id = await begin({ enabled: false });
    const bob = await api.customer();
    for (const path of [
      'entry_points/live/callbacks',
      'entry_points/live/callbacks?limit=1',
      'events',
      `events?streamId=${id}`,
    ]) {
      expect((await bob.call('GET', fls(path))).status).toBe(404);
    }
    // Nor does its stream's id open anything below a project of one's own.
    expect((await bob.call('GET', `/v1/projects/${bob.appid}/fls/events?streamId=${id}`)).body).toEqual({
      events: [],
      nextCursor: null,
    });
    await kick(id);
  });
});

describe('many callbacks', () => {
  it('to a server that hangs do not hold back those to another', async () => {
    const other = await startCallbackServer();
    customer.reply = () => undefined;
    const client = api.app.get(CallbackClient);
    const hanging = Promise.all(Array.from({ length: 100 }, () => client.post(customer.url, '{}')));
    const started = performance.now();
    expect(await client.post(other.url, '{}')).toMatchObject({ status: 200, failure: null });
    expect(performance.now() - started).toBeLessThan(TIMEOUT_MS);
    for (const { failure } of await hanging) expect(failure?.code).toBe('callback_timeout');
    await other.stop();
  });
});
