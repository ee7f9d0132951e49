// What an arrival and the other requests of the hot path cost the database: each statement is a round trip, and all of them share its connections.
import { Client } from 'pg';
import { afterAll, afterEach, assert, beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { type CallbackServer, json, startCallbackServer } from './support/callback-server.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';
import { offer } from './support/sdp.js';

/** Once for each new connection of the pool, whoever needs it; and every second, whether the connection for notices still stands. */
const CONNECTION = /^SELECT set_config|^SELECT 1$/;
/** A claim and what follows it. */
const STAND_IN =
  /^UPDATE streams SET (owner_node|state) =|^SELECT streams\.id, streams\.project_id, .* FROM streams WHERE \(?streams\.id = \$1/;

let api: TestApp;
let node: ScriptedNode;
let alice: TestCustomer;
let customer: CallbackServer;
let token: string;

beforeAll(async () => {
  customer = await startCallbackServer();
  api = await startApp();
  alice = await api.customer();
  node = await startScriptedNode(api);
  const live = `/v1/projects/${alice.appid}/fls/entry_points/live`;
  await alice.call('PATCH', `${live}/settings/transfer`, { enabled: true, callbackUrl: customer.url });
  ({ token } = (await alice.call('POST', `${live}/publish_tokens`)).body as { token: string });
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
  await customer?.stop();
});
afterEach(() => vi.restoreAllMocks());

/** The statements that are sent from now on, in short, but for those of the node's stand-in. */
function statements(): string[] {
  const sent: string[] = [];
  // oxlint-disable-next-line typescript/unbound-method -- it is applied to the client that is watched
  const query = Client.prototype.query;
  vi.spyOn(Client.prototype, 'query').mockImplementation(function (this: Client, ...args: unknown[]) {
    const [first] = args as [{ text?: string } | string];
    const text = (typeof first === 'string' ? first : (first.text ?? ''))
      .replaceAll('"public".', '')
      .replaceAll('"', '')
      .replace(/FROM set_config\([^)]*\)$/, '')
      .trim();
    const [, verb, table] = /^(SELECT|INSERT|UPDATE)(?:.*? FROM| INTO)? (\w+)/s.exec(text) ?? [];
    if (!STAND_IN.test(text) && !CONNECTION.test(text)) sent.push(verb ? `${verb} ${table}` : text);
    return (query as (...given: unknown[]) => unknown).apply(this, args) as never;
  });
  return sent;
}

/** The path of the session. */
async function publish(name: string): Promise<string> {
  const answer = await api.anonymous('POST', `/whip/${alice.appid}/live/${name}`, offer(), {
    'content-type': 'application/sdp',
    authorization: `Bearer ${token}`,
  });
  expect(answer.status).toBe(201);
  return answer.headers.get('location') ?? '';
}

it('an arrival and its callback', async () => {
  customer.reply = json({ transferUrls: ['rtmp://127.0.0.1/live/KEY'] });
  // The first makes the entry point's secret.
  await publish('first');
  await expect.poll(() => api.prisma.callbackDelivery.count()).toBe(1);
  await expect.poll(() => node.requests.length).toBe(1);

  let answerAll = (): void => undefined;
  const waiting = new Promise<void>((resolve) => (answerAll = resolve));
  customer.requests.length = 0;
  customer.reply = (response, request) =>
    void waiting.then(() => json({ transferUrls: ['rtmp://127.0.0.1/live/KEY'] })(response, request));
  const sent = statements();
  await publish('second');
  await expect.poll(() => customer.requests.length).toBe(1);
  const before = sent.splice(0);
  answerAll();
  await expect.poll(() => node.requests.length).toBe(2);

  // Those of the arrival and of the question that is asked meanwhile come in no order.
  expect(before.toSorted()).toEqual(
    [
      // May he? Is the name free? Where does the entry point republish to?
      'SELECT projects',
      // Counts under a lock, and writes stream, session and event.
      'SELECT begin_stream',
      // The question: what signs it, stream with settings, quotas.
      'SELECT callback_secrets',
    ].toSorted(),
  );
  // Its transfers, the log, the answer for later, the event.
  expect(sent).toEqual(['SELECT record_first_answer']);
});

describe('each of these', () => {
  const SDP_FRAGMENT = { 'content-type': 'application/trickle-ice-sdpfrag' };
  let session: string;
  let streamId: string;
  /** Those of the stand-in, which ends the stream of a session. */
  const ofNode = /^SELECT sessions$|^UPDATE streams$/;

  beforeAll(async () => {
    customer.reply = json({ transferUrls: [] });
    session = await publish('third');
    ({ id: streamId } = await api.prisma.stream.findFirstOrThrow({ where: { name: 'third' } }));
    await vi.waitFor(async () => {
      const stream = await api.prisma.stream.findUnique({ where: { id: streamId } });
      assert(stream?.callbackState === 'answered');
    }, 20_000);
  });

  async function sentBy(request: () => Promise<{ status: number }>, status: number): Promise<string[]> {
    const sent = statements();
    expect((await request()).status).toBe(status);
    // Who asks is remembered for a while, or looked up: see api-credential-memory.
    return sent.filter((statement) => statement !== 'SELECT expires_at');
  }

  it('a trickled candidate', async () => {
    const patch = () => api.anonymous('PATCH', session, 'a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n', SDP_FRAGMENT);
    expect(await sentBy(patch, 204)).toEqual(['SELECT sessions']);
  });

  it('an ICE restart: the row, then the node, then the row', async () => {
    const restart = () =>
      api.anonymous('PATCH', session, 'a=ice-ufrag:next\r\na=ice-pwd:next-password-of-22-chars\r\n', {
        ...SDP_FRAGMENT,
        'if-match': '*',
      });
    expect(await sentBy(restart, 200)).toEqual(['SELECT sessions', 'UPDATE sessions', 'UPDATE sessions']);
  });

  it('a stream', async () => {
    const path = `/v1/projects/${alice.appid}/fls/streams/${streamId}`;
    expect(await sentBy(() => alice.call('GET', path), 200)).toEqual(['SELECT transfers']);
  });

  it('a page of streams', async () => {
    const path = `/v1/projects/${alice.appid}/fls/streams?entry_point=live&state=live`;
    expect(await sentBy(() => alice.call('GET', path), 200)).toEqual(['SELECT transfers']);
  });

  it('a transfer that is added', async () => {
    const path = `/v1/projects/${alice.appid}/fls/streams/${streamId}/transfers`;
    const add = () => alice.call('POST', path, { url: 'rtmp://127.0.0.1/live/OTHER' });
    expect(await sentBy(add, 201)).toEqual(['SELECT streams', 'SELECT add_transfer']);
  });

  it("Flashphoner's startup and find", async () => {
    const startup = () =>
      alice.call('POST', '/rest-api/push/startup', { streamName: 'third', rtmpUrl: 'rtmp://127.0.0.1/live' });
    // The stream with its pushes, settings and quotas; then what is added.
    expect(await sentBy(startup, 200)).toEqual(['SELECT transfers', 'SELECT add_transfer']);
    vi.restoreAllMocks();
    const find = () => alice.call('POST', '/rest-api/push/find', { streamName: 'third' });
    expect(await sentBy(find, 200)).toEqual(['SELECT transfers']);
  });

  it('a publisher that leaves', async () => {
    const sent = await sentBy(() => api.anonymous('DELETE', session), 200);
    const [first, ...others] = sent;
    expect(first).toBe('SELECT sessions');
    expect(others.filter((statement) => !ofNode.test(statement))).toEqual(['UPDATE sessions']);
  });
});
