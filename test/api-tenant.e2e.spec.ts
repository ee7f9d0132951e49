import { createHash, createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signPublishUrl } from '../apps/api/src/streams/tokens/signed-url.js';
import { basic, startApp, type Answer, type TestApp, type TestCustomer } from './support/app.js';
import { startScriptedNode, type ScriptedNode } from './support/scripted-node.js';
import { offer } from './support/sdp.js';

let api: TestApp;
let operator: TestCustomer;
let node: ScriptedNode;

beforeAll(async () => {
  api = await startApp({ QUOTA_PROJECTS: '3', QUOTA_STREAMS: '2' });
  operator = await api.customer('operator');
  node = await startScriptedNode(api);
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
});

interface Created {
  customerId: string;
  credential: { id: string; secret: string };
}
const as = (customerId: string, secret: string, method: string, path: string, body?: unknown): Promise<Answer> =>
  api.anonymous(method, path, body, { authorization: basic(customerId, secret) });

describe('customers', () => {
  it('are made by operators, with a first secret that is shown once', async () => {
    const made = await operator.call('POST', '/v1/customers', { name: 'Acme', quotas: { projects: 1 } });
    expect([made.status, made.body]).toMatchObject([
      201,
      { name: 'Acme', role: 'customer', quotas: { projects: 1, streams: 2 }, usage: { projects: 0, streams: 0 } },
    ]);
    const { customerId, credential } = made.body as Created;
    expect((await as(customerId, credential.secret, 'GET', '/v1/me')).body).toMatchObject({ customerId, name: 'Acme' });
    const again = await operator.call('GET', `/v1/customers/${customerId}/credentials`);
    expect(again.text).not.toContain(credential.secret);
    const stored = await api.prisma.credential.findUniqueOrThrow({ where: { id: credential.id } });
    expect(stored.secret).not.toContain(credential.secret);
  });

  it('are renamed, get other quotas and give them back, and are deleted with all that is theirs', async () => {
    const { customerId, credential } = (await operator.call('POST', '/v1/customers', { name: 'Short' }))
      .body as Created;
    const path = `/v1/customers/${customerId}`;
    expect(
      (await operator.call('PATCH', path, { name: 'Long', quotas: { streams: 7, projects: 5 } })).body,
    ).toMatchObject({ name: 'Long', quotas: { streams: 7, projects: 5 } });
    expect((await operator.call('PATCH', path, { quotas: { streams: null } })).body).toMatchObject({
      name: 'Long',
      quotas: { streams: 2, projects: 5 },
    });
    expect((await operator.call('PATCH', path, { quotas: { streams: -1, colour: 3 } })).body).toMatchObject({
      status: 400,
      errors: [{ field: 'quotas.colour' }, { field: 'quotas.streams' }],
    });
    await as(customerId, credential.secret, 'POST', '/v1/projects', { name: 'p' });
    expect((await operator.call('GET', path)).body).toMatchObject({ usage: { projects: 1 } });
    expect((await operator.call('DELETE', path)).status).toBe(204);
    expect((await operator.call('GET', path)).status).toBe(404);
    expect((await as(customerId, credential.secret, 'GET', '/v1/me')).status).toBe(401);
    expect((await operator.call('DELETE', `/v1/customers/${operator.id}`)).status).toBe(409);
  });

  it('are listed in pages, for operators only; each sees itself', async () => {
    const alice = await api.customer();
    const ids: string[] = [];
    for (let cursor = ''; ;) {
      const { customers, nextCursor } = (
        await operator.call('GET', `/v1/customers?limit=2${cursor && `&cursor=${cursor}`}`)
      ).body as { customers: { customerId: string }[]; nextCursor: string | null };
      ids.push(...customers.map(({ customerId }) => customerId));
      if (nextCursor === null) break;
      cursor = nextCursor;
    }
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toEqual(expect.arrayContaining([alice.id, operator.id]));
    for (const [method, path] of [
      ['GET', ''],
      ['POST', ''],
      ['PATCH', `/${alice.id}`],
      ['DELETE', `/${alice.id}`],
      ['GET', `/${operator.id}`],
      ['GET', `/${operator.id}/credentials`],
    ] as const) {
      expect(
        (
          await alice.call(
            method,
            `/v1/customers${path}`,
            method === 'GET' || method === 'DELETE' ? undefined : { name: 'x' },
          )
        ).status,
        `${method} ${path}`,
      ).toBe(404);
    }
    expect((await alice.call('GET', `/v1/customers/${alice.id}`)).body).toMatchObject({ customerId: alice.id });
  });
});

