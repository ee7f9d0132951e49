// Callbacks whose answers are damaged, late or tried out.
import { describe, expect, it } from 'vitest';
import { Dispatcher } from '../apps/api/src/streams/publish/dispatcher.js';
import { json } from './support/callback-server.js';
import { useMishapsApi, api, node, alice, callback, fls, running } from './support/mishaps-api.js';

useMishapsApi();

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
