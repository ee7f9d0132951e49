// Every field of every body takes every type of JSON: what does not fit is refused as the caller's mistake, and what is taken breaks no answer afterwards.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPERATIONS, type Operation } from '../apps/api/src/openapi/operations.js';
import { SCHEMAS, type Schema } from '../apps/api/src/openapi/schemas.js';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { example, fieldsOf, fill, isStreaming, populate, withValue } from './support/operations.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';

let api: TestApp;
let node: ScriptedNode;
let operator: TestCustomer;
let alice: TestCustomer;
let ids: Record<string, string>;

beforeAll(async () => {
  api = await startApp({ QUOTA_PROJECTS: '100000', QUOTA_ENTRY_POINTS: '100000', CALLBACK_TIMEOUT_MS: '300' });
  node = await startScriptedNode(api, { slots: 1000 });
  operator = await api.customer('operator');
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
});

/** One of each type of JSON and of each border of it. */
const VALUES: unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  1.5,
  2 ** 31,
  2 ** 53,
  1e308,
  '',
  ' ',
  'text',
  'x'.repeat(5000),
  '1',
  'true',
  'null',
  '\u{1F600}',
  '%',
  'http://2130706433/',
  'http://127.0.0.1:9/',
  'rtmp://127.0.0.1/app',
  'rtmp://',
  'http://[',
  [],
  [[]],
  [[[]]],
  [null],
  [0],
  ['text'],
  [true],
  [{}],
  [[{}]],
  {},
  { a: 1 },
  { a: null },
  { a: [] },
  { length: 1 },
  { 0: 'x' },
  { toString: 1 },
  { url: null },
  { url: [] },
  { url: {} },
];
const isOperators = ({ summary, isOperators: only }: Operation): boolean =>
  only === true || summary.includes('(operators');
const withBody = OPERATIONS.filter(({ body }) => body !== undefined);
const readable = OPERATIONS.filter((operation) => operation.method === 'get' && !isStreaming(operation));

/** GETs that fail with what was stored. */
async function broken(owner: TestCustomer, own: Record<string, string>): Promise<string[]> {
  const answers = await Promise.all(
    readable.map(
      async (operation) =>
        [
          operation.path,
          (await (isOperators(operation) ? operator : owner).call('GET', fill(operation.path, own))).status,
        ] as const,
    ),
  );
  return answers.filter(([, status]) => status >= 500).map(([path, status]) => `GET ${path} ${status}`);
}

describe.each(withBody.map((operation) => [`${operation.method.toUpperCase()} ${operation.path}`, operation] as const))(
  '%s',
  (_name, operation) => {
    beforeAll(async () => {
      alice = await api.customer();
      ids = await populate(api, alice);
    });

    const settings = operation.method === 'patch' && operation.path.includes('/settings/');
    const schema = operation.body as Schema;
    const call = (body: unknown) =>
      (isOperators(operation) ? operator : alice).call(
        operation.method.toUpperCase(),
        fill(operation.path, ids),
        JSON.stringify(body),
      );

    it.each([[], ...fieldsOf(schema)].map((path) => [path.join('.') || 'the body', path] as const))(
      'takes or refuses every value for %s',
      async (_field, path) => {
        const good = example(operation.body as Schema);
        const failures: string[] = [];
        for (const value of VALUES) {
          const body = withValue(good, path, value, schema);
          const { status } = await call(body);
          if (status >= 500) failures.push(`${JSON.stringify(body).slice(0, 200)} ${status}`);
          // A name that is taken would make everything after it 404.
          if (status < 300 && operation.path.endsWith('/entry_points/{entryPoint}'))
            await api.prisma.entryPoint.updateMany({ where: { projectId: alice.appid }, data: { name: 'live' } });
          if (status >= 300 || !settings) continue;
          const read = await alice.call('GET', fill(operation.path, ids));
          if (read.status !== 200) failures.push(`GET ${read.status} after ${JSON.stringify(body).slice(0, 200)}`);
        }
        failures.push(...(await broken(alice, ids)));
        expect(failures).toEqual([]);
      },
      60_000,
    );
  },
);

/** Alone, where nothing is set yet. */
it.each(Object.keys((SCHEMAS.UpdatePushSettings as { properties: object }).properties))(
  '%s alone is taken or refused by an entry point without push settings',
  async (field) => {
    const bob = await api.customer();
    const path = `/v1/projects/${bob.appid}/fls/entry_points/live/settings/push`;
    const failures: string[] = [];
    for (const value of VALUES) {
      await api.prisma.pushSettings.deleteMany({ where: { entryPoint: { projectId: bob.appid } } });
      const { status } = await bob.call('PATCH', path, JSON.stringify({ [field]: value }));
      const read = await bob.call('GET', path);
      if (status >= 500 || read.status !== 200)
        failures.push(`${JSON.stringify(value).slice(0, 100)} ${status}, GET ${read.status}`);
    }
    expect(failures).toEqual([]);
  },
);

it('what an earlier release took and kept breaks neither its answer nor a stream', async () => {
  const bob = await api.customer();
  const { id: entryPointId } = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: bob.appid } });
  const settings = `/v1/projects/${bob.appid}/fls/entry_points/live/settings/push`;
  for (const kept of [[[]], [{}], [null], {}, [{ url: 'text', parameters: {} }]]) {
    const republish = api.box.seal(JSON.stringify(kept), `republish:${entryPointId}`);
    await api.prisma.pushSettings.upsert({
      where: { entryPointId },
      create: { entryPointId, republish },
      update: { republish },
    });
    expect((await bob.call('GET', settings)).status).toBe(200);
    expect((await bob.call('PATCH', settings, { reconnect: true })).status).toBe(200);
    await populate(api, bob);
  }
  await api.prisma.customer.update({
    where: { id: bob.id },
    data: { quotas: { 0: [], streams: 'many', projects: 7 } },
  });
  expect((await bob.call('GET', '/v1/me')).body).toMatchObject({ quotas: { projects: 7, streams: 100 } });
});

describe('a test of the callback', () => {
  const ODD = [
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0x7f.1/',
    'http://017700000001/',
    'http://127.1/',
    'http://0/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:7f00:1]/',
    'http://[fe80::1]/',
    'http://10.0.0.1/',
    'http://169.254.169.254/',
    'http://224.0.0.1/',
    'http://255.255.255.255/',
    'http://localhost/',
    'http://a.localhost/',
    'http://127.0.0.1.nip.invalid/',
    'http://a..b/',
    'http://-/',
    'http://x_y/',
    `http://${'a'.repeat(70)}.example.invalid/`,
    `http://${'a.'.repeat(150)}invalid/`,
    'http://1.2.3.4.5/',
    'http://./',
    'http://127.0.0.1:1/',
    'http://127.0.0.1:0/',
    'http://256.1.1.1/',
    'http://\u2460\u2461\u2466.0.0.1/',
  ];
  // Where nothing of the own network may be called. Passport's strategies belong to the last application of a process, so this one comes last.
  let strict: TestApp;
  let dora: TestCustomer;
  beforeAll(async () => {
    strict = await startApp({ ALLOWED_PRIVATE_HOSTS: '', CALLBACK_TIMEOUT_MS: '2000' });
    dora = await strict.customer();
  });
  afterAll(() => strict?.stop());

  it.each(ODD)('to %s is answered, or refused as a mistake', async (callbackUrl) => {
    const { status, text } = await dora.call(
      'POST',
      `/v1/projects/${dora.appid}/fls/entry_points/live/settings/transfer/test`,
      { callbackUrl },
    );
    expect([200, 400], text).toContain(status);
  });
});
