// Other ways in than the customer secret: HMAC, signed URLs, publish tokens and the session of the dashboard.
import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { signPublishUrl } from '../apps/api/src/streams/tokens/signed-url.js';
import { type Answer, type TestCustomer } from './support/app.js';
import { offer } from './support/sdp.js';
import { useTenantApi, api, operator } from './support/tenant-api.js';

useTenantApi();

describe("Agora's HTTP HMAC authentication", () => {
  interface Signing {
    method?: string;
    path?: string;
    body?: string;
    date?: Date;
    headers?: string;
    host?: string;
    secret?: string;
    tamper?: Record<string, string>;
  }
  async function signed(
    customer: TestCustomer,
    {
      method = 'GET',
      path = '/v1/me',
      body = '',
      date = new Date(),
      headers = 'host date request-line digest',
      ...more
    }: Signing = {},
  ): Promise<Answer> {
    const digest = `SHA-256=${createHash('sha256').update(body).digest('base64')}`;
    const values: Record<string, string> = {
      host: `host: ${more.host ?? new URL(api.url).host}`,
      date: `date: ${date.toUTCString()}`,
      'request-line': `${method} ${path} HTTP/1.1`,
      digest: `digest: ${digest}`,
    };
    const text = headers
      .split(' ')
      .map((name) => values[name])
      .join('\n');
    const signature = createHmac('sha256', more.secret ?? customer.secret)
      .update(text)
      .digest('base64');
    const authorization = `hmac username="${customer.id}", algorithm="hmac-sha256", headers="${headers}", signature="${signature}"`;
    return api.anonymous(method, path, method === 'GET' ? undefined : body, {
      authorization,
      date: date.toUTCString(),
      digest,
      ...more.tamper,
    });
  }
  const settings = (customer: TestCustomer) => `/v1/projects/${customer.appid}/fls/entry_points/live/settings/transfer`;

  it('is accepted with the same pair, for GET, for PATCH with a body, and with the host signed without its port', async () => {
    const alice = await api.customer();
    expect((await signed(alice)).status).toBe(200);
    expect((await signed(alice, { host: '127.0.0.1' })).status).toBe(200);
    expect(
      (await signed(alice, { method: 'PATCH', path: settings(alice), body: '{"enabled":true}' })).body,
    ).toMatchObject({ enabled: true });
    expect((await signed(alice, { path: `${settings(alice)}?x=%2F` })).status).toBe(200);
  });

  it.each<[string, Signing, string]>([
    ['another secret', { secret: 'x'.repeat(64) }, 'HMAC signature does not match'],
    ['a date of ten minutes ago', { date: new Date(Date.now() - 600_000) }, 'valid date'],
    ['a date of tomorrow', { date: new Date(Date.now() + 86_400_000) }, 'valid date'],
    ['no signed date', { headers: 'host request-line' }, 'valid date'],
    ['no signed request line', { headers: 'host date' }, 'cannot be verified'],
    [
      'a body whose digest is not signed',
      { method: 'POST', path: '/v1/projects', body: '{"name":"x"}', headers: 'host date request-line' },
      'cannot be verified',
    ],
    [
      'a digest of another body',
      {
        method: 'POST',
        path: '/v1/projects',
        body: '{"name":"x"}',
        tamper: { digest: `SHA-256=${createHash('sha256').update('{}').digest('base64')}` },
      },
      'cannot be verified',
    ],
    ['another host', { host: 'evil.example' }, 'does not match'],
  ])('is refused with %s', async (_what, signing, message) => {
    const alice = await api.customer();
    const answer = await signed(alice, signing);
    expect([answer.status, answer.body]).toMatchObject([401, { message: expect.stringContaining(message) }]);
  });

  it('is refused when it is damaged, and for who does not exist', async () => {
    for (const authorization of [
      'hmac',
      'hmac username=""',
      'hmac username="x", algorithm="hmac-md5", headers="date", signature="x"',
      `hmac ${'a="b",'.repeat(500)}`,
    ]) {
      expect(
        (await api.anonymous('GET', '/v1/me', undefined, { authorization, date: new Date().toUTCString() })).status,
      ).toBe(401);
    }
    expect((await signed({ id: 'nobody', secret: 'x', appid: '', call: operator.call })).status).toBe(401);
  });
});

describe('signed publish URLs', () => {
  it('publish as Agora documents, until their time is over', async () => {
    const alice = await api.customer();
    const authKey = 'z2tn3uiny0aasebz';
    const publish = (ts: number, sign?: string) => {
      const query = `?ts=${ts}&sign=${sign ?? signPublishUrl(authKey, { entryPoint: 'live', streamName: 'cam' }, String(ts))}`;
      return api.anonymous('POST', `/whip/${alice.appid}/live/cam${query}`, offer(), {
        'content-type': 'application/sdp',
      });
    };
    const soon = Math.floor(Date.now() / 1000) + 60;
    expect((await publish(soon)).status).toBe(401);
    expect((await alice.call('PATCH', `/v1/projects/${alice.appid}`, { authKey })).body).toMatchObject({
      hasAuthKey: true,
    });
    expect((await publish(soon)).status).toBe(201);
    expect((await publish(soon, 'b6e265a0b6e265a0b6e265a0b6e265a0')).status).toBe(401);
    expect((await publish(soon - 120)).body).toMatchObject({ message: 'The signed publish URL has expired.' });
    expect((await alice.call('PATCH', `/v1/projects/${alice.appid}`, { authKey: null })).body).toMatchObject({
      hasAuthKey: false,
    });
    expect((await publish(soon)).status).toBe(401);
  });

  it("have the signature of Agora's own example", () => {
    expect(signPublishUrl('z2tn3uiny0aasebz', { entryPoint: 'live', streamName: 'stream.flv' }, '1634955000')).toBe(
      'b6ceec4cf7c1bd88e911b72cf39e4715',
    );
  });
});

