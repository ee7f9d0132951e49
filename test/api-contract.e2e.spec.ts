// The OpenAPI document is true: it has every route, every operation works as it says, and nothing that anybody sends breaks it.
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPERATIONS, type Operation } from '../apps/api/src/openapi/operations.js';
import { SCHEMAS, type Schema } from '../apps/api/src/openapi/schemas.js';
import { startApp, type Call, type TestApp, type TestCustomer } from './support/app.js';
import { operationOf } from './support/contract.js';
import { offer } from './support/sdp.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';

let api: TestApp;
let node: ScriptedNode;
let operator: TestCustomer;
let alice: TestCustomer;
let bob: TestCustomer;
/** Ids of Alice's, by the name of the path parameter. */
let ids: Record<string, string>;

beforeAll(async () => {
  api = await startApp({ QUOTA_PROJECTS: '1000', QUOTA_ENTRY_POINTS: '1000', CALLBACK_TIMEOUT_MS: '300' });
  node = await startScriptedNode(api, { slots: 1000 });
  operator = await api.customer('operator');
  bob = await api.customer();
  alice = await api.customer();
  ids = await populate(alice);
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
});

/** One of everything. */
async function populate(owner: TestCustomer): Promise<Record<string, string>> {
  const fls = `/v1/projects/${owner.appid}/fls`;
  const { token } = (await owner.call('POST', `${fls}/entry_points/live/publish_tokens`)).body as { token: string };
  const published = await api.anonymous('POST', `/whip/${owner.appid}/live/cam`, offer(), { authorization: `Bearer ${token}`, 'content-type': 'application/sdp' });
  const { streams } = (await owner.call('GET', `${fls}/streams`)).body as { streams: { id: string }[] };
  const streamId = streams[0]?.id as string;
  const transfer = (await owner.call('POST', `${fls}/streams/${streamId}/transfers`, { url: 'rtmp://127.0.0.1/live/KEY' })).body as { id: string };
  const { credentials } = (await owner.call('GET', `/v1/customers/${owner.id}/credentials`)).body as { credentials: { id: string }[] };
  const entryPoint = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: owner.appid } });
  const delivery = await api.prisma.callbackDelivery.create({ data: { entryPointId: entryPoint.id, streamId, attempt: 1, url: 'http://x/', outcome: 'ok', durationMs: 1 } });
  return {
    appid: owner.appid,
    entryPoint: 'live',
    streamId,
    transferId: transfer.id,
    customerId: owner.id,
    credentialId: credentials[0]?.id as string,
    deliveryId: delivery.id,
    streamName: 'cam',
    session: (published.headers.get('location') ?? '').split('/').at(-1) as string,
  };
}

const fill = (path: string, from: Record<string, string>): string => path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(from[name] ?? ''));
const isStreaming = ({ mediaType }: Operation): boolean => mediaType === 'text/event-stream';

interface Route {
  route?: { path: string | string[]; methods: Record<string, boolean> };
}

it('has every route of the application, and no other', () => {
  const { stack } = (api.app.getHttpAdapter().getInstance() as { router: { stack: Route[] } }).router;
  const routes = stack.flatMap(({ route }) =>
    route === undefined ? [] : [route.path].flat().flatMap((path) => Object.keys(route.methods).map((method) => ({ method, path: path.replace(/:(\w+)/g, '{$1}') }))),
  );
  // What takes every method is there to refuse it.
  const served = routes.filter(({ method, path }) => !path.includes('*') && routes.filter((other) => other.path === path && other.method === method).length > 0);
  const isCatchAll = (path: string): boolean => new Set(served.filter((route) => route.path === path).map(({ method }) => method)).size > 8;
  const missing = served.filter(({ method, path }) => !isCatchAll(path) && operationOf(method, path.replace(/\{\w+\}/g, 'x')) === undefined);
  expect(missing).toEqual([]);
  for (const { method, path } of OPERATIONS) expect(served, `${method} ${path}`).toContainEqual({ method, path });
});

