// Names whose addresses change between two look-ups (DNS rebinding) lead a callback nowhere that was not checked: a real name server,
// and a canary at the address that may not be reached.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CallbackClient } from '../apps/api/src/callback/callback.client.js';
import { lookupHost } from '../libs/net/src/index.js';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { type NameServer, startNameServer } from './support/name-server.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';
import { offer } from './support/sdp.js';

/** Stands for a public address, of which no test may ask anything: it is the only one that the operator allows. */
const ALLOWED = '127.0.0.2';
const FORBIDDEN = '127.0.0.1';
const HOST = 'customer.example';

let api: TestApp;
let node: ScriptedNode;
let alice: TestCustomer;
let names: NameServer;
/** What the name server says of A and AAAA, one list per look-up; the last stays. */
let turns: { v4: string[]; v6: string[] }[];
let lookups: number;
let customer: Server;
let canaries: Server[];
let port: number;
let hits: number;
/** Local addresses at which the customer's server was reached. */
let reached: string[];

const listen = (host: string, at: number, onRequest: (localAddress: string) => void): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer((request, response) => {
      onRequest(request.socket.localAddress ?? '');
      response.end('{"transferUrls":["rtmp://127.0.0.2/live/KEY"]}');
    });
    server.once('error', reject).listen(at, host, () => resolve(server));
  });

/** The customer's server and the canaries, at one port: one that is free at the allowed address may be somebody's at the others. */
async function openServers(): Promise<void> {
  customer = await listen(ALLOWED, 0, (address) => reached.push(address));
  ({ port } = customer.address() as AddressInfo);
  const opened = await Promise.allSettled([FORBIDDEN, '::1'].map((host) => listen(host, port, () => (hits += 1))));
  canaries = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  if (!opened.some((one) => one.status === 'rejected' && (one.reason as NodeJS.ErrnoException).code === 'EADDRINUSE'))
    return;
  for (const server of [customer, ...canaries]) server.close();
  return openServers();
}

beforeAll(async () => {
  await openServers();
  names = await startNameServer((name, family) => {
    if (name !== HOST) return 'unknown';
    // Each look-up asks for both families, A first.
    const turn = turns[Math.min(lookups - (family === 6 ? 1 : 0), turns.length - 1)];
    if (family === 4) lookups += 1;
    return (family === 4 ? turn?.v4 : turn?.v6) ?? [];
  });
  api = await startApp({ ALLOWED_PRIVATE_HOSTS: ALLOWED, CALLBACK_TIMEOUT_MS: '2000' });
  api.app.get(CallbackClient).lookup = (host, timeoutMs, signal) =>
    lookupHost(host, timeoutMs, signal, [names.address]);
  node = await startScriptedNode(api);
  alice = await api.customer();
});
afterAll(async () => {
  await node?.stop();
  await api?.stop();
  names?.stop();
  for (const server of [customer, ...(canaries ?? [])]) server?.close().closeAllConnections();
});
beforeEach(() => {
  [hits, lookups, reached] = [0, 0, []];
});

const fls = (path: string) => `/v1/projects/${alice.appid}/fls/${path}`;
const callbackUrl = (scheme = 'http') => `${scheme}://${HOST}:${port}/`;
async function test(url = callbackUrl()): Promise<string> {
  const { body } = await alice.call('POST', fls('entry_points/live/settings/transfer/test'), { callbackUrl: url });
  return (body as { delivery: { outcome: string } }).delivery.outcome;
}

const only = (...v4: string[]) => ({ v4, v6: [] });

describe('a callback to a name whose addresses change', () => {
  it('connects to the address that was checked, and looks the name up no second time', async () => {
    turns = [only(ALLOWED), only(FORBIDDEN)];
    expect(await test()).toBe('ok');
    expect([reached, hits, lookups]).toEqual([[ALLOWED], 0, 1]);
    // The next callback's own look-up is checked as the first was.
    expect(await test()).toBe('callback_address_forbidden');
    expect([reached, hits, lookups]).toEqual([[ALLOWED], 0, 2]);
  });

  it('finds the port closed rather than the address that the name has meanwhile', async () => {
    const closed = await listen(FORBIDDEN, 0, () => (hits += 1));
    turns = [only(ALLOWED), only(FORBIDDEN)];
    expect(await test(`http://${HOST}:${(closed.address() as AddressInfo).port}/`)).toBe('callback_connect_failed');
    expect([hits, lookups]).toEqual([0, 1]);
    closed.close();
  });

  it('over TLS neither', async () => {
    turns = [only(ALLOWED), only(FORBIDDEN)];
    // The server there speaks no TLS; what counts is which one was asked.
    expect(await test(callbackUrl('https'))).toBe('callback_connect_failed');
    expect([hits, lookups]).toEqual([0, 1]);
  });

  it.each([
    ['both at once', { v4: [ALLOWED, FORBIDDEN], v6: [] }],
    ['the other way round', { v4: [FORBIDDEN, ALLOWED], v6: [] }],
    ['one in each family', { v4: [ALLOWED], v6: ['::1'] }],
    ['one in each family, as a mapped one', { v4: [ALLOWED], v6: ['::ffff:7f00:1'] }],
    ['the forbidden one alone', { v4: [FORBIDDEN], v6: [] }],
  ])('is not made when it has %s', async (_, turn) => {
    turns = [turn];
    expect(await test()).toBe('callback_address_forbidden');
    expect([reached, hits]).toEqual([[], 0]);
  });

  it('is not made for a stream either, however often it is tried', async () => {
    turns = [only(FORBIDDEN), only(ALLOWED, FORBIDDEN), { v4: [ALLOWED], v6: ['::1'] }, only(ALLOWED), only(FORBIDDEN)];
    await alice.call('PATCH', fls('entry_points/live/settings/transfer'), {
      enabled: true,
      callbackUrl: callbackUrl(),
    });
    const { token } = (await alice.call('POST', fls('entry_points/live/publish_tokens'), {})).body as { token: string };
    const answer = await api.anonymous('POST', `/whip/${alice.appid}/live/cam`, offer(), {
      'content-type': 'application/sdp',
      authorization: `Bearer ${token}`,
    });
    expect(answer.status).toBe(201);
    const outcomes = async () =>
      (await api.prisma.callbackDelivery.findMany({ where: { kind: 'stream' }, orderBy: { id: 'asc' } })).map(
        ({ outcome }) => outcome,
      );
    const waiting = async () => {
      // The stream's own next attempt comes in a minute; its customer asks sooner.
      const [delivery] = await api.prisma.callbackDelivery.findMany({
        where: { streamId: { not: null } },
        orderBy: { id: 'desc' },
        take: 1,
      });
      if (delivery) await alice.call('POST', fls(`entry_points/live/callbacks/${delivery.id}/replay`));
      return reached;
    };
    await expect.poll(waiting, { interval: 200 }).toEqual([ALLOWED]);
    expect((await outcomes())[0]).toBe('callback_address_forbidden');
    expect(hits).toBe(0);
  });
});

it('the canary would have noticed', async () => {
  await fetch(`http://${FORBIDDEN}:${port}/`);
  expect(hits).toBe(1);
});
