// Projects, entry points, tokens and lists, and what another customer finds of them: nothing.
import { describe, expect, it } from 'vitest';
import { type TestCustomer } from './support/app.js';
import { useRestApi, api, alice, bob, operator, settings } from './support/rest-api.js';

useRestApi();

describe('projects and entry points', () => {
  it('are made, listed, renamed and deleted', async () => {
    const created = await alice.call('POST', '/v1/projects', { name: 'Second' });
    expect(created.status).toBe(201);
    const { appid } = created.body as { appid: string };
    expect(appid).toMatch(/^[0-9a-f]{32}$/);
    const fls = `/v1/projects/${appid}/fls/entry_points`;
    expect((await alice.call('GET', fls)).body).toMatchObject({ entryPointList: [{ name: 'live' }] });
    expect((await alice.call('POST', fls, { name: 'stage_2' })).status).toBe(201);
    // Agora's form.
    expect((await alice.call('POST', `${fls}?id=stage-3`)).status).toBe(201);
    expect((await alice.call('POST', fls, { name: 'stage_2' })).status).toBe(409);
    expect((await alice.call('POST', fls, { name: 'a/b' })).status).toBe(400);
    for (const body of [{}, { name: null }, { name: 7 }])
      expect((await alice.call('POST', fls, body)).status).toBe(400);
    expect((await alice.call('PATCH', `${fls}/stage_2`, { name: null })).body).toMatchObject({
      status: 400,
      errors: [{ field: 'name' }],
    });
    expect((await alice.call('PATCH', `${fls}/stage_2`, { name: 'stage_4' })).body).toMatchObject({ name: 'stage_4' });
    expect((await alice.call('GET', `${fls}/stage_2`)).status).toBe(404);
    expect((await alice.call('DELETE', `${fls}/stage_4`)).status).toBe(200);
    expect((await alice.call('DELETE', `${fls}/live`)).status).toBe(409);
    expect((await alice.call('PATCH', `/v1/projects/${appid}`, { name: 'Renamed' })).body).toMatchObject({
      appid,
      name: 'Renamed',
    });
    expect((await alice.call('GET', '/v1/projects')).body).toMatchObject({
      projects: [{ name: 'Test' }, { name: 'Renamed' }],
    });
    expect((await alice.call('DELETE', `/v1/projects/${appid}`)).status).toBe(204);
    expect((await alice.call('GET', `/v1/projects/${appid}`)).status).toBe(404);
    expect((await alice.call('POST', '/v1/projects', {})).body).toMatchObject({
      errors: [{ field: 'name' }, { field: 'name' }],
    });
  });

  it('cannot be deleted while a stream runs', async () => {
    const carol = await api.customer();
    const entryPoint = await api.prisma.entryPoint.create({ data: { projectId: carol.appid, name: 'busy' } });
    const stream = await api.prisma.stream.create({
      data: { projectId: carol.appid, entryPointId: entryPoint.id, name: 's', state: 'live', ownerNode: 'n' },
    });
    expect((await carol.call('DELETE', `/v1/projects/${carol.appid}/fls/entry_points/busy`)).status).toBe(409);
    expect((await carol.call('DELETE', `/v1/projects/${carol.appid}`)).status).toBe(409);
    await api.prisma.stream.update({ where: { id: stream.id }, data: { state: 'ended' } });
    expect((await carol.call('DELETE', `/v1/projects/${carol.appid}/fls/entry_points/busy`)).status).toBe(200);
  });
});

describe('another customer', () => {
  it('finds nothing of mine, byte for byte as if it did not exist', async () => {
    const entryPoint = await api.prisma.entryPoint.findFirstOrThrow({
      where: { projectId: alice.appid, name: 'live' },
    });
    const { id } = await api.prisma.stream.create({
      data: { projectId: alice.appid, entryPointId: entryPoint.id, name: 'mine', state: 'ended' },
    });
    const nobody = 'f'.repeat(32);
    const noStream = '00000000-0000-7000-8000-000000000000';
    const routes: [string, string, unknown?][] = [
      ['GET', '/v1/projects/{p}'],
      ['PATCH', '/v1/projects/{p}', { name: 'x' }],
      ['DELETE', '/v1/projects/{p}'],
      ['GET', '/v1/projects/{p}/fls/entry_points'],
      ['POST', '/v1/projects/{p}/fls/entry_points', { name: 'x' }],
      ['GET', '/v1/projects/{p}/fls/entry_points/live'],
      ['PATCH', '/v1/projects/{p}/fls/entry_points/live', { name: 'x' }],
      ['DELETE', '/v1/projects/{p}/fls/entry_points/live'],
      ['GET', '/v1/projects/{p}/fls/entry_points/live/settings/transfer'],
      ['PATCH', '/v1/projects/{p}/fls/entry_points/live/settings/transfer', { enabled: true }],
      ['POST', '/v1/projects/{p}/fls/entry_points/live/publish_tokens', {}],
      ['GET', '/v1/projects/{p}/fls/entry_points/live/callbacks'],
      ['GET', '/v1/projects/{p}/fls/streams'],
      ['GET', '/v1/projects/{p}/fls/streams/{s}'],
      ['GET', '/v1/projects/{p}/fls/streams/{s}/transfers'],
      ['DELETE', '/v1/projects/{p}/fls/streams/{s}'],
      ['GET', '/v1/projects/{p}/fls/events'],
    ];
    const headers = { 'x-request-id': 'same' };
    for (const [method, path, body] of routes) {
      const mine = path.replace('{p}', alice.appid).replace('{s}', id);
      const none = path.replace('{p}', nobody).replace('{s}', noStream);
      const [foreign, absent] = [
        await bob.call(method, mine, body, headers),
        await bob.call(method, none, body, headers),
      ];
      expect([method, path, foreign.status]).toEqual([method, path, 404]);
      expect(foreign.text).toBe(absent.text);
    }
    // The same stream id below a project of one's own is not a way in either.
    for (const [method, path] of routes.filter(([, template]) => template.includes('{s}'))) {
      expect((await bob.call(method, path.replace('{p}', bob.appid).replace('{s}', id))).status).toBe(404);
    }
    expect(await api.prisma.entryPoint.findFirst({ where: { projectId: alice.appid, name: 'live' } })).not.toBeNull();
  });

  it('is not an operator: only those see nodes, and every project', async () => {
    expect((await alice.call('GET', '/v1/nodes')).body).toMatchObject({
      status: 404,
      message: 'no Route matched with those values',
    });
    expect((await operator.call('GET', '/v1/nodes')).body).toEqual({ nodes: [] });
    expect((await operator.call('GET', settings(alice))).status).toBe(200);
    const { projects } = (await operator.call('GET', '/v1/projects')).body as { projects: { appid: string }[] };
    expect(projects.map(({ appid }) => appid)).toEqual(expect.arrayContaining([alice.appid, bob.appid]));
  });
});