describe('another customer', () => {
  const withIds = OPERATIONS.filter(({ path, isPublic }) => path.includes('{') && !isPublic);

  it.each(withIds.map((operation) => [`${operation.method.toUpperCase()} ${operation.path}`, operation] as const))('gets nothing of %s: byte for byte as if it did not exist', async (_name, operation) => {
    const method = operation.method.toUpperCase();
    const body = operation.body === undefined ? undefined : example(operation.body);
    const nowhere = { ...ids, appid: '0'.repeat(32), customerId: '0'.repeat(32) };
    const headers = { 'x-request-id': 'same' };
    const [his, nobodys] = await Promise.all([bob.call(method, fill(operation.path, ids), body, headers), bob.call(method, fill(operation.path, nowhere), body, headers)]);
    expect([his.status, his.text]).toEqual([404, nobodys.text]);
    // With a project of one's own, the ids of another's open nothing either.
    if (operation.path.includes('/fls/streams/')) expect((await bob.call(method, fill(operation.path, { ...ids, appid: bob.appid }), body)).status).toBe(404);
    expect((await api.anonymous(method, fill(operation.path, ids), body)).status).toBe(401);
  });

  it('does not see what operators see', async () => {
    const forOperators = OPERATIONS.filter(({ summary }) => summary.includes('(operators'));
    expect(forOperators.length).toBeGreaterThan(8);
    for (const { method, path, body } of forOperators) {
      const answer = await bob.call(method.toUpperCase(), fill(path, { ...ids, customerId: bob.id }), body === undefined ? undefined : example(body));
      expect(answer.status, `${method} ${path}`).toBe(404);
    }
  });
});

