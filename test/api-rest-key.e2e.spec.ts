// Credentials in the path, for clients that cannot send an Authorization header: what they open, and what they do not.
import { request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, basic, startApp, type TestApp, type TestCustomer } from './support/app.js';
import { freePort } from './support/ports.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';

const LIMIT = 3;
const RTMP = 'rtmp://127.0.0.1/live';

interface NewKey {
  id: string;
  key: string;
  baseUrl: string;
}

let api: TestApp;
let node: ScriptedNode;
let alice: TestCustomer;
let bob: TestCustomer;
let port: number;
let made: NewKey;

beforeAll(async () => {
  port = await freePort();
  api = await startApp({
    FLASHPHONER_PORT: String(port),
    LISTEN_ADDRESS: '127.0.0.1',
    LOGIN_FAILURES_PER_MINUTE: String(LIMIT),
    TRUSTED_PROXIES: '1',
    LOG_LEVEL: 'silent',
  });
  node = await startScriptedNode(api);
  [alice, bob] = await Promise.all([api.customer(), api.customer()]);
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
});
beforeEach(async () => {
  await api.prisma.stream.deleteMany();
  await api.prisma.restKey.deleteMany();
  await running(alice.appid, 'show');
  made = await newKey();
});

const keysOf = ({ appid }: TestCustomer) => `/v1/projects/${appid}/rest_keys`;
const newKey = async (body: object = {}, by = alice): Promise<NewKey> =>
  (await by.call('POST', keysOf(by), body)).body as NewKey;
const push = (key: string, method: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> =>
  api.anonymous(body === undefined ? 'GET' : 'POST', `/k/${key}/rest-api/push/${method}`, body, headers);
let address = 0;
/** Of an address that has not guessed yet. */
const fresh = () => ({ 'x-forwarded-for': `192.0.2.${(address += 1)}` });

async function running(projectId: string, name: string): Promise<void> {
  const { id } = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId } });
  await api.prisma.stream.create({ data: { projectId, entryPointId: id, name, state: 'live', ownerNode: 'node-1' } });
}

it("the vendor's calls work without any header, by GET and by POST", async () => {
  expect(made.baseUrl).toBe(`${api.url}/k/${made.key}`);
  const started = await push(made.key, 'startup', { streamName: 'show', rtmpUrl: RTMP });
  expect([started.status, started.body]).toMatchObject([200, { streamName: 'rtmp_show', rtmpUrl: RTMP }]);
  expect((await push(made.key, 'find', { streamName: 'rtmp_show', rtmpUrl: RTMP })).body).toHaveLength(1);
  expect((await push(made.key, 'find_all')).body).toHaveLength(1);
  const { mediaSessionId } = started.body as { mediaSessionId: string };
  for (const method of ['mute', 'unmute', 'terminate'])
    expect((await push(made.key, method, { mediaSessionId })).status).toBe(200);
  expect((await push(made.key, 'find_all')).status).toBe(404);
});

it("at the vendor's REST port, and with the slash that a base URL may end with", async () => {
  for (const path of [`/k/${made.key}/rest-api/push/find_all`, `/k/${made.key}//rest-api/push/find_all`]) {
    const { status } = await fetch(`http://127.0.0.1:${port}${path}`);
    // 404 is the vendor's "none": the key was right.
    expect(status).toBe(404);
  }
  expect((await fetch(`http://127.0.0.1:${port}/k/wrong/rest-api/push/find_all`, { headers: fresh() })).status).toBe(
    401,
  );
  expect((await fetch(`http://127.0.0.1:${port}/k/${made.key}/v1/me`)).status).toBe(404);
});

