// Two customers who know all of each other's ids, over every operation of the document: neither reads, changes or even recognises anything of the other.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPERATIONS, type Operation } from '../apps/api/src/openapi/operations.js';
import { type Answer, startApp, type TestApp, type TestCustomer } from './support/app.js';
import { example, fill, isStreaming, populate } from './support/operations.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';

interface Tenant {
  name: string;
  customer: TestCustomer;
  ids: Record<string, string>;
  mediaSessionId: string;
}

/** Names that every customer may have. */
const SHARED = new Set(['entryPoint', 'streamName']);
/** Whoever adds one has to say why it needs no credentials. */
const PUBLIC = [
  'post /session',
  'get /session',
  'delete /session',
  'get /healthz',
  'get /readyz',
  'get /openapi.json',
  // The publish token, or the session's unguessable URL.
  ...['post', 'get', 'delete', 'options'].map((method) => `${method} /whip/{appid}/{entryPoint}/{streamName}`),
  ...['patch', 'get', 'delete', 'options'].map((method) => `${method} /whip/sessions/{session}`),
];
const TABLES = [
  'customers',
  'credentials',
  'projects',
  'entry_points',
  'callback_secrets',
  'callback_deliveries',
  'last_answers',
  'push_settings',
  'rest_keys',
  'banned_streams',
  'streams',
  'sessions',
  'transfers',
  'events',
];

