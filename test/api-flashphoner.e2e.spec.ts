import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ANSWER } from './support/scripted-node.js';
import {
  useFlashphonerApi,
  api,
  node,
  alice,
  token,
  application,
  hooks,
  answerWith,
  clients,
  fls,
  tokenFor,
  type Message,
  type Client,
} from './support/flashphoner-api.js';

useFlashphonerApi();

const OFFER = [
  'v=0',
  'o=- 1 1 IN IP4 0.0.0.0',
  's=-',
  't=0 0',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111',
  'c=IN IP4 0.0.0.0',
  'a=sendrecv',
  'a=mid:0',
  'a=rtpmap:111 opus/48000/2',
  'a=ice-ufrag:abcd',
  'a=ice-pwd:0123456789012345678901',
  'a=setup:actpass',
  `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => 'AB').join(':')}`,
  'a=rtcp-mux',
  '',
].join('\r\n');

async function open(path = '/websocket'): Promise<Client> {
  const socket = new WebSocket(api.url.replace('http', 'ws') + path);
  let code: number | undefined;
  const received: Message[] = [];
  socket.on('close', (given) => (code = given));
  socket.on('message', (data: Buffer) => {
    const { message, data: args } = JSON.parse(data.toString()) as { message: string; data: unknown[] };
    received.push([message, ...args]);
  });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const client: Client = {
    socket,
    received,
    code: () => code,
    send: (message, data) => socket.send(JSON.stringify({ message, data: [data] })),
  };
  clients.push(client);
  return client;
}

async function connected(data: object = { authToken: token }): Promise<Client> {
  const client = await open();
  client.send('connection', { appKey: 'defaultApp', ...data });
  await expect.poll(() => client.received).toMatchObject([['getUserData', { status: 'ESTABLISHED' }]]);
  client.received.length = 0;
  return client;
}

const publish = (client: Client, more: object = {}) =>
  client.send('publishStream', { mediaSessionId: 'm1', name: 'show', published: true, sdp: OFFER, ...more });
/** As a worker writes it at the first media. */
const heard = async () => {
  await api.prisma.stream.updateMany({ data: { state: 'live' } });
  await api.prisma.session.updateMany({ where: { endedAt: null }, data: { heardAt: new Date() } });
};
const appUrl = () => `http://127.0.0.1:${(application.address() as AddressInfo).port}`;
const settings = async (body: object, entryPoint = 'live') =>
  expect((await alice.call('PATCH', fls(`${entryPoint}/settings/push`), body)).status).toBe(200);