describe('every operation', () => {
  /** What takes things away comes last, from the inside out. */
  const LAST = ['transfers/{transferId}', 'entry_points/{entryPoint}', '/whip/sessions', 'streams/{streamId}', '/v1/projects/{appid}', '/session', '/credentials/{credentialId}', '/v1/customers/{customerId}'];
  const isLast = ({ method, path }: Operation): boolean => method === 'delete' || path.endsWith('/credentials/{credentialId}/rotate');
  const rank = (operation: Operation): number => (isLast(operation) ? 1 + LAST.findIndex((part) => operation.path.includes(part)) : 0);
  const driven = OPERATIONS.filter((operation) => !isStreaming(operation)).toSorted((a, b) => rank(a) - rank(b));

  it('answers as documented when it is used as documented', async () => {
    const fresh = await api.customer();
    const own = await populate(fresh);
    const second = await fresh.call('POST', `/v1/projects/${fresh.appid}/fls/entry_points?id=spare`);
    expect(second.status).toBe(201);
    const unsuccessful: string[] = [];
    for (const operation of driven) {
      const status = await drive(operation, operation.summary.includes('(operators') ? operator.call : fresh.call, fresh, own);
      if (status >= 400) unsuccessful.push(`${operation.method} ${operation.path} ${status}`);
    }
    // The session is tried with a cookie elsewhere; `live` stays.
    expect(unsuccessful.toSorted()).toEqual([
      'delete /v1/projects/{appid}/fls/entry_points/{entryPoint} 409',
      'get /session 401',
      'post /session 401',
    ]);
  });

  async function drive(operation: Operation, call: Call, owner: TestCustomer, own: Record<string, string>): Promise<number> {
    const method = operation.method.toUpperCase();
    const path = fill(operation.path, own);
    if (operation.tag === 'WHIP') {
      const { token } = (await owner.call('POST', `/v1/projects/${owner.appid}/fls/entry_points/live/publish_tokens`)).body as { token: string };
      const body = operation.requestMediaType === 'application/sdp' ? offer() : operation.requestMediaType === undefined ? undefined : 'a=ice-ufrag:user\r\na=ice-pwd:passwordpasswordpassword\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n';
      return (await api.anonymous(method, path, body, { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': operation.requestMediaType ?? '' }) })).status;
    }
    if (operation.path.startsWith('/rest-api/')) return drivePush(operation, owner);
    const body = operation.body === undefined ? undefined : example(operation.body);
    const { status } = await call(method, operation.path.endsWith('/entry_points') && method === 'POST' ? `${path}?id=third` : path, operation.path.endsWith('/entry_points') ? undefined : body);
    return status;
  }

  async function drivePush({ method, path }: Operation, owner: TestCustomer): Promise<number> {
    const rtmpUrl = `rtmp://127.0.0.1:1935/${path.split('/').at(-1)}`;
    const { mediaSessionId } = (await owner.call('POST', '/rest-api/push/startup', { streamName: 'cam', rtmpUrl })).body as { mediaSessionId: string };
    if (path.endsWith('startup')) return 200;
    const body = { mediaSessionId, ...(path.includes('find') ? { streamName: 'cam' } : {}), ...(path.endsWith('sound_on') ? { soundFile: 'none.wav' } : {}) };
    const { status } = await owner.call(method.toUpperCase(), path, method === 'get' ? undefined : body);
    return path.endsWith('sound_on') && status === 404 ? 200 : status;
  }
});

describe('a fuzz round', () => {
  const fuzzed = OPERATIONS.filter((operation) => !isStreaming(operation) && !operation.path.startsWith('/session') && operation.path !== '/metrics');

  it.each(fuzzed.map((operation) => [`${operation.method.toUpperCase()} ${operation.path}`, operation] as const))('over %s finds no 5xx and nothing undocumented', async (_name, operation) => {
    const owner = operation.summary.includes('(operators') ? operator : alice;
    const method = operation.method.toUpperCase();
    // What removes things gets ids that do not exist.
    const base: Record<string, string> = method === 'DELETE' ? { ...ids, streamId: crypto.randomUUID(), transferId: crypto.randomUUID(), customerId: '1'.repeat(32), appid: '1'.repeat(32), session: 'x'.repeat(32) } : ids;
    // Each answer is also held against the document.
    const run = fc.assert(
      fc.asyncProperty(fc.dictionary(fc.constantFrom(...Object.keys(base)), nastyPart), fc.dictionary(fc.constantFrom('limit', 'cursor', 'state', 'id', 'streamId', 'minutes', 'q'), nastyPart, { maxKeys: 3 }), bodyFor(operation), fc.boolean(), async (parts, query, body, nastyPath) => {
        const search = new URLSearchParams(query).toString();
        const path = `${fill(operation.path, nastyPath ? { ...base, ...parts } : base)}${search && `?${search}`}`;
        const answer = await owner.call(method, path, method === 'GET' || method === 'OPTIONS' ? undefined : body);
        return answer.status < 500 || (answer.status === 503 && operation.path === '/readyz');
      }),
      { numRuns: 25, seed: 20_261_121 },
    );
    await expect(run).resolves.toBeUndefined();
  });
});

/** Parts of a path and of a query that have broken servers. */
const nastyPart = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.constantFrom('..', '%2e%2e', '\0', 'a/b', "' OR 1=1 --", '{"not":""}', '__proto__', '-1', '1e999', '99999999999999999999', 'null', 'undefined', '<img src=x onerror=alert(1)>', 'é', '\u{1F600}', ' ', '%', '%00', 'x'.repeat(3000)),
  fc.uuid(),
);

const nastyValue = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(null, -1, 0, 1.5, 1e308, 2_147_483_648, '', '\0', '\ud800', 'x'.repeat(5000), [], {}, [[]], { __proto__: { admin: true } }, { not: '' }, true, 'rtmp://', 'rtmp://h/a/k" ! filesink', 'http://[', 'javascript:alert(1)'),
);

/** Bodies near the documented one, and bodies far from it. */
function bodyFor({ body }: Operation): fc.Arbitrary<unknown> {
  const properties = Object.keys((SCHEMAS[body ?? '']?.properties ?? {}) as object);
  if (body === undefined || properties.length === 0) return fc.oneof(fc.constant(undefined), fc.string(), fc.json());
  const good = example(body) as Record<string, unknown>;
  const near = fc.dictionary(fc.constantFrom(...properties), nastyValue).map((changes) => ({ ...good, ...changes }));
  return fc.oneof({ weight: 6, arbitrary: near }, { weight: 1, arbitrary: fc.json() }, { weight: 1, arbitrary: fc.string() }, { weight: 1, arbitrary: nastyValue.map((value) => JSON.stringify({ ...good, extra: value })) });
}

/** A body as documented. */
function example(name: string): unknown {
  const made = fromSchema(SCHEMAS[name] as Schema) as Record<string, unknown>;
  if ('url' in made) made.url = `rtmp://127.0.0.1/live/${crypto.randomUUID()}`;
  if (name === 'UpdateTransferSettings') return { enabled: true, callbackUrl: 'http://127.0.0.1:9/cb', useLastAnswer: false };
  if (name === 'TestTransfer') return { callbackUrl: 'http://127.0.0.1:9/cb', probe: false };
  if (name === 'CreateTransfer' || name === 'UpdateTransfer') return { url: made.url, muted: true };
  if (name === 'UpdatePushSettings') return { streamNamePrefix: 'x_', reconnect: true };
  if (name === 'Overlap') return { overlap: 600 };
  if (name === 'EntryPointName') return { name: 'live' };
  if (name === 'UpdateProject') return { name: 'renamed' };
  return made;
}

function fromSchema(schema: Schema): unknown {
  if (typeof schema.$ref === 'string') return fromSchema(SCHEMAS[schema.$ref.split('/').at(-1) as string] as Schema);
  if (Array.isArray(schema.enum)) return schema.enum[0];
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === 'object') return Object.fromEntries(((schema.required ?? []) as string[]).map((key) => [key, fromSchema((schema.properties as Record<string, Schema>)[key] as Schema)]));
  if (type === 'integer' || type === 'number') return schema.minimum ?? 1;
  if (type === 'boolean') return true;
  if (type === 'array') return [];
  return 'text';
}