const named = ({ method, path }: Operation): string => `${method} ${path}`;
const parametersOf = ({ path }: Operation): string[] => [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
const isPush = ({ path }: Operation): boolean => path.startsWith('/rest-api/');
const own = OPERATIONS.filter(({ isPublic, isOperators }) => !isPublic && !isOperators);
const withIds = OPERATIONS.filter((operation) => !operation.isPublic && parametersOf(operation).length > 0);
const withoutIds = own.filter((operation) => parametersOf(operation).length === 0);

let api: TestApp;
let node: ScriptedNode;
const tenants: Record<string, Tenant> = {};
let before: string;

beforeAll(async () => {
  api = await startApp({ QUOTA_PROJECTS: '1000', CALLBACK_TIMEOUT_MS: '300' });
  node = await startScriptedNode(api, { slots: 1000 });
  for (const name of ['alice', 'bob']) {
    const customer = await api.customer();
    const ids = await populate(api, customer);
    await customer.call(
      'POST',
      fill('/v1/projects/{appid}/fls/entry_points/{entryPoint}/settings/transfer/secrets/rotate', ids),
      { overlap: 0 },
    );
    await customer.call('PATCH', fill('/v1/projects/{appid}/fls/entry_points/{entryPoint}/settings/push', ids), {
      reconnect: true,
    });
    const { mediaSessionId } = (
      await customer.call('POST', '/rest-api/push/startup', { streamName: 'cam', rtmpUrl: 'rtmp://127.0.0.1/push' })
    ).body as { mediaSessionId: string };
    tenants[name] = { name, customer, ids, mediaSessionId };
  }
  before = await rows();
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
});

/** All that there is, but for when secrets were used. */
async function rows(): Promise<string> {
  const found: unknown[] = [];
  for (const table of TABLES)
    found.push([
      table,
      await api.prisma.$queryRawUnsafe(`SELECT (to_jsonb(t) - 'last_used_at')::text AS row FROM ${table} t ORDER BY 1`),
    ]);
  return JSON.stringify(found);
}
const tenant = (name: string): Tenant => tenants[name] as Tenant;
const bodyOf = ({ body }: Operation): unknown => (body === undefined ? undefined : example(body));
const call = (by: Tenant, operation: Operation, ids: Record<string, string>, query = ''): Promise<Answer> =>
  by.customer.call(
    operation.method.toUpperCase(),
    fill(operation.path, ids) + query,
    operation.method === 'get' ? undefined : bodyOf(operation),
    { 'x-request-id': 'same' },
  );
/** What tells that an answer holds something of a customer's. */
const secretsOf = ({ customer, ids, mediaSessionId }: Tenant): string[] => [
  customer.id,
  customer.secret,
  mediaSessionId,
  ...Object.entries(ids).flatMap(([name, id]) => (SHARED.has(name) ? [] : [id])),
];

it('the ids are known for every parameter of every path, and no two customers share one', () => {
  const names = new Set(OPERATIONS.flatMap(parametersOf));
  for (const { ids } of Object.values(tenants))
    for (const name of names) expect(ids[name], name).toEqual(expect.stringMatching(/./));
  expect(secretsOf(tenant('alice')).filter((id) => secretsOf(tenant('bob')).includes(id))).toEqual([]);
});

it("every operation is somebody's own, the operators', or public on purpose", () => {
  expect(
    OPERATIONS.filter(({ isPublic }) => isPublic)
      .map(named)
      .toSorted(),
  ).toEqual(PUBLIC.toSorted());
  for (const operation of OPERATIONS)
    expect(operation.summary.includes('(operators'), named(operation)).toBe(operation.isOperators === true);
  expect([withIds.length, withoutIds.length].every((count) => count > 10)).toBe(true);
});

describe.each([
  ['bob', 'alice'],
  ['alice', 'bob'],
])('%s, against %s', (attackerName, victimName) => {
  const attacker = (): Tenant => tenant(attackerName);
  const victim = (): Tenant => tenant(victimName);

  it.each(withIds.map((operation) => [named(operation), operation] as const))(
    '%s: byte for byte as if it did not exist',
    async (_name, operation) => {
      const nowhere = { ...victim().ids, appid: '0'.repeat(32), customerId: '0'.repeat(32) };
      const [foreign, absent] = [
        await call(attacker(), operation, victim().ids),
        await call(attacker(), operation, nowhere),
      ];
      expect([foreign.status, foreign.text]).toEqual([404, absent.text]);
      expect(
        (await api.anonymous(operation.method.toUpperCase(), fill(operation.path, victim().ids), bodyOf(operation)))
          .status,
      ).toBe(401);
      // One of the victim's ids at a time, within all that is one's own.
      for (const name of parametersOf(operation).filter((parameter) => !SHARED.has(parameter))) {
        const mixed = await call(attacker(), operation, { ...attacker().ids, [name]: victim().ids[name] as string });
        expect(mixed.status, `${name} of ${victimName}`).toBe(404);
      }
    },
  );

  it.each(
    OPERATIONS.filter(({ isOperators }) => isOperators).map((operation) => [named(operation), operation] as const),
  )("%s is not there, with one's own ids either", async (_name, operation) => {
    expect((await call(attacker(), operation, attacker().ids)).status).toBe(404);
  });

  it.each(
    own
      .filter((operation) => operation.query?.streamId !== undefined)
      .map((operation) => [named(operation), operation] as const),
  )("%s finds nothing of a foreign stream in one's own", async (_name, operation) => {
    const answer = await call(attacker(), operation, attacker().ids, `?streamId=${victim().ids.streamId}`);
    expect([answer.status, Object.values(answer.body as object)]).toEqual([200, [[], null]]);
  });

  it.each(
    withoutIds
      .filter((operation) => operation.method === 'get' && !isStreaming(operation))
      .map((operation) => [named(operation), operation] as const),
  )('%s tells nothing of the other', async (_name, operation) => {
    const { text } = await call(attacker(), operation, {});
    for (const secret of secretsOf(victim())) expect(text).not.toContain(secret);
  });

  it.each(
    OPERATIONS.filter((operation) => isPush(operation) && operation.method === 'post').map(
      (operation) => [named(operation), operation] as const,
    ),
  )('%s does nothing to the other', async (_name, operation) => {
    const ask = (body: object) => attacker().customer.call('POST', operation.path, body);
    const { mediaSessionId, ids } = victim();
    const bodies = [
      { mediaSessionId, ...(operation.path.endsWith('sound_on') ? { soundFile: 'a.wav' } : {}) },
      { streamName: 'cam', rtmpUrl: 'rtmp://127.0.0.1/stolen', appId: ids.appid },
      { streamName: 'cam', mediaSessionId },
    ];
    for (const body of bodies) {
      // What is asked by name only, the attacker has too.
      if (operation.path.endsWith('/startup') && !('appId' in body)) continue;
      const { status, text } = await ask(body);
      if (status === 200) for (const secret of secretsOf(victim())) expect(text).not.toContain(secret);
      else expect([400, 404]).toContain(status);
    }
  });
});

it('and all of it is as it was', async () => {
  expect(await rows()).toBe(before);
});