describe("the Web SDK's protocol", () => {
  it('answers an offer by setRemoteSDP with two arguments', async () => {
    const client = await connected();
    publish(client);
    await expect.poll(() => client.received).toEqual([['setRemoteSDP', 'm1', ANSWER]]);
    await heard();
    await expect
      .poll(() => client.received[1])
      .toEqual([
        'notifyStreamStatusEvent',
        { mediaSessionId: 'm1', name: 'show', published: true, status: 'PUBLISHING' },
      ]);
    client.send('unPublishStream', { mediaSessionId: 'm1', name: 'show' });
    await expect
      .poll(() => client.received[2])
      .toEqual([
        'notifyStreamStatusEvent',
        { mediaSessionId: 'm1', name: 'show', published: true, status: 'UNPUBLISHED', info: 'Stopped by user' },
      ]);
    expect(node.requests.map(([op]) => op)).toContain('endSession');
    // The same id is free again.
    publish(client);
    await expect.poll(() => client.received[3]).toEqual(['setRemoteSDP', 'm1', ANSWER]);
  });

  it('refuses a name that is live already', async () => {
    const [first, second] = [await connected(), await connected()];
    publish(first);
    await expect.poll(() => first.received).toHaveLength(1);
    await api.prisma.stream.updateMany({ data: { state: 'live' } });
    publish(second);
    await expect
      .poll(() => second.received)
      .toMatchObject([['notifyStreamStatusEvent', { status: 'FAILED', info: 'Stream name is already in use' }]]);
    await api.prisma.stream.updateMany({ data: { state: 'reconnecting' } });
    publish(second);
    await expect.poll(() => second.received[1]).toEqual(['setRemoteSDP', 'm1', ANSWER]);
  });

  it("tells a page what becomes of its own session, not of another one's", async () => {
    const [first, second] = [await connected(), await connected()];
    publish(first);
    await expect.poll(() => first.received).toHaveLength(1);
    await heard();
    await expect.poll(() => first.received[1]).toMatchObject(['notifyStreamStatusEvent', { status: 'PUBLISHING' }]);
    await api.prisma.stream.updateMany({ data: { state: 'reconnecting' } });
    publish(second);
    await expect.poll(() => second.received).toHaveLength(1);
    // The first one came back: media is heard, but not the second one's.
    await api.prisma.stream.updateMany({ data: { state: 'live' } });
    const [, own] = await api.prisma.session.findMany({ orderBy: { createdAt: 'asc' } });
    await api.prisma.session.updateMany({
      where: { id: own?.id },
      data: { endedAt: new Date(), reason: 'ice_timeout' },
    });
    await expect
      .poll(() => second.received.slice(1))
      .toMatchObject([['notifyStreamStatusEvent', { status: 'FAILED', info: 'Failed by ICE timeout' }]]);
    expect(first.received).toHaveLength(2);
    await api.prisma.session.updateMany({
      where: { endedAt: null },
      data: { endedAt: new Date(), reason: 'taken_over' },
    });
    await expect
      .poll(() => first.received[2])
      .toMatchObject([
        'notifyStreamStatusEvent',
        { status: 'FAILED', info: 'Another session of the same stream took over.' },
      ]);
  });

  it('tells how a stream ended', async () => {
    const client = await connected();
    for (const [reason, status, info] of [
      ['ice_timeout', 'FAILED', 'Failed by ICE timeout'],
      ['kicked', 'UNPUBLISHED', 'Stopped by rest /terminate'],
      ['node_lost', 'FAILED', 'The node that ran the stream went away.'],
    ]) {
      client.received.length = 0;
      publish(client, { mediaSessionId: reason });
      await expect.poll(() => client.received).toHaveLength(1);
      await api.prisma.stream.updateMany({
        where: { state: { not: 'ended' } },
        data: { state: 'ended', reason, endedAt: new Date() },
      });
      await expect
        .poll(() => client.received[1])
        .toMatchObject(['notifyStreamStatusEvent', { mediaSessionId: reason, status, info }]);
    }
  });

  it('gives a stream up that is unpublished, or whose page goes, before it was answered', async () => {
    node.script = 'silence';
    const running = () => api.prisma.stream.count({ where: { state: { not: 'ended' } } });
    const client = await connected();
    publish(client);
    await expect.poll(running).toBe(1);
    client.send('unPublishStream', { mediaSessionId: 'm1' });
    await expect.poll(() => client.received).toMatchObject([['notifyStreamStatusEvent', { status: 'FAILED' }]]);
    expect(await running()).toBe(0);
    publish(client);
    await expect.poll(running).toBe(1);
    client.socket.terminate();
    await expect.poll(running).toBe(0);
  });

  it('says that no node has room', async () => {
    node.script = { refuse: 'no_free_slot', message: 'full' };
    const client = await connected();
    publish(client);
    await expect
      .poll(() => client.received)
      .toEqual([
        [
          'notifyStreamStatusEvent',
          expect.objectContaining({ status: 'FAILED', info: 'No node has room for another stream right now.' }),
        ],
      ]);
  });

  it('answers ping, closes on anything that is not this protocol, and hears nothing before connection', async () => {
    const client = await open();
    client.send('ping', null);
    await expect.poll(() => client.received).toEqual([['pong', null]]);
    publish(client, { custom: { token } });
    client.send('playStream', { mediaSessionId: 'm2' });
    client.send('ping', null);
    await expect
      .poll(() => client.received)
      .toEqual([
        ['pong', null],
        ['pong', null],
      ]);
    for (const text of ['hello', '[]', '{"message":1}', 'null']) {
      const other = await open();
      other.socket.send(text);
      await expect.poll(() => other.code()).toBe(1008);
    }
    const big = await open();
    big.socket.send('x'.repeat(70_000));
    await expect.poll(() => big.code()).toBe(1009);
  });

  it('refuses bad tokens at once, and streams without one', async () => {
    for (const authToken of ['x', `${token}x`, 'a.b.c']) {
      const client = await open();
      client.send('connection', { authToken });
      await expect
        .poll(() => client.received)
        .toMatchObject([['fail', { apiMethod: 'ConnectionStatusEvent', status: 'FAILED' }]]);
      await expect.poll(() => client.code()).toBe(1008);
    }
    const client = await connected({});
    publish(client);
    await expect
      .poll(() => client.received)
      .toMatchObject([
        [
          'notifyStreamStatusEvent',
          { status: 'FAILED', info: expect.stringMatching(/^No publish token: .*\?token=/) as string },
        ],
      ]);
    publish(client, { custom: { token } });
    await expect.poll(() => client.received).toHaveLength(2);
    expect(client.received[1]?.[0]).toBe('setRemoteSDP');
  });

  it('is at /websocket only', async () => {
    await expect(open('/other')).rejects.toThrow('404');
    expect((await api.anonymous('GET', '/websocket')).status).toBe(404);
  });

  it('pushes nothing where publishers may not', async () => {
    await settings({ publishersMayPush: false });
    const client = await connected();
    publish(client, { rtmpUrl: 'rtmp://127.0.0.1/live' });
    await expect.poll(() => client.received).toHaveLength(1);
    await heard();
    await expect
      .poll(() => client.received.at(-1))
      .toMatchObject(['fail', { info: expect.stringContaining('Publishers may not push') as string }]);
    expect(await api.prisma.transfer.count()).toBe(0);
  });
});

describe('REST hooks', () => {
  it('that fail are no obstacle, unless the application said so when it was asked to connect', async () => {
    await settings({ appUrl: appUrl() }, 'hooked');
    const authToken = await tokenFor('hooked');
    answerWith(500, {});
    const lenient = await connected({ authToken });
    publish(lenient);
    await expect.poll(() => lenient.received[0]?.[0]).toBe('setRemoteSDP');
    expect(hooks).toEqual(['connect', 'ConnectionStatusEvent', 'publishStream']);
    lenient.socket.terminate();
    await expect.poll(() => hooks.at(-1)).toBe('ConnectionStatusEvent');

    answerWith(200, { restClientConfig: { publishStream: { restOnError: 'FAIL' } } });
    const strict = await connected({ authToken });
    answerWith(500, {});
    publish(strict, { name: 'other' });
    await expect
      .poll(() => strict.received)
      .toMatchObject([['notifyStreamStatusEvent', { status: 'FAILED', info: 'Forbidden by the application' }]]);
    expect(await api.prisma.stream.count({ where: { name: 'other' } })).toBe(0);
  });
});
