// What a stranger can take of the Web SDK's WebSocket. Counted, not timed: how many queries, sockets and messages.
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { PublishAccess } from '../apps/api/src/streams/tokens/publish-access.js';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { ANSWER, type ScriptedNode, startScriptedNode } from './support/scripted-node.js';
import { offer } from './support/sdp.js';

const PER_SECOND = 5;
/** Of RateLimit's window, s. */
const WINDOW_S = 10;
const SOCKETS = 20;
const TOKEN_WITHIN_MS = 1500;

let api: TestApp;
let node: ScriptedNode;
let alice: TestCustomer;
let token: string;
const sockets: WebSocket[] = [];

beforeAll(async () => {
  api = await startApp({
    WHIP_ADDRESS_REQUESTS_PER_SECOND: String(PER_SECOND),
    FLASHPHONER_WS_SOCKETS_PER_ADDRESS: String(SOCKETS),
    FLASHPHONER_WS_TOKEN_WITHIN_MS: String(TOKEN_WITHIN_MS),
    // Each test comes from an address of its own.
    TRUSTED_PROXIES: '1',
  });
  node = await startScriptedNode(api);
  alice = await api.customer();
  token = (
    (await alice.call('POST', `/v1/projects/${alice.appid}/fls/entry_points/live/publish_tokens`, {})).body as {
      token: string;
    }
  ).token;
});
afterAll(async () => {
  for (const socket of sockets) socket.terminate();
  await node?.stop();
  await api?.stop();
});

interface Client {
  socket: WebSocket;
  received: unknown[];
  code: number | null;
}

/** Rejects with the status of a refused upgrade. */
async function open(address: string): Promise<Client> {
  const socket = new WebSocket(`${api.url.replace('http', 'ws')}/websocket`, {
    headers: { 'x-forwarded-for': address },
  });
  sockets.push(socket);
  const client: Client = { socket, received: [], code: null };
  socket
    .on('message', (data: Buffer) => client.received.push(JSON.parse(data.toString('utf8'))))
    .on('close', (code) => (client.code = code));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  return client;
}
const send = ({ socket }: Client, message: string, data: object): void =>
  socket.send(JSON.stringify({ message, data: [data] }));
const publishing = (name: string, more: object = {}) => ({
  mediaSessionId: name,
  name,
  published: true,
  sdp: offer(),
  ...more,
});

it('forged publications of one address are looked up as often as WHIP would look them up', async () => {
  const looked = vi.spyOn(api.app.get(PublishAccess), 'authorise');
  // Of a real project, or nothing would have to be looked up.
  const forged = `${token.slice(0, -4)}AAAA`;
  for (let round = 0; round < 5; round += 1) {
    const opened = await Promise.allSettled(Array.from({ length: SOCKETS }, () => open('192.0.2.1')));
    const clients = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    for (const client of clients) {
      send(client, 'connection', { appKey: 'defaultApp' });
      for (let i = 0; i < 50; i += 1) send(client, 'publishStream', publishing(`f${i}`, { custom: { token: forged } }));
    }
    if (round === 0) await expect.poll(() => looked.mock.calls.length).toBeGreaterThanOrEqual(PER_SECOND * WINDOW_S);
    await Promise.all(
      clients.map(
        ({ socket }) =>
          new Promise((resolve) =>
            socket.readyState === WebSocket.CLOSED ? resolve(null) : socket.once('close', resolve).close(),
          ),
      ),
    );
  }
  // Two windows, if one has just begun.
  expect(looked.mock.calls.length).toBeLessThanOrEqual(2 * PER_SECOND * WINDOW_S);
  looked.mockRestore();
  // Nobody else notices.
  const other = await open('192.0.2.2');
  send(other, 'connection', { authToken: token });
  send(other, 'publishStream', publishing('fine'));
  await expect.poll(() => other.received).toContainEqual({ message: 'setRemoteSDP', data: ['fine', ANSWER] });
});

it('a connection whose tokens are refused again and again is closed', async () => {
  const client = await open('192.0.2.3');
  send(client, 'connection', {});
  for (let i = 0; i < 10; i += 1) send(client, 'publishStream', publishing(`g${i}`, { custom: { token: 'a.b.c' } }));
  await expect.poll(() => client.code).toBe(1008);
  expect(client.received.filter((message) => JSON.stringify(message).includes('FAILED')).length).toBeLessThanOrEqual(5);
});

it('one address has so many sockets, and gets one for each that it closes', async () => {
  const held = await Promise.all(Array.from({ length: SOCKETS }, () => open('192.0.2.4')));
  await expect(open('192.0.2.4')).rejects.toThrow('429');
  expect((await open('192.0.2.5')).socket.readyState).toBe(WebSocket.OPEN);
  held[0]?.socket.terminate();
  await expect.poll(() => open('192.0.2.4').then(() => 'open', String)).toBe('open');
  // What is no WebSocket takes no place for longer than its refusal.
  const bad = () =>
    fetch(`${api.url}/websocket`, {
      headers: { 'x-forwarded-for': '192.0.2.6', upgrade: 'websocket', connection: 'upgrade' },
    }).then(
      ({ status }) => status,
      () => 0,
    );
  for (let i = 0; i < 3 * SOCKETS; i += 1) await bad();
  await expect.poll(() => open('192.0.2.6').then(() => 'open', String)).toBe('open');
});

it('who brings no token is told why and closed; who has brought one stays', async () => {
  const silent = await open('192.0.2.7');
  const anonymous = await open('192.0.2.7');
  send(anonymous, 'connection', { appKey: 'defaultApp' });
  const known = await open('192.0.2.7');
  send(known, 'connection', { authToken: token });
  await expect.poll(() => [silent.code, anonymous.code], { timeout: 5 * TOKEN_WITHIN_MS }).toEqual([1008, 1008]);
  for (const { received } of [silent, anonymous])
    expect(received.at(-1)).toMatchObject({
      message: 'fail',
      data: [{ info: expect.stringMatching(/^No publish token: .*token=/) as string }],
    });
  expect(known.code).toBeNull();
  send(known, 'ping', {});
  await expect.poll(() => known.received.at(-1)).toEqual({ message: 'pong', data: [null] });
});

it('who sends more messages than any page is closed, with a token or without', async () => {
  const client = await open('192.0.2.8');
  send(client, 'connection', { authToken: token });
  for (let i = 0; i < 1000; i += 1) send(client, 'ping', {});
  await expect.poll(() => client.code).toBe(1008);
  expect(client.received.length).toBeLessThanOrEqual(65);
});
