// The OpenAPI document is true: it has every route, every operation works as it says, and nothing that anybody sends breaks it.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPERATIONS, type Operation } from '../apps/api/src/openapi/operations.js';
import { basic, startApp, type Call, type TestApp, type TestCustomer } from './support/app.js';
import { operationOf, requireDocumented } from './support/contract.js';
import { example, fill, isStreaming, populate, resolved } from './support/operations.js';
import { offer } from './support/sdp.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';

let api: TestApp;
let node: ScriptedNode;
let operator: TestCustomer;
let alice: TestCustomer;
/** Ids of Alice's, by the name of the path parameter. */
let ids: Record<string, string>;

beforeAll(async () => {
  api = await startApp({ QUOTA_PROJECTS: '1000', QUOTA_ENTRY_POINTS: '1000', CALLBACK_TIMEOUT_MS: '300' });
  node = await startScriptedNode(api, { slots: 1000 });
  operator = await api.customer('operator');
  alice = await api.customer();
  ids = await populate(api, alice);
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
});

interface Route {
  route?: { path: string | string[]; methods: Record<string, boolean> };
}

it('has every route of the application, and no other', () => {
  const { stack } = (api.app.getHttpAdapter().getInstance() as { router: { stack: Route[] } }).router;
  const routes = stack.flatMap(({ route }) =>
    route === undefined
      ? []
      : [route.path]
          .flat()
          .flatMap((path) =>
            Object.keys(route.methods).map((method) => ({ method, path: path.replace(/:(\w+)/g, '{$1}') })),
          ),
  );
  // What takes every method is there to refuse it.
  const served = routes.filter(
    ({ method, path }) =>
      !path.includes('*') && routes.filter((other) => other.path === path && other.method === method).length > 0,
  );
  const isCatchAll = (path: string): boolean =>
    new Set(served.filter((route) => route.path === path).map(({ method }) => method)).size > 8;
  const missing = served.filter(
    ({ method, path }) => !isCatchAll(path) && operationOf(method, path.replace(/\{\w+\}/g, 'x')) === undefined,
  );
  expect(missing).toEqual([]);
  for (const { method, path } of OPERATIONS) expect(served, `${method} ${path}`).toContainEqual({ method, path });
});

describe('every operation', () => {
  /** What takes things away comes last, from the inside out. */
  const LAST = [
    'transfers/{transferId}',
    '/whip/sessions',
    '/whip/{appid}/',
    'streams/{streamId}',
    'banned_streams/{streamName}',
    'entry_points/{entryPoint}',
    '/rest_keys/{restKeyId}',
    '/v1/projects/{appid}',
    '/session',
    '/credentials/{credentialId}',
    '/v1/customers/{customerId}',
  ];
  const isLast = ({ method, path }: Operation): boolean =>
    method === 'delete' ||
    path.endsWith('/credentials/{credentialId}/rotate') ||
    path.endsWith('banned_streams/{streamName}');
  const rank = (operation: Operation): number =>
    isLast(operation) ? 1 + LAST.findIndex((part) => operation.path.includes(part)) : 0;
  const driven = OPERATIONS.filter((operation) => !isStreaming(operation)).toSorted((a, b) => rank(a) - rank(b));

  it('answers as documented when it is used as documented', async () => {
    const fresh = await api.customer();
    const own = await populate(api, fresh);
    const second = await fresh.call('POST', `/v1/projects/${fresh.appid}/fls/entry_points?id=spare`);
    expect(second.status).toBe(201);
    const unsuccessful: string[] = [];
    for (const operation of driven) {
      const status = await drive(
        operation,
        operation.summary.includes('(operators') ? operator.call : fresh.call,
        fresh,
        own,
      );
      if (status >= 400) unsuccessful.push(`${operation.method} ${operation.path} ${status}`);
    }
    // The session is tried with a cookie elsewhere; `live` stays; of the token's sessions, the one that there was has ended.
    expect(unsuccessful.toSorted()).toEqual([
      'delete /v1/projects/{appid}/fls/entry_points/{entryPoint} 409',
      'delete /whip/{appid}/{entryPoint}/{streamName} 404',
      'get /session 401',
      'post /session 401',
    ]);
  });

  it.each(OPERATIONS.filter(isStreaming).map((operation) => [operation.path, operation] as const))(
    '%s begins as documented',
    async (_path, operation) => {
      const by = operation.isOperators ? operator : alice;
      const stop = new AbortController();
      const path = fill(operation.path, ids);
      const { status, headers } = await fetch(api.url + path, {
        headers: { authorization: basic(by.id, by.secret) },
        signal: stop.signal,
      });
      expect(status).toBe(200);
      requireDocumented({ method: 'GET', path, status, contentType: headers.get('content-type'), headers, text: '' });
      stop.abort();
    },
  );

  async function drive(
    operation: Operation,
    call: Call,
    owner: TestCustomer,
    own: Record<string, string>,
  ): Promise<number> {
    const method = operation.method.toUpperCase();
    const path = fill(operation.path, own);
    if (operation.tag === 'WHIP') {
      const { token } = (await owner.call('POST', `/v1/projects/${owner.appid}/fls/entry_points/live/publish_tokens`))
        .body as { token: string };
      const body =
        operation.requestMediaType === 'application/sdp'
          ? offer()
          : operation.requestMediaType === undefined
            ? undefined
            : 'a=ice-ufrag:user\r\na=ice-pwd:passwordpasswordpassword\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n';
      return (
        await api.anonymous(method, path, body, {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': operation.requestMediaType ?? '' }),
        })
      ).status;
    }
    if (operation.path.startsWith('/rest-api/')) return drivePush(operation, owner);
    const body = operation.body === undefined ? undefined : example(operation.body);
    const { status } = await call(
      method,
      operation.path.endsWith('/entry_points') && method === 'POST' ? `${path}?id=third` : path,
      operation.path.endsWith('/entry_points') ? undefined : body,
    );
    return status;
  }

  async function drivePush({ method, path }: Operation, owner: TestCustomer): Promise<number> {
    const rtmpUrl = `rtmp://127.0.0.1:1935/${path.split('/').at(-1)}`;
    const { mediaSessionId } = (await owner.call('POST', '/rest-api/push/startup', { streamName: 'cam', rtmpUrl }))
      .body as { mediaSessionId: string };
    if (path.endsWith('startup')) return 200;
    const body = {
      mediaSessionId,
      ...(path.includes('find') ? { streamName: 'cam' } : {}),
      ...(path.endsWith('sound_on') ? { soundFile: 'none.wav' } : {}),
    };
    const { status } = await owner.call(method.toUpperCase(), path, method === 'get' ? undefined : body);
    return path.endsWith('sound_on') && status === 404 ? 200 : status;
  }
});

