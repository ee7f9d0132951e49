// Sessions of WHIP that run.
import { describe, expect, it } from 'vitest';
import { Env } from '../libs/config/src/index.js';
import { Wire } from '../libs/queue/src/index.js';
import { useWhipApi, api, node, alice, token, newToken, endpoint, newName, post, stream } from './support/whip-api.js';

useWhipApi();

const RESTART = 'a=ice-ufrag:else\r\na=ice-pwd:passwordpasswordpassword\r\n';

describe('a running session', () => {
  const begin = async () => {
    const name = newName();
    const answer = await post(name);
    return { name, path: answer.headers.get('location') as string, etag: answer.headers.get('etag') as string };
  };
  const FRAGMENT =
    'a=ice-ufrag:user\r\na=ice-pwd:passwordpasswordpassword\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n';
  const patch = (path: string, body: string, headers: Record<string, string> = {}) =>
    api.anonymous('PATCH', path, body, { 'content-type': 'application/trickle-ice-sdpfrag', ...headers });

  it('takes trickled candidates', async () => {
    const { path, etag } = await begin();
    expect((await patch(path, FRAGMENT, { 'if-match': etag })).status).toBe(204);
    // Well-known clients send no If-Match.
    expect((await patch(path, FRAGMENT)).status).toBe(204);
    expect((await patch(path, 'a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n', { 'if-match': '*' })).status).toBe(204);
    // Nobody sends anything to addresses that somebody else has named.
    expect(node.requests).toEqual([]);
    expect((await patch(path, FRAGMENT, { 'if-match': '"old"' })).status).toBe(412);
    // Without a password it is no restart.
    expect((await patch(path, 'a=ice-ufrag:else\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n')).status).toBe(412);
    expect((await patch(path, 'nonsense', { 'if-match': etag })).status).toBe(400);
    const wrong = await api.anonymous('PATCH', path, FRAGMENT, { 'content-type': 'application/sdp', 'if-match': etag });
    expect([wrong.status, wrong.headers.get('accept-patch')]).toEqual([415, 'application/trickle-ice-sdpfrag']);
  });

  it('ends with DELETE 200, once', async () => {
    const { path, name } = await begin();
    expect((await api.anonymous('DELETE', path)).status).toBe(200);
    expect(node.requests).toMatchObject([['endSession', { reason: 'publisher_left' }]]);
    expect((await stream(name))?.sessions[0]?.endedAt).not.toBeNull();
    for (const method of ['DELETE', 'GET', 'PATCH']) {
      expect(
        (
          await api.anonymous(method, path, method === 'PATCH' ? FRAGMENT : undefined, {
            'content-type': 'application/trickle-ice-sdpfrag',
          })
        ).status,
      ).toBe(404);
    }
    expect((await api.anonymous('DELETE', '/whip/sessions/..%2f..')).status).toBe(404);
  });

  it('ends with DELETE of the endpoint too, for the token that has begun it', async () => {
    const { name, path } = await begin();
    const end = (bearer?: string) =>
      api.anonymous(
        'DELETE',
        endpoint(name),
        undefined,
        bearer === undefined ? {} : { authorization: `Bearer ${bearer}` },
      );
    expect((await end()).status).toBe(401);
    expect((await end(await newToken({ streamName: name }))).status).toBe(404);
    expect(node.requests).toEqual([]);
    expect((await end(token)).status).toBe(200);
    expect(node.requests).toMatchObject([
      ['endSession', { sessionId: path.split('/').at(-1), reason: 'publisher_left' }],
    ]);
    expect((await end(token)).status).toBe(404);
  });

  it('is joined by a second publisher of the same name on the same node', async () => {
    const { name, path } = await begin();
    const before = await stream(name);
    const again = await post(name);
    expect(again.status).toBe(201);
    expect(again.headers.get('location')).not.toBe(path);
    expect(node.requests).toMatchObject([['publish', { streamId: before?.id }]]);
    expect((await stream(name))?.sessions).toHaveLength(2);
  });

  it('is replaced when its node has forgotten it', async () => {
    const { name } = await begin();
    const before = await stream(name);
    node.publishScript = { refuse: 'unknown_stream', message: 'x' };
    expect((await post(name)).status).toBe(201);
    expect(await api.prisma.stream.findUnique({ where: { id: before?.id } })).toMatchObject({
      state: 'ended',
      reason: 'node_lost',
    });
    expect((await stream(name))?.id).not.toBe(before?.id);
  });

  it('waits for a node that restarts, and is replaced when its lease has run out', async () => {
    const { name } = await begin();
    const before = await stream(name);
    const isNow = () =>
      api.prisma.stream.findUnique({
        where: { id: before?.id },
        include: { sessions: { orderBy: { createdAt: 'asc' } } },
      });
    await api.prisma.stream.updateMany({ where: { name }, data: { ownerNode: 'restarting' } });
    const answer = await post(name);
    expect([answer.status, answer.body]).toMatchObject([503, { code: 'node_away' }]);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await isNow()).toMatchObject({
      state: 'connecting',
      epoch: 1,
      sessions: [{ endedAt: null }, { endedAt: expect.any(Date) }],
    });
    await api.prisma.stream.updateMany({ where: { name }, data: { leaseUntil: new Date(Date.now() - 1000) } });
    // An API that has reached Redis only just now cannot tell who is away.
    await expect.poll(async () => (await post(name)).status, { timeout: 10_000 }).toBe(201);
    expect(await isNow()).toMatchObject({ state: 'ended', reason: 'node_lost', epoch: 2 });
    expect((await stream(name))?.id).not.toBe(before?.id);
  });

  it.each(['GET', 'PATCH', 'DELETE'])('is over for a %s of its session when its node is lost', async (method) => {
    const { name, path } = await begin();
    const ask = () =>
      fetch(api.url + path, {
        method,
        ...(method === 'PATCH' && {
          body: RESTART,
          headers: { 'content-type': 'application/trickle-ice-sdpfrag', 'if-match': '*' },
        }),
      });
    const { id } = (await stream(name)) as { id: string };
    const isNow = () => api.prisma.stream.findUnique({ where: { id } });
    await api.prisma.stream.update({
      where: { id },
      data: { ownerNode: 'lost', leaseUntil: new Date(Date.now() - 1000) },
    });
    await expect.poll(async () => (await ask()).status, { timeout: 10_000 }).toBe(404);
    expect(await isNow()).toMatchObject({ state: 'ended', reason: 'node_lost', epoch: 2 });
    expect((await post(name)).status).toBe(201);
  });

  it('is not over only because its lease has run out, or its node is away', async () => {
    const { name, path } = await begin();
    const { id } = (await stream(name)) as { id: string };
    const lapse = { leaseUntil: new Date(Date.now() - 1000) };
    const lives = async (): Promise<void> => {
      expect((await api.anonymous('GET', path)).status).toBe(204);
      expect(await api.prisma.stream.findUnique({ where: { id } })).toMatchObject({ state: 'connecting', epoch: 1 });
    };
    // Until now, this API may have known Redis for too short a time to tell.
    await expect.poll(() => api.app.get(Wire).connectedForMs, { timeout: 10_000 }).toBeGreaterThan(5000);
    // After an outage of Postgres: the node says that it is there.
    await api.prisma.stream.update({ where: { id }, data: lapse });
    await lives();
    // After an outage of Redis as well: it has not said so yet, but it answers.
    const { REDIS_URL, REDIS_PREFIX } = process.env as { REDIS_URL: string; REDIS_PREFIX: string };
    const other = new Wire(Object.assign(new Env(), { REDIS_URL, REDIS_PREFIX }));
    await other.serve('quiet', async () => ({}));
    await api.prisma.stream.update({ where: { id }, data: { ownerNode: 'quiet', ...lapse } });
    await lives();
    other.onApplicationShutdown();
    // A worker that restarts.
    await api.prisma.stream.update({
      where: { id },
      data: { ownerNode: 'restarting', leaseUntil: new Date(Date.now() + 60_000) },
    });
    await lives();
  });

  it('can be kicked, whether its node answers or not', async () => {
    const first = await begin();
    const kick = async (name: string) =>
      (await alice.call('DELETE', `/v1/projects/${alice.appid}/fls/streams/${(await stream(name))?.id}`)).status;
    expect(await kick(first.name)).toBe(204);
    expect(node.requests).toMatchObject([['endStream', { reason: 'kicked' }]]);
    expect(await kick(first.name)).toBe(204);
    const second = await begin();
    await api.prisma.stream.updateMany({ where: { name: second.name }, data: { ownerNode: 'gone' } });
    expect(await kick(second.name)).toBe(204);
    expect(await stream(second.name)).toMatchObject({ state: 'ended', reason: 'kicked', epoch: 2 });
  });
});
