// Callbacks that are asked again, and what is known of them afterwards.
import { getQueueToken } from '@nestjs/bullmq';
import type { Queue } from 'bullmq';
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { CallbackClient } from '../apps/api/src/callback/callback.client.js';
import { Dispatcher } from '../apps/api/src/streams/publish/dispatcher.js';
import { CALLBACKS_QUEUE } from '../libs/queue/src/index.js';
import { json, startCallbackServer } from './support/callback-server.js';
import {
  useCallbackApi,
  TIMEOUT_MS,
  api,
  alice,
  customer,
  count,
  settings,
  fls,
  begin,
  view,
  kick,
  deliveries,
} from './support/callback-api.js';

useCallbackApi();

describe('a callback', () => {
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
