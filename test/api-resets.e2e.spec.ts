// Whoever hangs up, at whatever moment and at whatever port, ends nothing but its own request: the API goes on as the same process.
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { basic, startApp, type TestApp, type TestCustomer } from './support/app.js';
import { type ApiProcess, startApiProcess } from './support/api-process.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';
import { offer } from './support/sdp.js';

let api: TestApp;
let node: ScriptedNode;
let alice: TestCustomer;
let operator: TestCustomer;
let tested: ApiProcess;
let token: string;

beforeAll(async () => {
  api = await startApp({ QUOTA_STREAMS: '1000' });
  node = await startScriptedNode(api, { slots: 1000 });
  [alice, operator] = [await api.customer(), await api.customer('operator')];
  token = (
    (await alice.call('POST', `/v1/projects/${alice.appid}/fls/entry_points/live/publish_tokens`)).body as {
      token: string;
    }
  ).token;
  tested = await startApiProcess({ FLASHPHONER_WS_SOCKETS_PER_ADDRESS: '0' });
});
afterAll(async () => {
  await tested?.stop();
  await node?.stop();
  await api?.stop();
});

/** What the process that it is does on each of its ports, and what came as far as its last resort. */
async function health(): Promise<object> {
  if (tested.child.exitCode !== null) return { ended: tested.log.slice(-5).join('\n') };
  const status = async (url: string) =>
    (await fetch(url, { headers: { authorization: basic(alice.id, alice.secret) } })).status;
  const strays = await tested.metric('manycast_stray_errors_total', basic(operator.id, operator.secret));
  return {
    api: await status(`${tested.url}/v1/me`),
    rest: await status(`http://127.0.0.1:${tested.ports.rest}/rest-api/push/find_all`),
    ws: await status(`http://127.0.0.1:${tested.ports.ws}/`),
    strays,
  };
}
const strays = (kind: string): string => `manycast_stray_errors_total{kind="${kind}"} 0`;
/** Without any push, the vendor's answer to find_all is 404. */
const UNHARMED = { api: 200, rest: 404, ws: 426, strays: ['rejection', 'socket', 'exception'].map(strays) };

/** When a connection is reset: as soon as its text is on its way, at the answer's first byte, or a moment later. */
type Moment = 'sent' | 'answered' | 'later';
const LATER_MS = 5;

/** Resolves once the connection is gone, reset by us at that moment. */
const reset = (port: number, text: string | Buffer, moment: Moment): Promise<void> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(text, () => {
        if (moment === 'sent') socket.resetAndDestroy();
        // What is no whole request is never answered.
        else setTimeout(() => socket.resetAndDestroy(), moment === 'later' ? LATER_MS : 50).unref();
      });
    });
    socket
      .on('data', () => moment === 'answered' && socket.resetAndDestroy())
      .on('error', () => undefined)
      .on('close', () => resolve());
  });

const request = (line: string, headers: Record<string, string> = {}, body = ''): string =>
  `${line} HTTP/1.1\r\n${Object.entries({ host: 'x', ...headers })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n${body}`;
const auth = () => ({ authorization: basic(alice.id, alice.secret) });
const upgrade = (more: Record<string, string> = {}) => ({
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  ...more,
});
/** A client's text frame, masked with nothing. */
const frame = (text: string): Buffer =>
  Buffer.concat([Buffer.from([0x81, 0x80 | 126, text.length >> 8, text.length & 255, 0, 0, 0, 0]), Buffer.from(text)]);
const afterUpgrade = (...frames: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from(request('GET /websocket', upgrade())), ...frames]);
const message = (name: string, data: object): Buffer => frame(JSON.stringify({ message: name, data: [data] }));