describe('publish tokens', () => {
  it("are worthless once the project's signing key was rotated", async () => {
    const alice = await api.customer();
    const tokens = `/v1/projects/${alice.appid}/fls/entry_points/live/publish_tokens`;
    const { token } = (await alice.call('POST', tokens)).body as { token: string };
    const publish = (bearer: string) =>
      api.anonymous('POST', `/whip/${alice.appid}/live/rotated`, offer(), {
        authorization: `Bearer ${bearer}`,
        'content-type': 'application/sdp',
      });
    expect((await publish(token)).status).toBe(201);
    expect((await alice.call('POST', `/v1/projects/${alice.appid}/rotate_signing_key`)).status).toBe(204);
    expect((await publish(token)).status).toBe(401);
    const next = (await alice.call('POST', tokens)).body as { token: string };
    expect((await publish(next.token)).status).toBe(201);
  });
});

describe('the dashboard session', () => {
  const cookieOf = (answer: Answer): string => (answer.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '';
  const signIn = (customer: TestCustomer, customerSecret = customer.secret) =>
    api.anonymous('POST', '/session', { customerId: customer.id, customerSecret });

  it('signs in and out; its cookie is out of the reach of scripts and of other sites', async () => {
    const alice = await api.customer();
    const signedIn = await signIn(alice);
    expect([signedIn.status, signedIn.body]).toMatchObject([200, { customerId: alice.id, role: 'customer' }]);
    expect(signedIn.headers.get('set-cookie')).toMatch(/^manycast_session=[\w-]{43}; .*HttpOnly.*SameSite=Strict/i);
    const cookie = cookieOf(signedIn);
    expect((await api.anonymous('GET', '/session', undefined, { cookie })).body).toMatchObject({
      customerId: alice.id,
    });
    expect((await api.anonymous('GET', '/v1/me', undefined, { cookie })).status).toBe(200);
    expect(await api.prisma.dashboardSession.count({ where: { id: { contains: cookie.split('=')[1] ?? '-' } } })).toBe(
      0,
    );
    expect((await api.anonymous('DELETE', '/session', undefined, { cookie })).status).toBe(204);
    expect((await api.anonymous('GET', '/v1/me', undefined, { cookie })).status).toBe(401);
    const asked = await api.anonymous('GET', '/session', undefined, { cookie });
    // No dialog of the browser's own.
    expect([asked.status, asked.headers.get('www-authenticate')]).toEqual([401, 'Cookie realm="manycast"']);
  });

  it('is begun with the right secret only, and anew each time', async () => {
    const alice = await api.customer();
    expect((await signIn(alice, 'wrong')).status).toBe(401);
    expect((await api.anonymous('POST', '/session', { customerId: alice.id })).status).toBe(400);
    const cookie = cookieOf(await signIn(alice));
    const next = await api.anonymous(
      'POST',
      '/session',
      { customerId: alice.id, customerSecret: alice.secret },
      { cookie },
    );
    expect(cookieOf(next)).not.toBe(cookie);
    expect((await api.anonymous('GET', '/v1/me', undefined, { cookie })).status).toBe(401);
  });

  it('changes nothing on behalf of another page', async () => {
    const cookie = cookieOf(await signIn(await api.customer()));
    const post = (headers: Record<string, string>) =>
      api.anonymous('POST', '/v1/projects', { name: 'x' }, { cookie, ...headers });
    expect((await post({})).body).toMatchObject({ status: 403, code: 'foreign_origin' });
    expect((await post({ 'x-manycast': 'dashboard', origin: 'https://evil.example' })).status).toBe(403);
    expect((await post({ 'x-manycast': 'dashboard', origin: api.url })).status).toBe(201);
    // No preflight of another page is ever granted.
    const preflight = await api.anonymous('OPTIONS', '/v1/projects', undefined, {
      origin: 'https://evil.example',
      'access-control-request-method': 'POST',
    });
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('ends everywhere at a word, and with the customer', async () => {
    const alice = await api.customer();
    const [one, two] = [cookieOf(await signIn(alice)), cookieOf(await signIn(alice))];
    expect(
      (await api.anonymous('DELETE', '/session/all', undefined, { cookie: one, 'x-manycast': 'dashboard' })).status,
    ).toBe(204);
    for (const cookie of [one, two])
      expect((await api.anonymous('GET', '/v1/me', undefined, { cookie })).status).toBe(401);
    const three = cookieOf(await signIn(alice));
    await operator.call('DELETE', `/v1/customers/${alice.id}`);
    expect((await api.anonymous('GET', '/v1/me', undefined, { cookie: three })).status).toBe(401);
  });

  it('ends when nobody comes back', async () => {
    const alice = await api.customer();
    const cookie = cookieOf(await signIn(alice));
    await api.prisma.dashboardSession.updateMany({
      where: { customerId: alice.id },
      data: { lastUsedAt: new Date(Date.now() - 13 * 3_600_000) },
    });
    expect((await api.anonymous('GET', '/v1/me', undefined, { cookie })).status).toBe(401);
  });
});
