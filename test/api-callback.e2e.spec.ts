import { describe, expect, it } from 'vitest';
import { type CallbackServer, HOSTILE, json } from './support/callback-server.js';
import {
  useCallbackApi,
  TIMEOUT_MS,
  api,
  node,
  alice,
  customer,
  count,
  fls,
  begin,
  view,
  kick,
  deliveries,
} from './support/callback-api.js';

useCallbackApi();

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
});