describe('a page of another origin', () => {
  it('may ask, after a preflight without credentials, and never with cookies', async () => {
    const preflight = await fetch(`${api.url}/k/${made.key}/rest-api/push/startup`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://page.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
      },
    });
    const answer = await fetch(`${api.url}/k/${made.key}/rest-api/push/startup`, {
      method: 'POST',
      headers: { origin: 'https://page.example', 'content-type': 'application/json;charset=UTF-8' },
      body: JSON.stringify({ streamName: 'show', rtmpUrl: RTMP }),
    });
    const refused = await fetch(`${api.url}/k/wrong/rest-api/push/find_all`, {
      headers: { origin: 'https://page.example', ...fresh() },
    });
    expect([preflight.status, answer.status, refused.status]).toEqual([200, 200, 401]);
    for (const { headers } of [preflight, answer, refused]) {
      expect(headers.get('access-control-allow-origin')).toBe('*');
      expect([headers.get('access-control-allow-credentials'), headers.get('set-cookie')]).toEqual([null, null]);
    }
    expect(preflight.headers.get('access-control-allow-headers')).toContain('Content-Type');
  });

  it('gets nothing by a cookie or an Authorization header when its key is wrong', async () => {
    const signedIn = await fetch(`${api.url}/session`, {
      method: 'POST',
      body: JSON.stringify({ customerId: alice.id, customerSecret: alice.secret }),
    });
    const cookie = (signedIn.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '';
    await push(made.key, 'startup', { streamName: 'show', rtmpUrl: RTMP });
    expect((await push('wrong', 'find_all', undefined, { cookie, ...fresh() })).status).toBe(401);
    expect(
      (await push('wrong', 'find_all', undefined, { authorization: basic(alice.id, alice.secret), ...fresh() })).status,
    ).toBe(401);
  });
});

describe('a key opens', () => {
  it('its own project alone', async () => {
    const { appid } = (await alice.call('POST', '/v1/projects', { name: 'other' })).body as { appid: string };
    await running(appid, 'elsewhere');
    await running(bob.appid, 'bobs');
    const { mediaSessionId } = (
      await alice.call('POST', '/rest-api/push/startup', { streamName: 'elsewhere', rtmpUrl: RTMP })
    ).body as { mediaSessionId: string };
    expect((await push(made.key, 'find_all')).status).toBe(404);
    expect((await push(made.key, 'terminate', { mediaSessionId })).status).toBe(404);
    for (const body of [
      { streamName: 'elsewhere' },
      { streamName: 'elsewhere', appId: appid },
      { streamName: 'bobs' },
      { streamName: 'bobs', appId: bob.appid },
    ]) {
      expect((await push(made.key, 'startup', { rtmpUrl: `${RTMP}2`, ...body })).status).toBe(404);
    }
    // Not as another project's repeated request either.
    const second = (await alice.call('POST', `/v1/projects/${appid}/rest_keys`)).body as NewKey;
    const headers = { 'idempotency-key': 'same' };
    expect((await push(second.key, 'find', { streamName: 'elsewhere' }, headers)).status).toBe(200);
    expect((await push(made.key, 'find', { streamName: 'elsewhere' }, headers)).status).toBe(422);
  });

  it('no stream key that its holder has not said', async () => {
    const rtmpUrl = `${RTMP}/SECRET-KEY`;
    await alice.call('POST', '/rest-api/push/startup', { streamName: 'show', rtmpUrl, rtmpTransponderFullUrl: true });
    for (const found of [await push(made.key, 'find_all'), await push(made.key, 'find', { streamName: 'show' })]) {
      expect(found.body).toMatchObject([{ streamName: 'show', rtmpUrl: `${RTMP}/***` }]);
      expect(found.text).not.toContain('SECRET-KEY');
    }
    expect((await push(made.key, 'find', { rtmpUrl })).body).toMatchObject([{ streamName: 'SECRET-KEY', rtmpUrl }]);
    expect(
      (await push(made.key, 'startup', { streamName: 'show', rtmpUrl: `${RTMP}/MY-KEY`, rtmpTransponderFullUrl: true }))
        .body,
    ).toMatchObject({ rtmpUrl: `${RTMP}/MY-KEY` });
  });

  it('as a customer, also when an operator owns the project', async () => {
    const operator = await api.customer('operator');
    const { key } = await newKey({}, operator);
    expect((await push(key, 'startup', { streamName: 'show', rtmpUrl: RTMP, appId: alice.appid })).status).toBe(404);
  });

  it.each(['v1/me', 'v1/projects', 'session', 'metrics', 'rest-api', 'whip/a/b/c', ''])(
    'nothing but pushes: not /%s',
    async (path) => {
      const { status } = await api.anonymous('GET', `/k/${made.key}/${path}`);
      expect(status).toBe(404);
    },
  );

  it('nothing any more once it is revoked, has expired, or its project is deleted', async () => {
    const expired = await newKey({ expiresIn: 60 });
    expect((await push(expired.key, 'find_all')).status).toBe(404);
    await api.prisma.restKey.update({ where: { id: expired.id }, data: { expiresAt: new Date(Date.now() - 1000) } });
    expect((await push(expired.key, 'find_all', undefined, fresh())).status).toBe(401);
    expect((await alice.call('DELETE', `${keysOf(alice)}/${made.id}`)).status).toBe(204);
    expect((await push(made.key, 'find_all', undefined, fresh())).status).toBe(401);
    expect((await alice.call('DELETE', `${keysOf(alice)}/${made.id}`)).status).toBe(404);
    const dave = await api.customer();
    const { key } = await newKey({}, dave);
    expect((await dave.call('DELETE', `/v1/projects/${dave.appid}`)).status).toBe(204);
    expect((await push(key, 'find_all', undefined, fresh())).status).toBe(401);
  });
});