describe('a fuzz round', () => {
  const fuzzed = OPERATIONS.filter(
    (operation) => !isStreaming(operation) && !operation.path.startsWith('/session') && operation.path !== '/metrics',
  );

  it.each(fuzzed.map((operation) => [`${operation.method.toUpperCase()} ${operation.path}`, operation] as const))(
    'over %s finds no 5xx and nothing undocumented',
    async (_name, operation) => {
      const owner = operation.summary.includes('(operators') ? operator : alice;
      const method = operation.method.toUpperCase();
      // What removes things gets ids that do not exist.
      const base: Record<string, string> =
        method === 'DELETE'
          ? {
              ...ids,
              streamId: crypto.randomUUID(),
              transferId: crypto.randomUUID(),
              customerId: '1'.repeat(32),
              appid: '1'.repeat(32),
              session: 'x'.repeat(32),
            }
          : ids;
      // Each answer is also held against the document.
      const run = fc.assert(
        fc.asyncProperty(
          fc.dictionary(fc.constantFrom(...Object.keys(base)), nastyPart),
          fc.dictionary(fc.constantFrom('limit', 'cursor', 'state', 'id', 'streamId', 'minutes', 'q'), nastyPart, {
            maxKeys: 3,
          }),
          bodyFor(operation),
          fc.boolean(),
          async (parts, query, body, nastyPath) => {
            const search = new URLSearchParams(query).toString();
            const path = `${fill(operation.path, nastyPath ? { ...base, ...parts } : base)}${search && `?${search}`}`;
            const answer = await owner.call(method, path, method === 'GET' || method === 'OPTIONS' ? undefined : body);
            return answer.status < 500 || (answer.status === 503 && operation.path === '/readyz');
          },
        ),
        { numRuns: 25, seed: 20_261_121 },
      );
      await expect(run).resolves.toBeUndefined();
    },
  );
});

/** Parts of a path and of a query that have broken servers. */
const nastyPart = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.constantFrom(
    '..',
    '%2e%2e',
    '\0',
    'a/b',
    "' OR 1=1 --",
    '{"not":""}',
    '__proto__',
    '-1',
    '1e999',
    '99999999999999999999',
    'null',
    'undefined',
    '<img src=x onerror=alert(1)>',
    'é',
    '\u{1F600}',
    ' ',
    '%',
    '%00',
    'x'.repeat(3000),
  ),
  fc.uuid(),
);

const nastyValue = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    null,
    -1,
    0,
    1.5,
    1e308,
    2_147_483_648,
    '',
    '\0',
    '\ud800',
    'x'.repeat(5000),
    [],
    {},
    [[]],
    { __proto__: { admin: true } },
    { not: '' },
    true,
    'rtmp://',
    'rtmp://h/a/k" ! filesink',
    'http://[',
    'javascript:alert(1)',
  ),
);

/** Bodies near the documented one, and bodies far from it. */
function bodyFor({ body }: Operation): fc.Arbitrary<unknown> {
  const properties = Object.keys((body === undefined ? {} : (resolved(body).properties ?? {})) as object);
  if (body === undefined || properties.length === 0) return fc.oneof(fc.constant(undefined), fc.string(), fc.json());
  const good = example(body) as Record<string, unknown>;
  const near = fc.dictionary(fc.constantFrom(...properties), nastyValue).map((changes) => ({ ...good, ...changes }));
  return fc.oneof(
    { weight: 6, arbitrary: near },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string() },
    { weight: 1, arbitrary: nastyValue.map((value) => JSON.stringify({ ...good, extra: value })) },
  );
}