const fls = () => `/v1/projects/${alice.appid}/fls`;
const STAGES: Record<string, () => string | Buffer> = {
  nothing: () => '',
  'half a request line': () => 'GET /v1/',
  'half the headers': () => 'GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthor',
  'half a body': () =>
    request(
      `PATCH ${fls()}/entry_points/live/settings/transfer`,
      { ...auth(), 'content-length': '1000' },
      '{"enabled":',
    ),
  'half a chunk': () =>
    request(
      `PATCH ${fls()}/entry_points/live/settings/transfer`,
      { ...auth(), 'transfer-encoding': 'chunked' },
      '400\r\n{"enabled":',
    ),
  'what is no HTTP': () => '\x16\x03\x01\x02\x00\x01\x00\x01',
  'a request that waits for 100': () =>
    request('POST /rest-api/push/find', { ...auth(), expect: '100-continue', 'content-length': '20' }),
  'a request': () => request('GET /v1/me', auth()),
  'a long answer': () => request('GET /openapi.json'),
  'a page': () => request('GET /'),
  'many requests at once': () => request('GET /openapi.json').repeat(20),
  'a method that opens a tunnel': () => request('CONNECT example.com:443'),
  'a REST call of the vendor': () =>
    request('POST /rest-api/push/find', { ...auth(), 'content-length': '24' }, '{"streamName":"nobody"} '),
  metrics: () => request('GET /metrics', { authorization: basic(operator.id, operator.secret) }),
  'an event stream': () => request(`GET ${fls()}/events/stream`, auth()),
  'an upgrade on a wrong path': () => request('GET /nope', upgrade()),
  'an upgrade without a version': () => request('GET /nope', { connection: 'Upgrade', upgrade: 'websocket' }),
  'half an upgrade': () => request('GET /websocket', upgrade()).slice(0, -20),
  'an upgrade': () => request('GET /websocket', upgrade()),
  'an upgrade of a wrong version': () => request('GET /websocket', upgrade({ 'sec-websocket-version': '7' })),
  'an upgrade with a bad key': () => request('GET /websocket', upgrade({ 'sec-websocket-key': 'x' })),
  'an upgrade by POST': () => request('POST /websocket', upgrade({ 'content-length': '5' }), 'hello'),
  'an upgrade to h2c': () =>
    request('GET /v1/me', {
      ...auth(),
      connection: 'Upgrade, HTTP2-Settings',
      upgrade: 'h2c',
      'http2-settings': 'AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA',
    }),
  'a WebSocket frame': () => afterUpgrade(message('ping', {})),
  'half a WebSocket frame': () => afterUpgrade(message('connection', { appKey: 'x' }).subarray(0, 20)),
  'a WebSocket frame without mask': () => afterUpgrade(Buffer.from([0x81, 0x02, 0x7b, 0x7d])),
  'a connection of the SDK': () => afterUpgrade(message('connection', { authToken: token })),
  'a publication of the SDK': () =>
    afterUpgrade(
      message('connection', { authToken: token }),
      message('publishStream', { mediaSessionId: 'm', name: `s${Math.random()}`, sdp: offer() }),
    ),
  'half an offer': () =>
    request(
      `POST /whip/${alice.appid}/live/half`,
      { authorization: `Bearer ${token}`, 'content-type': 'application/sdp', 'content-length': '5000' },
      offer(),
    ),
  'an offer': () =>
    request(
      `POST /whip/${alice.appid}/live/s${Math.random()}`,
      { authorization: `Bearer ${token}`, 'content-type': 'application/sdp', 'content-length': String(offer().length) },
      offer(),
    ),
  'a DELETE of no session': () => request('DELETE /whip/sessions/xxxxxxxxxxxxxxxxxxxxxxxx'),
};
const ROUNDS = 200;
const AT_ONCE = 50;

describe.each(['api', 'rest', 'ws'] as const)('a connection to the %s port that is reset after', (port) => {
  it.each(Object.keys(STAGES))(
    '%s',
    async (stage) => {
      for (let round = 0; round < ROUNDS; round += AT_ONCE) {
        const moments = Array.from(
          { length: AT_ONCE },
          (_, i) => (['sent', 'answered', 'later'] as const)[i % 3] ?? 'sent',
        );
        await Promise.all(
          moments.map((moment) => reset(tested.ports[port], (STAGES[stage] as () => string | Buffer)(), moment)),
        );
      }
      expect(await health()).toEqual(UNHARMED);
    },
    60_000,
  );
});

it('publishers that come and go at once, and ask for what a node does not have, end nothing', async () => {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/sdp' };
  const post = async (name: string) =>
    (
      await fetch(`${tested.url}/whip/${alice.appid}/live/${name}`, { method: 'POST', headers, body: offer() })
    ).headers.get('location') ?? '/whip/sessions/none';
  const fragment = 'a=ice-ufrag:user\r\na=ice-pwd:passwordpasswordpassword\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n';
  const patch = (session: string, more = {}) =>
    fetch(tested.url + session, {
      method: 'PATCH',
      headers: { 'content-type': 'application/trickle-ice-sdpfrag', ...more },
      body: fragment,
    });
  node.publishScript = { refuse: 'unknown_stream', message: 'this node does not run this stream' };
  node.restartScript = { refuse: 'unknown_session', message: 'this node does not run this stream' };
  const statuses = new Set<number>();
  for (let round = 0; round < 10; round += 1) {
    const rounds = Array.from({ length: 10 }, async (_, i) => {
      const session = await post(`race${i % 5}`);
      const remove = () => fetch(tested.url + session, { method: 'DELETE' });
      const answers = await Promise.all([
        remove(),
        patch(session),
        patch(session, { 'if-match': '*' }),
        post(`race${i % 5}`),
        remove(),
      ]);
      for (const answer of answers) if (typeof answer !== 'string') statuses.add(answer.status);
    });
    await Promise.all(rounds);
  }
  expect([...statuses].filter((status) => status >= 500 && status !== 503)).toEqual([]);
  expect(await health()).toEqual(UNHARMED);
}, 60_000);

it('WebSockets that are closed in every way end nothing', async () => {
  const ways: ((socket: WebSocket) => void)[] = [
    (socket) => socket.close(),
    (socket) => socket.terminate(),
    (socket) => socket.close(4000, 'x'),
    (socket) => socket.send(Buffer.alloc(70_000)),
    (socket) => socket.send('not the protocol'),
  ];
  for (let round = 0; round < 100; round += 1) {
    await Promise.all(
      ways.map(
        (end) =>
          new Promise<void>((resolve) => {
            const socket = new WebSocket(`ws://127.0.0.1:${tested.ports.ws}/`);
            socket.on('open', () => {
              socket.send(JSON.stringify({ message: 'connection', data: [{ authToken: token }] }));
              end(socket);
            });
            socket.on('error', () => undefined).on('close', () => resolve());
          }),
      ),
    );
  }
  expect(await health()).toEqual(UNHARMED);
}, 60_000);
