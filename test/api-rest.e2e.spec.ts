import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { basic, startApp, type TestApp, type TestCustomer } from './support/app.js';

let api: TestApp;
let alice: TestCustomer;
let bob: TestCustomer;
let operator: TestCustomer;

beforeAll(async () => {
  api = await startApp();
  [alice, bob, operator] = await Promise.all([api.customer(), api.customer(), api.customer('operator')]);
});
afterAll(() => api?.stop());

const settings = (who: TestCustomer, entryPoint = 'live') =>
  `/v1/projects/${who.appid}/fls/entry_points/${entryPoint}/settings/transfer`;

describe('authentication', () => {
  it.each([
    ['nothing', undefined, 'Unauthorized'],
    ['another scheme', 'Bearer abc', 'Invalid authentication credentials'],
    ['no base64', 'Basic ???', 'Invalid authentication credentials'],
    ['no colon', `Basic ${Buffer.from('abc').toString('base64')}`, 'Invalid authentication credentials'],
    ['an unknown customer', basic('0'.repeat(32), 'x'), 'Invalid authentication credentials'],
    ['an impossible customer', basic('a b\0', 'x'), 'Invalid authentication credentials'],
  ])('refuses %s with 401, and says how', async (_, authorization, message) => {
    const answer = await api.anonymous(
      'GET',
      settings(alice),
      undefined,
      authorization === undefined ? {} : { authorization },
    );
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm="manycast"/);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.body).toMatchObject({
      status: 401,
      title: 'Unauthorized',
      message,
      requestId: answer.headers.get('x-request-id'),
    });
  });

  it('refuses a wrong, a revoked and an expired secret, and one of somebody else', async () => {
    const ask = (secret: string) =>
      api.anonymous('GET', settings(alice), undefined, { authorization: basic(alice.id, secret) });
    for (const secret of [`${alice.secret}x`, alice.secret.slice(1), '', bob.secret, `${alice.secret}:junk`])
      expect((await ask(secret)).status).toBe(401);
    const carol = await api.customer();
    const carolAsks = () => carol.call('GET', settings(carol));
    expect((await carolAsks()).status).toBe(200);
    await api.prisma.credential.updateMany({
      where: { customerId: carol.id },
      data: { expiresAt: new Date(Date.now() - 1000) },
    });
    // Another process changed it, as it were: this one hears of it in a moment.
    await expect.poll(async () => (await carolAsks()).status).toBe(401);
    await api.prisma.credential.updateMany({
      where: { customerId: carol.id },
      data: { expiresAt: null, revokedAt: new Date() },
    });
    expect((await carolAsks()).status).toBe(401);
  });

  it('takes any of several secrets, and colons in them', async () => {
    const { id } = await api.prisma.credential.create({ data: { customerId: bob.id, secret: '' } });
    await api.prisma.credential.update({
      where: { id },
      data: { secret: api.box.seal('with:colon', `credential:${id}`) },
    });
    expect(
      (await api.anonymous('GET', settings(bob), undefined, { authorization: basic(bob.id, 'with:colon') })).status,
    ).toBe(200);
    expect((await bob.call('GET', settings(bob))).status).toBe(200);
  });

  it('keeps secrets so that the database alone gives nothing away', async () => {
    const rows = await api.prisma.$queryRaw<unknown[]>`SELECT * FROM credentials`;
    expect(JSON.stringify(rows)).not.toContain(alice.secret);
    const { secret, id } = await api.prisma.credential.findFirstOrThrow({ where: { customerId: alice.id } });
    // Sealed for its own row: copied to another one it does not open.
    expect(() => api.box.open(secret, 'credential:other')).toThrow(/authenticate/);
    expect(api.box.open(secret, `credential:${id}`)).toBe(alice.secret);
  });
});

