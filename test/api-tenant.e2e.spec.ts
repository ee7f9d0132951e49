import { describe, expect, it } from 'vitest';
import { offer } from './support/sdp.js';
import { useTenantApi, api, operator, as } from './support/tenant-api.js';

useTenantApi();

interface Created {
  customerId: string;
  credential: { id: string; secret: string };
}

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
