// Whoever has a valid publish token may send anything: nothing of it is a 5xx or an answer that is not documented, and other publishers do not notice.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { requireDocumented } from './support/contract.js';
import { oddEtags, oddFragments, oddOffers } from './support/odd-sdp.js';
import { ANSWER, type ScriptedNode, startScriptedNode } from './support/scripted-node.js';
import { offer } from './support/sdp.js';

const SEED = 20_261_125;
const FRAGMENT = 'application/trickle-ice-sdpfrag';
let api: TestApp;
let node: ScriptedNode;
let alice: TestCustomer;
let token: string;
let names = 0;
/** How often each status was answered. */
const seen = new Map<number, number>();

beforeAll(async () => {
  api = await startApp({ QUOTA_STREAMS: '100000' });
  alice = await api.customer();
  node = await startScriptedNode(api, { slots: 100_000 });
  ({ token } = (await alice.call('POST', `/v1/projects/${alice.appid}/fls/entry_points/live/publish_tokens`)).body as {
    token: string;
  });
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
});

async function ask(
  method: string,
  path: string,
  body?: Buffer | string,
  headers: Record<string, string | undefined> = {},
): Promise<Response> {
  const given = Object.entries(headers).filter((header): header is [string, string] => header[1] !== undefined);
  const response = await fetch(api.url + path, { method, body: body as RequestInit['body'], headers: given });
  const text = await response.text();
  const { status } = response;
  requireDocumented({
    method,
    path,
    status,
    contentType: response.headers.get('content-type'),
    headers: response.headers,
    text,
  });
  // A node that answers leaves no reason for any of them, not even the documented ones.
  if (status >= 500) throw new Error(`${method} ${path} -> ${status}: ${text}`);
  seen.set(status, (seen.get(status) ?? 0) + 1);
  return response;
}
const publish = (name: string, sdp: Buffer | string) =>
  ask('POST', `/whip/${alice.appid}/live/${name}`, sdp, {
    'content-type': 'application/sdp',
    authorization: `Bearer ${token}`,
  });
const patch = (session: string, fragment: Buffer | string, ifMatch?: string) =>
  ask('PATCH', session, fragment, { 'content-type': FRAGMENT, 'if-match': ifMatch });
const newName = () => `f${(names += 1)}`;

/** What a publisher does from beginning to end, and is answered. */
async function publishesWell(): Promise<void> {
  const answer = await publish(newName(), offer());
  expect(answer.status).toBe(201);
  const session = answer.headers.get('location') as string;
  expect(
    (
      await patch(
        session,
        'a=ice-ufrag:user\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n',
        answer.headers.get('etag') as string,
      )
    ).status,
  ).toBe(204);
  expect((await ask('DELETE', session)).status).toBe(200);
}

it('odd offers are answered or refused, and a publisher after them is served', async () => {
  await fc.assert(
    fc.asyncProperty(oddOffers(offer()), async (sdp) => {
      const answer = await publish(newName(), sdp);
      if (answer.status === 201)
        expect((await ask('DELETE', answer.headers.get('location') as string)).status).toBe(200);
    }),
    { numRuns: 400, seed: SEED },
  );
  // The round went both ways.
  for (const status of [201, 400, 413, 422])
    expect(seen.get(status), `${status} of ${JSON.stringify([...seen])}`).toBeGreaterThan(5);
  await publishesWell();
}, 60_000);

it('odd fragments, in whatever order and after the end, neither', async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        what: fc.constant('patch' as const),
        fragment: oddFragments,
        etag: fc.oneof(oddEtags, fc.constant('own')),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        { what: 'get' as const },
        { what: 'delete' as const },
        { what: 'again' as const },
        { what: 'put' as const },
      ),
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 8 }), async (steps) => {
      const name = newName();
      const begun = await publish(name, offer());
      const session = begun.headers.get('location') as string;
      let etag = begun.headers.get('etag') ?? '';
      let over = false;
      for (const one of steps) {
        if (one.what === 'patch') {
          const { status, headers } = await patch(session, one.fragment, one.etag === 'own' ? etag : one.etag);
          etag = headers.get('etag') ?? etag;
          if (over) expect(status === 404 || status === 413, String(status)).toBe(true);
        } else if (one.what === 'delete') {
          expect((await ask('DELETE', session)).status).toBe(over ? 404 : 200);
          over = true;
        } else if (one.what === 'get') expect((await ask('GET', session)).status).toBe(over ? 404 : 204);
        else if (one.what === 'put') expect((await ask('PUT', session, 'x')).status).toBe(405);
        // The name may be published to again at any moment, but not by more than three at a time.
        else expect([201, 429]).toContain((await publish(name, offer())).status);
      }
    }),
    { numRuns: 60, seed: SEED },
  );
  for (const status of [200, 204, 400, 404, 412])
    expect(seen.get(status), `${status} of ${JSON.stringify([...seen])}`).toBeGreaterThan(5);
  await publishesWell();
}, 60_000);

it('twice the same request at once is no fault either', async () => {
  const begun = await publish(newName(), offer());
  const session = begun.headers.get('location') as string;
  const restart = 'a=ice-ufrag:other\r\na=ice-pwd:passwordpasswordpassword\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n';
  // One of them may hear that the other is under way.
  const twice = await Promise.all(
    [1, 2].map(() =>
      fetch(api.url + session, {
        method: 'PATCH',
        body: restart,
        headers: { 'content-type': FRAGMENT, 'if-match': '*' },
      }),
    ),
  );
  for (const { status } of twice) expect([200, 412, 503]).toContain(status);
  const deleted = await Promise.all([1, 2, 3].map(() => ask('DELETE', session)));
  for (const { status } of deleted) expect([200, 404]).toContain(status);
  const name = newName();
  const begin = await Promise.all(
    [1, 2, 3, 4, 5].map(() =>
      fetch(`${api.url}/whip/${alice.appid}/live/${name}`, {
        method: 'POST',
        body: offer(),
        headers: { 'content-type': 'application/sdp', authorization: `Bearer ${token}` },
      }),
    ),
  );
  for (const answer of begin) expect([201, 409, 429]).toContain(answer.status);
  expect(await begin.find(({ status }) => status === 201)?.text()).toBe(ANSWER);
  await publishesWell();
});
