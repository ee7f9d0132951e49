// Offers whose publisher does not come: how many a customer, or who holds a token, may have at the same time.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Env } from '../libs/config/src/index.js';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';
import { offer } from './support/sdp.js';

let api: TestApp;
let node: ScriptedNode;
let names = 0;

beforeAll(async () => {
  api = await startApp({ WHIP_UNCONNECTED_PER_CUSTOMER: '3', WHIP_UNCONNECTED_PER_TOKEN: '2' });
  node = await startScriptedNode(api, { slots: 20 });
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
});

async function publisher(customer: TestCustomer, body: object = {}) {
  const { token } = (
    await customer.call('POST', `/v1/projects/${customer.appid}/fls/entry_points/live/publish_tokens`, body)
  ).body as { token: string };
  return (name = `s${(names += 1)}`) =>
    api.anonymous('POST', `/whip/${customer.appid}/live/${name}`, offer(), {
      'content-type': 'application/sdp',
      authorization: `Bearer ${token}`,
    });
}

it('so many of a token, so many of a customer; others notice nothing, and each that connects or is given up makes room', async () => {
  const [alice, bob] = [await api.customer(), await api.customer()];
  const [one, other] = [await publisher(alice), await publisher(alice, { expiresIn: 7200 })];
  expect([(await one()).status, (await one()).status]).toEqual([201, 201]);
  const ofToken = await one();
  expect([ofToken.status, ofToken.body]).toMatchObject([
    429,
    { code: 'too_many_unconnected', message: '2 streams of this publish token wait for their publisher already.' },
  ]);
  expect(Number(ofToken.headers.get('retry-after'))).toSatisfy((seconds: number) => seconds >= 1 && seconds <= 5);
  expect((await other()).status).toBe(201);
  expect((await other()).body).toMatchObject({
    status: 429,
    message: '3 streams of this customer wait for their publisher already.',
  });
  expect((await (await publisher(bob))()).status).toBe(201);

  const [first, second] = await api.prisma.stream.findMany({
    where: { projectId: alice.appid, state: 'connecting' },
    orderBy: { id: 'asc' },
  });
  await api.prisma.stream.update({ where: { id: first?.id }, data: { state: 'live' } });
  expect((await one()).status).toBe(201);
  await api.prisma.stream.update({ where: { id: second?.id }, data: { state: 'ended', endedAt: new Date() } });
  expect((await one()).status).toBe(201);
  expect((await one()).status).toBe(429);
});

it('of many at once, no more than may', async () => {
  const post = await publisher(await api.customer());
  const statuses = (await Promise.all(Array.from({ length: 8 }, () => post()))).map(({ status }) => status);
  expect(statuses.filter((status) => status === 201)).toHaveLength(2);
  expect(statuses.filter((status) => status === 429)).toHaveLength(6);
});

it('by default no customer can fill a node', () => {
  const { QUOTA_STREAMS, NODE_SLOTS, WHIP_UNCONNECTED_PER_CUSTOMER, WHIP_UNCONNECTED_PER_TOKEN } = new Env();
  expect(QUOTA_STREAMS).toBeLessThanOrEqual(NODE_SLOTS / 2);
  expect(WHIP_UNCONNECTED_PER_CUSTOMER).toBeLessThanOrEqual(NODE_SLOTS / 2);
  expect(WHIP_UNCONNECTED_PER_TOKEN).toBeLessThan(WHIP_UNCONNECTED_PER_CUSTOMER);
});
