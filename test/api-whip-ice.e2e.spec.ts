// ICE restarts of a WHIP session (RFC 9725, section 4.3.3): one after the other, at once, failing, and with an answer that was lost.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { RESTART_FRAGMENT, type ScriptedNode, startScriptedNode } from './support/scripted-node.js';
import { offer } from './support/sdp.js';

const FRAGMENT =
  'a=ice-ufrag:user\r\na=ice-pwd:passwordpasswordpassword\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n';
let api: TestApp;
let node: ScriptedNode;
let alice: TestCustomer;
let token: string;
let names = 0;

beforeAll(async () => {
  api = await startApp({ ANSWER_TIMEOUT_MS: '1000' });
  alice = await api.customer();
  node = await startScriptedNode(api);
  ({ token } = (await alice.call('POST', `/v1/projects/${alice.appid}/fls/entry_points/live/publish_tokens`, {}))
    .body as { token: string });
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
});
beforeEach(() => {
  node.restartScript = 'answer';
  node.restartsWait = Promise.resolve();
  node.requests.length = 0;
});

async function begin() {
  const name = `s${(names += 1)}`;
  const answer = await api.anonymous('POST', `/whip/${alice.appid}/live/${name}`, offer(), {
    'content-type': 'application/sdp',
    authorization: `Bearer ${token}`,
  });
  return { name, path: answer.headers.get('location') as string, etag: answer.headers.get('etag') as string };
}
const patch = (path: string, body: string, headers: Record<string, string> = {}) =>
  api.anonymous('PATCH', path, body, { 'content-type': 'application/trickle-ice-sdpfrag', ...headers });
const stream = (name: string) => api.prisma.stream.findFirst({ where: { name }, include: { sessions: true } });
const restart = (path: string, ufrag: string) => patch(path, FRAGMENT.replace('user', ufrag), { 'if-match': '*' });
const restarts = () =>
  node.requests
    .filter(([op]) => op === 'restartIce')
    .map(([, request]) => /ice-ufrag:(\w+)/.exec((request as { fragment: string }).fragment)?.[1]);
const gate = () => {
  let open = (): void => undefined;
  node.restartsWait = new Promise((resolve) => (open = resolve));
  return open;
};

it('brings our credentials and a new entity tag', async () => {
  const { path, etag } = await begin();
  const restart = FRAGMENT.replace('user', 'next');
  expect((await patch(path, 'a=ice-ufrag:next\r\n', { 'if-match': '*' })).status).toBe(422);
  const answer = await patch(path, restart, { 'if-match': '*' });
  expect([answer.status, answer.text, answer.headers.get('content-type')]).toEqual([
    200,
    RESTART_FRAGMENT,
    'application/trickle-ice-sdpfrag',
  ]);
  const fresh = answer.headers.get('etag') as string;
  expect(fresh).not.toBe(etag);
  expect((await patch(path, FRAGMENT, { 'if-match': etag })).status).toBe(412);
  expect((await patch(path, restart, { 'if-match': fresh })).status).toBe(204);
});

it('needs no If-Match where RFC 9725 is not followed to the letter; what is late of an earlier ICE session is no restart', async () => {
  const { path, etag } = await begin();
  const first = await patch(path, FRAGMENT.replace('user', 'next'));
  expect([first.status, first.text]).toEqual([200, RESTART_FRAGMENT]);
  expect(
    (await patch(path, FRAGMENT.replace('user', 'third'), { 'if-match': first.headers.get('etag') as string })).status,
  ).toBe(200);
  for (const before of ['user', 'next']) expect((await patch(path, FRAGMENT.replace('user', before))).status).toBe(412);
  expect((await patch(path, FRAGMENT.replace('user', 'fourth'), { 'if-match': etag })).status).toBe(412);
  expect((await patch(path, FRAGMENT.replace('user', 'third'))).status).toBe(204);
  expect(restarts()).toEqual(['next', 'third']);
});

it('of many, the session takes ten a minute', async () => {
  const { path } = await begin();
  const statuses: number[] = [];
  for (let i = 0; i < 10; i += 1) statuses.push((await restart(path, `many${i}`)).status);
  expect(new Set(statuses)).toEqual(new Set([200]));
  const refused = await restart(path, 'toomany');
  expect([refused.status, refused.body]).toMatchObject([
    429,
    { code: 'rate_limited', message: 'Too many ICE restarts of this session.' },
  ]);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await patch(path, FRAGMENT.replace('user', 'many9'))).status).toBe(204);
});

it('of two at once, the one that is refused has changed nothing', async () => {
  const { path, name } = await begin();
  let both: Promise<{ status: number }[]> | undefined;
  await api.prisma.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM sessions WHERE id = ${path.split('/').at(-1)} FOR UPDATE`;
    both = Promise.all([restart(path, 'aaaa'), restart(path, 'bbbb')]);
    await expect
      .poll(
        async () =>
          api.prisma
            .$queryRaw`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        { interval: 20 },
      )
      .toHaveLength(2);
  });
  const statuses = ((await both) ?? []).map(({ status }) => status);
  expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 412]);
  const winner = statuses[0] === 200 ? 'aaaa' : 'bbbb';
  expect(restarts()).toEqual([winner]);
  expect((await stream(name))?.sessions).toMatchObject([{ iceUfrag: winner }]);
});

it('a later one takes the place of one that is under way', async () => {
  const { path, name } = await begin();
  const open = gate();
  const early = restart(path, 'aaaa');
  await expect.poll(restarts).toEqual(['aaaa']);
  const late = restart(path, 'bbbb');
  await expect.poll(restarts).toEqual(['aaaa', 'bbbb']);
  open();
  expect([(await early).status, (await late).status]).toEqual([412, 200]);
  expect((await stream(name))?.sessions).toMatchObject([{ iceUfrag: 'bbbb' }]);
});

it('one that fails leaves the session as it was', async () => {
  const { path, etag } = await begin();
  node.restartScript = { refuse: 'negotiation_failed', message: 'The credentials are odd.' };
  expect((await restart(path, 'aaaa')).status).toBe(422);
  node.restartScript = 'silence';
  expect((await restart(path, 'bbbb')).status).toBe(504);
  expect((await patch(path, FRAGMENT, { 'if-match': etag })).status).toBe(204);
  node.restartScript = 'answer';
  expect((await restart(path, 'cccc')).status).toBe(200);
});

it('one that is asked for again while its node does not answer may be tried once more', async () => {
  const { path } = await begin();
  const open = gate();
  const first = restart(path, 'aaaa');
  await expect.poll(restarts).toEqual(['aaaa']);
  const again = await restart(path, 'aaaa');
  expect([again.status, again.headers.get('retry-after')]).toEqual([503, '1']);
  open();
  expect((await first).status).toBe(504);
});

it('one whose answer was lost is answered again, in the same words', async () => {
  const { path } = await begin();
  const open = gate();
  const lost = restart(path, 'aaaa');
  await expect.poll(restarts).toEqual(['aaaa']);
  // Asked for again while the node is still at it: the same request, as far as its publisher can tell.
  const meanwhile = restart(path, 'aaaa');
  const early = await Promise.race([meanwhile, new Promise((resolve) => setTimeout(resolve, 200))]);
  expect(early).toBeUndefined();
  open();
  const [first, same, again] = [await lost, await meanwhile, await restart(path, 'aaaa')];
  expect([same.status, same.text, same.headers.get('etag')]).toEqual([200, first.text, first.headers.get('etag')]);
  expect([again.status, again.text, again.headers.get('etag')]).toEqual([200, first.text, first.headers.get('etag')]);
  expect(restarts()).toEqual(['aaaa']);
});