describe('settings/transfer, as Agora documents it', () => {
  it('begins disabled and without a URL', async () => {
    const answer = await alice.call('GET', settings(alice));
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer.body).toEqual({ enabled: false, callbackUrl: null, useLastAnswer: false, endsOnClose: false });
  });

  it('changes what is given, keeps what is absent, clears what is null', async () => {
    const url = 'https://customer.example/targets?x=1';
    const patch = async (body: unknown) => (await alice.call('PATCH', settings(alice), body)).body;
    expect(await patch({ enabled: true })).toEqual({
      enabled: true,
      callbackUrl: null,
      useLastAnswer: false,
      endsOnClose: false,
    });
    expect(await patch({ callbackUrl: url })).toEqual({
      enabled: true,
      callbackUrl: url,
      useLastAnswer: false,
      endsOnClose: false,
    });
    expect(await patch({})).toEqual({ enabled: true, callbackUrl: url, useLastAnswer: false, endsOnClose: false });
    expect(await patch({ enabled: false })).toEqual({
      enabled: false,
      callbackUrl: url,
      useLastAnswer: false,
      endsOnClose: false,
    });
    expect(await patch({ callbackUrl: null })).toEqual({
      enabled: false,
      callbackUrl: null,
      useLastAnswer: false,
      endsOnClose: false,
    });
    expect((await alice.call('GET', settings(alice))).body).toEqual({
      enabled: false,
      callbackUrl: null,
      useLastAnswer: false,
      endsOnClose: false,
    });
  });

  it.each([
    undefined,
    'application/json',
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/octet-stream',
  ])('reads JSON sent as %s', async (type) => {
    const answer = await alice.call(
      'PATCH',
      settings(alice),
      '{"enabled":true}',
      type === undefined ? {} : { 'content-type': type },
    );
    expect(answer.body).toMatchObject({ enabled: true });
  });

  it.each([[''], ['   '], ['{}']])('takes %j for no change', async (body) => {
    const before = (await alice.call('GET', settings(alice))).text;
    const answer = await alice.call('PATCH', settings(alice), body);
    expect([answer.status, answer.text]).toEqual([200, before]);
  });

  it.each([
    ['{"enabled":"yes"}', ['enabled']],
    ['{"enabled":null}', ['enabled']],
    ['{"enabled":1}', ['enabled']],
    ['{"callbackUrl":7}', ['callbackUrl']],
    ['{"callbackUrl":""}', ['callbackUrl']],
    ['{"callbackUrl":"ftp://x/"}', ['callbackUrl']],
    ['{"callbackUrl":"http://u:p@x/"}', ['callbackUrl']],
    [`{"callbackUrl":"http://x/${'y'.repeat(3000)}"}`, ['callbackUrl']],
    ['{"enabled":"x","callbackUrl":7}', ['enabled', 'callbackUrl']],
    ['{"enabled":true,"unknown":1}', ['unknown']],
    ['{"__proto__":{"enabled":true}}', ['__proto__']],
    ['{"callbackUrl":"http://x/\\u0000"}', ['callbackUrl']],
    ['[]', ['']],
    ['"text"', ['']],
    ['{"enabled":', ['']],
    ['\xff\xfe', ['']],
  ])('refuses %s with 400 that names the field', async (body, fields) => {
    const answer = await alice.call('PATCH', settings(alice), body);
    expect(answer.status).toBe(400);
    const { errors, message } = answer.body as { errors: { field: string; message: string }[]; message: string };
    expect(errors.map(({ field }) => field)).toEqual(fields);
    expect(message).not.toBe('');
  });

  it('refuses what is too large, and what is compressed', async () => {
    expect(
      (await alice.call('PATCH', settings(alice), JSON.stringify({ callbackUrl: 'x'.repeat(70_000) }))).status,
    ).toBe(413);
    expect((await alice.call('PATCH', settings(alice), '{}', { 'content-encoding': 'gzip' })).status).toBe(415);
  });

  it('has 404 for what does not exist and 400 for what could not', async () => {
    expect((await alice.call('GET', settings(alice, 'nope'))).status).toBe(404);
    expect((await alice.call('PATCH', settings(alice, 'nope'), { enabled: true })).status).toBe(404);
    expect((await alice.call('GET', settings({ ...alice, appid: 'f'.repeat(32) }))).status).toBe(404);
    expect((await alice.call('GET', settings({ ...alice, appid: 'a b' }))).status).toBe(400);
    expect((await alice.call('GET', settings(alice, '%00'))).status).toBe(400);
    expect((await alice.call('GET', `/v1/projects/${alice.appid}/fls/entry_points//settings/transfer`)).status).toBe(
      400,
    );
    expect((await alice.call('POST', settings(alice), {})).status).toBe(404);
    expect((await alice.call('GET', '/v1/nonsense')).body).toMatchObject({
      message: 'no Route matched with those values',
    });
  });
});

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

describe('requests', () => {
  it('carry the caller’s X-Request-ID when it is harmless, else one of ours', async () => {
    expect(
      (await api.anonymous('GET', '/healthz', undefined, { 'x-request-id': 'abc-1' })).headers.get('x-request-id'),
    ).toBe('abc-1');
    expect(
      (await api.anonymous('GET', '/healthz', undefined, { 'x-request-id': 'a b<script>' })).headers.get(
        'x-request-id',
      ),
    ).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('about health need no credentials', async () => {
    expect((await api.anonymous('GET', '/healthz')).body).toEqual({ status: 'ok' });
    expect((await api.anonymous('GET', '/readyz')).body).toEqual({ status: 'ok', postgres: 'ok', redis: 'ok' });
  });
});