it('is listed without the key, with when it was used, and kept as a hash', async () => {
  await newKey({ label: 'studio page', expiresIn: 3600 });
  await push(made.key, 'find_all');
  const listed = async () =>
    (await alice.call('GET', keysOf(alice))).body as {
      restKeys: { label: string; lastUsedAt: string | null; expiresAt: string | null }[];
    };
  await expect
    .poll(async () => (await listed()).restKeys.map(({ lastUsedAt }) => lastUsedAt !== null))
    .toEqual([true, false]);
  const { restKeys } = await listed();
  expect(restKeys[1]).toMatchObject({ label: 'studio page', expiresAt: expect.any(String) as string });
  expect(JSON.stringify(restKeys)).not.toContain('mck_');
  const rows = await api.prisma.$queryRaw<
    { row: string }[]
  >`SELECT t::text AS row FROM rest_keys t UNION ALL SELECT t::text FROM events t`;
  expect(rows.map(({ row }) => row).join('\n')).not.toContain(made.key);
  const { events } = (await alice.call('GET', `/v1/projects/${alice.appid}/fls/events`)).body as {
    events: { type: string }[];
  };
  expect(events.map(({ type }) => type)).toContain('rest_key.created');
});

it('a project has 50 at most', async () => {
  await api.prisma.restKey.createMany({
    data: Array.from({ length: 49 }, (_, i) => ({ projectId: alice.appid, keyHash: `hash ${i}` })),
  });
  expect((await alice.call('POST', keysOf(alice))).status).toBe(409);
});

it('no answer and no metric repeats it', async () => {
  const asked: Answer[] = [
    await push(made.key, 'nothing_there', {}),
    await push(made.key, 'startup', { streamName: 'none', rtmpUrl: RTMP }),
    await push(made.key, 'startup', { streamName: [] }),
  ];
  for (const { status, text } of asked) {
    expect(status).toBeGreaterThanOrEqual(400);
    expect(text).toContain('"path":"/k/***/rest-api/push/');
    expect(text).not.toContain(made.key);
  }
  const operator = await api.customer('operator');
  const { text } = await operator.call('GET', '/metrics');
  expect([text.includes('push/startup'), text.includes('mck_')]).toEqual([true, false]);
});

describe('guessing', () => {
  it('one wrong key again and again is refused for a minute, and shuts out nobody else behind the same address', async () => {
    const from = fresh();
    const statuses: number[] = [];
    for (let i = 0; i < LIMIT + 1; i += 1)
      statuses.push((await push('an-old-one', 'find_all', undefined, from)).status);
    expect(statuses).toEqual([...Array.from({ length: LIMIT }, () => 401), 429]);
    expect((await push(made.key, 'find_all', undefined, from)).status).toBe(404);
  });

  it('many keys end in 429, right or wrong', async () => {
    const from = fresh();
    const statuses: number[] = [];
    for (let i = 0; i < 5 * LIMIT + 1; i += 1)
      statuses.push((await push(`guess-${i}`, 'find_all', undefined, from)).status);
    expect([statuses.slice(0, 5 * LIMIT).every((status) => status === 401), statuses.at(-1)]).toEqual([true, 429]);
    expect((await push(made.key, 'find_all', undefined, from)).status).toBe(429);
  });
});

it('reads paths that no client writes without a fault', async () => {
  for (const path of [
    '/k/',
    '/k//',
    '/k',
    '/k/%/rest-api/push/find',
    `/K/${made.key}/rest-api/push/find_all`,
    `/k/${made.key}/rest-api/../v1/me`,
    '/k/%00/rest-api/push/find_all',
    `/k/${'x'.repeat(5000)}/rest-api/push/find_all`,
  ]) {
    const status = await new Promise<number>((resolve, reject) => {
      const asked = request(api.url + path, { path, headers: fresh() }, (response) =>
        resolve(response.resume().statusCode ?? 0),
      );
      asked.on('error', reject).end();
    });
    expect([400, 401, 404], path).toContain(status);
  }
});