describe('credentials', () => {
  it('are several; each is revoked at once, the last that does not expire never', async () => {
    const alice = await api.customer();
    const path = `/v1/customers/${alice.id}/credentials`;
    const second = (await alice.call('POST', path, { label: 'ci' })).body as { id: string; secret: string };
    expect((await as(alice.id, second.secret, 'GET', '/v1/me')).status).toBe(200);
    expect((await alice.call('DELETE', `${path}/${second.id}`)).status).toBe(204);
    expect((await as(alice.id, second.secret, 'GET', '/v1/me')).status).toBe(401);
    const { credentials } = (await alice.call('GET', path)).body as {
      credentials: { id: string; label: string; lastUsedAt: string | null }[];
    };
    expect(credentials).toMatchObject([{ label: 'test' }]);
    await expect
      .poll(
        async () =>
          ((await alice.call('GET', path)).body as { credentials: { lastUsedAt: string | null }[] }).credentials[0]
            ?.lastUsedAt,
      )
      .toEqual(expect.any(String));
    expect((await alice.call('DELETE', `${path}/${credentials[0]?.id}`)).body).toMatchObject({
      status: 409,
      code: 'last_credential',
    });
    expect((await alice.call('POST', path, { expiresIn: 5 })).status).toBe(400);
  });

  it('are rotated with an overlap, or without', async () => {
    const alice = await api.customer();
    const path = `/v1/customers/${alice.id}/credentials`;
    const [first] = ((await alice.call('GET', path)).body as { credentials: { id: string }[] }).credentials;
    const second = (await alice.call('POST', `${path}/${first?.id}/rotate`, { overlap: 600 })).body as {
      id: string;
      secret: string;
    };
    expect((await alice.call('GET', '/v1/me')).status).toBe(200);
    expect((await as(alice.id, second.secret, 'GET', '/v1/me')).status).toBe(200);
    const third = (await as(alice.id, second.secret, 'POST', `${path}/${second.id}/rotate`, { overlap: 0 })).body as {
      secret: string;
    };
    expect((await as(alice.id, second.secret, 'GET', '/v1/me')).status).toBe(401);
    expect((await as(alice.id, third.secret, 'GET', '/v1/me')).status).toBe(200);
  });

  it('are ten at most', async () => {
    const alice = await api.customer();
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => alice.call('POST', `/v1/customers/${alice.id}/credentials`, {})),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(9);
    expect(answers.find(({ status }) => status !== 201)?.body).toMatchObject({
      status: 409,
      code: 'too_many_credentials',
    });
  });
});

describe('quotas', () => {
  it('limit projects and entry points, also when many are made at once', async () => {
    const alice = await api.customer();
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => alice.call('POST', '/v1/projects', { name: 'p' })),
    );
    // One was there.
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(2);
    expect(answers.find(({ status }) => status !== 201)?.body).toMatchObject({ status: 403, code: 'quota_exceeded' });
    await operator.call('PATCH', `/v1/customers/${alice.id}`, { quotas: { entryPoints: 2 } });
    const path = `/v1/projects/${alice.appid}/fls/entry_points`;
    expect((await alice.call('POST', `${path}?id=two`)).status).toBe(201);
    expect((await alice.call('POST', `${path}?id=three`)).body).toMatchObject({ status: 403, code: 'quota_exceeded' });
  });

  it('limit streams at the same time with 429, which passes when one ends', async () => {
    const alice = await api.customer();
    const { token } = (await alice.call('POST', `/v1/projects/${alice.appid}/fls/entry_points/live/publish_tokens`))
      .body as { token: string };
    const publish = (name: string) =>
      api.anonymous('POST', `/whip/${alice.appid}/live/${name}`, offer(), {
        authorization: `Bearer ${token}`,
        'content-type': 'application/sdp',
      });
    const answers = await Promise.all(['a', 'b', 'c', 'd'].map(publish));
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 201, 429, 429]);
    const refused = answers.find(({ status }) => status === 429);
    expect([refused?.body, refused?.headers.get('retry-after')]).toMatchObject([{ code: 'quota_exceeded' }, '10']);
    expect((await alice.call('GET', '/v1/me')).body).toMatchObject({ usage: { streams: 2 } });
    const { streams } = (await alice.call('GET', `/v1/projects/${alice.appid}/fls/streams`)).body as {
      streams: { id: string }[];
    };
    await alice.call('DELETE', `/v1/projects/${alice.appid}/fls/streams/${streams[0]?.id}`);
    expect((await publish('e')).status).toBe(201);
  });
});

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
