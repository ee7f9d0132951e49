// What a hasty customer, a customer's odd server or an unlucky moment do to streams: each of these once broke something.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Redis } from 'ioredis';
import { Wire } from '../libs/queue/src/index.js';
import { PushService } from '../apps/api/src/flashphoner/rest/push.service.js';
import { offer } from './support/sdp.js';
import { useMishapsApi, api, node, alice, fls, running } from './support/mishaps-api.js';

useMishapsApi();

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