describe('publish tokens', () => {
  const tokens = (who: TestCustomer) => `/v1/projects/${who.appid}/fls/entry_points/live/publish_tokens`;

  it('are bound to entry point, time and perhaps a name', async () => {
    const answer = await alice.call('POST', tokens(alice), { streamName: 'show', expiresIn: 600 });
    expect(answer.status).toBe(201);
    const { token, expiresAt, whipUrl } = answer.body as { token: string; expiresAt: string; whipUrl: string };
    expect(whipUrl).toBe(`${api.url}/whip/${alice.appid}/live/show`);
    expect(Date.parse(expiresAt) - Date.now()).toSatisfy((left: number) => left > 590_000 && left <= 600_000);
    const [, claims] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
    expect(JSON.parse(claims as string)).toMatchObject({ aud: alice.appid, entry_point: 'live', stream_name: 'show' });
    expect((await alice.call('POST', tokens(alice))).body).toMatchObject({
      whipUrl: `${api.url}/whip/${alice.appid}/live/{stream_name}`,
    });
  });

  it.each([
    { expiresIn: 5 },
    { expiresIn: 1e9 },
    { expiresIn: 'x' },
    { expiresIn: null },
    { streamName: '../x' },
    { streamName: '' },
    { streamName: null },
  ])('refuse %j', async (body) => {
    expect((await alice.call('POST', tokens(alice), body)).status).toBe(400);
  });
});

describe('lists', () => {
  it('of streams and events are paged, newest first, and filtered', async () => {
    const carol = await api.customer();
    const entryPoint = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: carol.appid } });
    for (let i = 0; i < 5; i += 1) {
      const { id } = await api.prisma.stream.create({
        data: {
          projectId: carol.appid,
          entryPointId: entryPoint.id,
          name: `s${i}`,
          state: i < 3 ? 'ended' : 'live',
          ownerNode: 'n',
        },
      });
      await api.prisma.event.create({ data: { projectId: carol.appid, streamId: id, type: 'stream.live' } });
    }
    const names: string[] = [];
    let cursor = '';
    do {
      const { streams, nextCursor } = (
        await carol.call('GET', `/v1/projects/${carol.appid}/fls/streams?limit=2${cursor}`)
      ).body as { streams: { name: string }[]; nextCursor: string | null };
      names.push(...streams.map(({ name }) => name));
      cursor = nextCursor === null ? '' : `&cursor=${nextCursor}`;
    } while (cursor !== '');
    expect(names).toEqual(['s4', 's3', 's2', 's1', 's0']);
    const list = async (query: string) =>
      (
        (await carol.call('GET', `/v1/projects/${carol.appid}/fls/streams?${query}`)).body as {
          streams: { name: string }[];
        }
      ).streams.map(({ name }) => name);
    expect(await list('state=live')).toEqual(['s4', 's3']);
    expect(await list('entry_point=live&limit=1')).toEqual(['s4']);
    expect(await list('entry_point=other')).toEqual([]);
    for (const query of ['limit=0', 'limit=1000', 'state=nope', 'cursor=x', 'entry_point=%2F', 'unknown=1']) {
      expect((await carol.call('GET', `/v1/projects/${carol.appid}/fls/streams?${query}`)).status).toBe(400);
    }
    const first = (await carol.call('GET', `/v1/projects/${carol.appid}/fls/events?limit=3`)).body as {
      events: { id: string }[];
      nextCursor: string;
    };
    const second = (
      await carol.call('GET', `/v1/projects/${carol.appid}/fls/events?limit=3&cursor=${first.nextCursor}`)
    ).body as { events: { id: string }[]; nextCursor: null };
    expect([first.events.length, second.events.length, second.nextCursor]).toEqual([3, 2, null]);
    expect((await carol.call('GET', `/v1/projects/${carol.appid}/fls/streams/not-a-uuid`)).status).toBe(400);
  });
});
