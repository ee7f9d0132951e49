import { describe, expect, it } from 'vitest';
import { basic } from './support/app.js';
import { useRestApi, api, alice, bob, settings } from './support/rest-api.js';

useRestApi();

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
