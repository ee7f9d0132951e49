// What an arrival costs the database: each statement is a round trip, and all arrivals share its connections.
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { type CallbackServer, json, startCallbackServer } from './support/callback-server.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';
import { offer } from './support/sdp.js';

/** Once for each new connection of the pool, whoever needs it. */
const CONNECTION = /^SELECT set_config/;
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

async function publish(name: string): Promise<void> {
  const answer = await api.anonymous('POST', `/whip/${alice.appid}/live/${name}`, offer(), {
    'content-type': 'application/sdp',
    authorization: `Bearer ${token}`,
  });
  expect(answer.status).toBe(201);
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
