import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Seeded, seed } from '../apps/api/src/cli/seed.js';
import { basic, startApp, type TestApp } from './support/app.js';

let api: TestApp;

beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api?.stop());

const run = () => seed(api.prisma, api.box);
/** All but the token, which is signed anew each time. */
const stable = (seeded: Seeded) => ({ ...seeded, publishToken: undefined });
const get = (path: string, { customerId, customerSecret }: Seeded['operator']) =>
  api.anonymous('GET', path, undefined, { authorization: basic(customerId, customerSecret) });

it('makes an operator, a customer and a project once, also when two run at once', async () => {
  const [first, second] = await Promise.all([run(), run()]);
  expect(stable(second)).toEqual(stable(first));
  expect(stable(await run())).toEqual(stable(first));
  for (const { customerId, customerSecret } of [first.operator, first.customer]) {
    expect([customerId, customerSecret]).toEqual([
      expect.stringMatching(/^[0-9a-f]{32}$/),
      expect.stringMatching(/^[0-9a-f]{64}$/),
    ]);
  }
  expect(
    (await api.prisma.customer.findMany({ orderBy: { name: 'asc' } })).map(({ name, role }) => [name, role]),
  ).toEqual([
    ['Demo customer', 'customer'],
    ['Demo operator', 'operator'],
  ]);
  expect(await api.prisma.credential.count()).toBe(2);
});

it('what it prints opens the API', async () => {
  const { operator, customer, appid, entryPoint, publishToken } = await run();
  expect((await get('/v1/nodes', operator)).status).toBe(200);
  expect((await get('/v1/nodes', customer)).status).toBe(404);
  expect((await get(`/v1/projects/${appid}/fls/entry_points/${entryPoint}/settings/transfer`, customer)).body).toEqual({
    enabled: false,
    callbackUrl: null,
    useLastAnswer: false,
    endsOnClose: false,
  });
  const { exp } = JSON.parse(Buffer.from(publishToken.split('.')[1] as string, 'base64url').toString()) as {
    exp: number;
  };
  expect(exp * 1000 - Date.now()).toBeGreaterThan(29 * 86_400_000);
  const publish = await api.anonymous('POST', `/whip/${appid}/${entryPoint}/any-name`, '', {
    'content-type': 'application/sdp',
    authorization: `Bearer ${publishToken}`,
  });
  // Past the token: only the empty offer is wrong.
  expect(publish.status).toBe(400);
});

it('keeps the customer and makes a new secret when the old one was revoked', async () => {
  const before = await run();
  await api.prisma.credential.updateMany({
    where: { customerId: before.customer.customerId },
    data: { revokedAt: new Date() },
  });
  const after = await run();
  expect(after).toMatchObject({
    operator: before.operator,
    appid: before.appid,
    customer: { customerId: before.customer.customerId },
  });
  expect(after.customer.customerSecret).not.toBe(before.customer.customerSecret);
  expect((await get('/v1/projects', before.customer)).status).toBe(401);
  expect((await get('/v1/projects', after.customer)).status).toBe(200);
  expect(stable(await run())).toEqual(stable(after));
});

it('another customer gets 404 for the demo project', async () => {
  const { appid } = await run();
  const bob = await api.customer();
  expect((await bob.call('GET', `/v1/projects/${appid}`)).status).toBe(404);
});
