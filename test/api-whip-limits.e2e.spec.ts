// How much a publisher, or somebody who plays one, may ask of the doors that need no customer's secret, and how strictly, where the operator wishes it.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Answer, startApp, type TestApp, type TestCustomer } from './support/app.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';
import { offer } from './support/sdp.js';

let api: TestApp;
let node: ScriptedNode;
let alice: TestCustomer;

beforeAll(async () => {
  api = await startApp({
    WHIP_ADDRESS_REQUESTS_PER_SECOND: '2',
    WHIP_ENTRY_POINT_REQUESTS_PER_SECOND: '1',
    WHIP_STRICT_ETAG: 'true',
    TRUSTED_PROXIES: '1',
  });
  alice = await api.customer();
  node = await startScriptedNode(api);
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
});

const from = (address: string, method: string, path: string, body?: string, headers: Record<string, string> = {}) =>
  api.anonymous(method, path, body, { 'x-forwarded-for': address, 'content-type': 'application/sdp', ...headers });
const times = async (count: number, ask: (i: number) => Promise<Answer>) => {
  const statuses: number[] = [];
  for (let i = 0; i < count; i += 1) statuses.push((await ask(i)).status);
  return statuses;
};
const bearer = async (entryPoint: string) => {
  const { token } = (
    await alice.call('POST', `/v1/projects/${alice.appid}/fls/entry_points/${entryPoint}/publish_tokens`, {})
  ).body as { token: string };
  return { authorization: `Bearer ${token}` };
};
const CANDIDATE = 'a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n';
/** In a burst: the limits look at ten seconds. */
const allowed = 20;

it('an address may send some POST, PATCH and DELETE in a burst, and others notice nothing of its limit', async () => {
  const methods = ['POST', 'PATCH', 'DELETE'];
  const ask = (address: string) => (i: number) =>
    from(
      address,
      methods[i % 3] as string,
      i % 3 === 0 ? `/whip/${alice.appid}/live/s` : '/whip/sessions/unknown-unknown-unknown',
      'v=0',
    );
  expect(new Set(await times(allowed, ask('192.0.2.1')))).toEqual(new Set([401, 404, 415]));
  const refused = await ask('192.0.2.1')(0);
  expect([refused.status, refused.body]).toMatchObject([
    429,
    { status: 429, code: 'rate_limited', message: 'Too many requests from this address.' },
  ]);
  expect(refused.headers.get('content-type')).toBe('application/problem+json');
  // A page of any origin must be able to read it.
  expect(refused.headers.get('access-control-allow-origin')).toBe('*');
  expect(Number(refused.headers.get('retry-after'))).toSatisfy((seconds: number) => seconds >= 1 && seconds <= 10);
  expect((await ask('192.0.2.2')(0)).status).toBe(401);
  // What costs nothing is not counted.
  expect(await times(3, () => from('192.0.2.1', 'OPTIONS', `/whip/${alice.appid}/live/s`))).toEqual([200, 200, 200]);
});

it('the addresses of one IPv6 network count as one', async () => {
  const ask = (address: string) => from(address, 'DELETE', '/whip/sessions/unknown-unknown-unknown');
  expect(new Set(await times(allowed, (i) => ask(`2001:db8:0:1::${i}`)))).toEqual(new Set([404]));
  expect((await ask('2001:db8:0:1:ffff::1')).status).toBe(429);
  expect((await ask('2001:db8:0:2::1')).status).toBe(404);
});

it('an entry point takes so many requests with a token or of a session, from wherever they come', async () => {
  const [live, stage] = [
    await bearer('live'),
    (await alice.call('POST', `/v1/projects/${alice.appid}/fls/entry_points`, { name: 'stage' }),
    await bearer('stage')),
  ];
  const post = (i: number, entryPoint = 'live', headers = live) =>
    from(`198.51.100.${i}`, 'POST', `/whip/${alice.appid}/${entryPoint}/s${i}`, offer(), headers);
  // Who has no token uses nothing up.
  expect(
    new Set(await times(15, (i) => from(`198.51.100.${i}`, 'POST', `/whip/${alice.appid}/live/s${i}`, offer()))),
  ).toEqual(new Set([401]));
  const first = await post(0);
  expect(new Set(await times(7, (i) => post(i + 1)))).toEqual(new Set([201]));
  const session = first.headers.get('location') as string;
  expect(
    (
      await from('198.51.100.20', 'PATCH', session, CANDIDATE, {
        'content-type': 'application/trickle-ice-sdpfrag',
        'if-match': '*',
      })
    ).status,
  ).toBe(204);
  expect((await from('198.51.100.20', 'DELETE', session)).status).toBe(200);
  const refused = await post(30);
  expect([refused.status, refused.body]).toMatchObject([
    429,
    { code: 'rate_limited', message: 'Too many requests for this entry point.' },
  ]);
  expect((await post(31, 'stage', stage)).status).toBe(201);
});

it('a PATCH without If-Match is refused where RFC 9725 is followed to the letter', async () => {
  await alice.call('POST', `/v1/projects/${alice.appid}/fls/entry_points`, { name: 'strict' });
  const made = await from('203.0.113.1', 'POST', `/whip/${alice.appid}/strict/s`, offer(), await bearer('strict'));
  const patch = (headers: Record<string, string>) =>
    from('203.0.113.1', 'PATCH', made.headers.get('location') as string, CANDIDATE, {
      'content-type': 'application/trickle-ice-sdpfrag',
      ...headers,
    });
  const without = await patch({});
  expect([without.status, without.body]).toMatchObject([428, { message: 'PATCH needs an If-Match header.' }]);
  expect((await patch({ 'if-match': made.headers.get('etag') as string })).status).toBe(204);
});
