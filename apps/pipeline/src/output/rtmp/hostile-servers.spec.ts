// What servers do that go wrong or mean harm: at each step one sentence to the customer, and nothing that reaches other outputs.
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { AllowList } from '#libs/net';
import { parseTransferUrl, TransferError } from '#libs/transfer';
import { type AmfValue, decodeAmf, encodeAmf } from './amf0.js';
import { ChunkReader, MESSAGE, type Message, toChunks } from './chunks.js';
import { type PublisherOptions, RtmpPublisher } from './rtmp-publisher.js';

const KEY = 'k3y-SECRET';
const loopback = AllowList.parse('127.0.0.0/8');
const closers: (() => unknown)[] = [];

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

/** One connection as the server sees it. */
interface Peer {
  socket: Socket;
  /** All that the client said. */
  messages: Message[];
  send: (type: number, body: Buffer) => void;
  command: (name: string, transaction: number, ...values: AmfValue[]) => void;
  status: (code: string, level?: string, description?: string) => void;
}

type Act = (peer: Peer, transaction: number) => void;
/** What to do at a command; without a script it is done properly, or ignored. */
type Script = Partial<Record<'shaken' | 'connect' | 'FCPublish' | 'createStream' | 'publish' | 'FCUnpublish', Act>>;

const proper: Script = {
  connect: (peer, transaction) => peer.command('_result', transaction, {}, { level: 'status', code: 'NetConnection.Connect.Success' }),
  createStream: (peer, transaction) => peer.command('_result', transaction, null, 1),
  publish: (peer) => peer.status('NetStream.Publish.Start', 'status'),
};

async function serve(script: Script = {}): Promise<{ port: number; peers: Peer[] }> {
  const peers: Peer[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => peers.push(converse(socket, { ...proper, ...script })));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const { socket } of peers) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, peers };
}

function converse(socket: Socket, script: Script): Peer {
  const reader = new ChunkReader();
  const send = (type: number, body: Buffer): void => void socket.write(Buffer.concat(toChunks(3, { type, streamId: 0, timestamp: 0, body }, 128)));
  const command = (name: string, ...values: AmfValue[]): void => send(MESSAGE.command, encodeAmf(name, ...values));
  const status = (code: string, level = 'error', description = ''): void => command('onStatus', 0, null, { level, code, description });
  const peer: Peer = { socket, messages: [], send, command, status };
  let hello: Buffer | null = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (data: Buffer) => {
    if (hello) {
      if (hello.length === 0) socket.write(Buffer.alloc(1 + 2 * 1536, 3));
      hello = Buffer.concat([hello, data]);
      if (hello.length < 1 + 2 * 1536) return;
      data = hello.subarray(1 + 2 * 1536);
      hello = null;
      script.shaken?.(peer, 0);
    }
    for (const message of reader.push(data)) {
      peer.messages.push(message);
      if (message.type !== MESSAGE.command) continue;
      const [name, transaction] = decodeAmf(message.body);
      script[name as keyof Script]?.(peer, transaction as number);
    }
  });
  return peer;
}

const target = (port: number) => parseTransferUrl(`rtmp://127.0.0.1:${port}/live/${KEY}`);

async function connect(port: number, options: Partial<PublisherOptions> = {}): Promise<RtmpPublisher> {
  const publisher = await RtmpPublisher.connect(target(port), { allowList: loopback, ...options }, new AbortController().signal);
  closers.push(() => publisher.close({ clean: false, deadlineMs: 0 }));
  return publisher;
}

const failure = (port: number, options: Partial<PublisherOptions> = {}): Promise<TransferError> =>
  connect(port, options).then(
    () => expect.unreachable('connected'),
    (error: TransferError) => error,
  );

const end = (publisher: RtmpPublisher): Promise<TransferError | null> => new Promise((resolve) => publisher.onClose(resolve));
const uint32 = (value: number): Buffer => Buffer.from([value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]);

describe('before the publish is accepted', () => {
  it.each<[string, Script, string, string?]>([
    ['resets after the handshake', { shaken: ({ socket }) => socket.resetAndDestroy() }, 'closed_by_platform', 'in answer to connect'],
    ['resets at connect', { connect: ({ socket }) => socket.resetAndDestroy() }, 'closed_by_platform', 'in answer to connect'],
    ['resets at createStream', { createStream: ({ socket }) => socket.resetAndDestroy() }, 'closed_by_platform', 'in answer to createStream'],
    ['resets at publish', { publish: ({ socket }) => socket.resetAndDestroy() }, 'closed_by_platform', 'in answer to publish'],
    ['closes by command at publish', { publish: (peer) => peer.command('close', 0, null) }, 'closed_by_platform', 'in answer to publish'],
    ['refuses connect in a result', { connect: (peer, id) => peer.command('_result', id, null, { level: 'error', code: 'NetConnection.Connect.Rejected' }) }, 'connect_rejected'],
    ['refuses the key at FCPublish', { FCPublish: (peer) => peer.status('NetStream.Publish.BadName', 'error', `${KEY} is already publishing`), createStream: () => undefined }, 'stream_name_in_use', '*** is already publishing'],
    ['refuses the key with an error answer', { publish: (peer, id) => peer.command('_error', id, null, { level: 'error', code: 'NetStream.Publish.Denied', description: KEY }) }, 'publish_denied', 'NetStream.Publish.Denied: ***'],
    ['refuses at the level of a status', { publish: (peer) => peer.status('NetStream.Publish.Unauthorized', 'status') }, 'publish_denied'],
    ['fails in its own words', { publish: (peer) => peer.status('Broken.Somehow') }, 'publish_denied', 'Broken.Somehow'],
    ['closes the connection by status', { publish: (peer) => peer.status('NetConnection.Connect.Closed', 'status') }, 'closed_by_platform'],
    ['names the key badly whatever the key is called', { publish: (peer) => peer.status('NetStream.Publish.BadName', 'error', `invalid: ${KEY}`) }, 'publish_denied'],
    ['answers with a stream that cannot be', { createStream: (peer, id) => peer.command('_result', id, null, -1) }, 'handshake_failed', 'createStream gave no stream'],
    ['answers with a stream that is no number', { createStream: (peer, id) => peer.command('_result', id, null, NaN) }, 'handshake_failed', 'createStream gave no stream'],
    ['announces a message of 16 MiB', { connect: ({ socket }) => socket.write(Buffer.from([3, 0, 0, 0, 0xff, 0xff, 0xff, 20, 0, 0, 0, 0])) }, 'handshake_failed', 'connect: a message of'],
    ['sends no chunks', { connect: ({ socket }) => socket.write(Buffer.alloc(64, 0xff)) }, 'handshake_failed'],
    ['answers with a stream that cannot be read', { createStream: (peer, id) => peer.send(MESSAGE.command, Buffer.concat([encodeAmf('_result', id, null), Buffer.from([0, 1])])) }, 'handshake_failed', 'createStream gave no stream (its answer cannot be read: ends too early)'],
    ['answers with nesting without end', { createStream: (peer, id) => peer.send(MESSAGE.command, Buffer.concat([encodeAmf('_result', id), Buffer.from('03000161'.repeat(5000), 'hex')])) }, 'handshake_failed', 'nested too deeply'],
    ['answers with values without end', { createStream: (peer, id) => peer.send(MESSAGE.command, Buffer.concat([encodeAmf('_result', id), Buffer.alloc(60_000, 5)])) }, 'handshake_failed', 'createStream gave no stream'],
    ['refuses the key and says more than can be read', { publish: (peer) => peer.send(MESSAGE.command, encodeAmf('onStatus', 0, null, { level: 'error', code: 'NetStream.Publish.Denied', description: 'no such key' }).subarray(0, -6)) }, 'publish_denied', 'NetStream.Publish.Denied'],
  ])('a server that %s', async (_, script, code, detail = '') => {
    const { port, peers } = await serve(script);
    const error = await failure(port);
    expect(error).toBeInstanceOf(TransferError);
    expect(error.code).toBe(code);
    expect(error.detail ?? '').toContain(detail);
    expect(String(error)).not.toContain(KEY);
    await expect.poll(() => peers.every(({ socket }) => socket.destroyed || socket.readableEnded)).toBe(true);
  });

  it('a start that was not asked for is none', async () => {
    const { port } = await serve({ FCPublish: (peer) => peer.status('NetStream.Publish.Start', 'status'), publish: () => undefined });
    expect(await failure(port, { deadlines: { publishMs: 200 } })).toMatchObject({ code: 'publish_timeout', detail: 'no answer to publish in time' });
  });

  it.each<[string, Script]>([
    ['answers publish with a result and no status', { publish: (peer, id) => peer.command('_result', id, null) }],
    ['answers publish with the status as a result', { publish: (peer, id) => peer.command('_result', id, null, { level: 'status', code: 'NetStream.Publish.Start' }) }],
    ['cannot record', { publish: (peer, id) => (peer.status('NetStream.Record.NoAccess'), proper.publish?.(peer, id)) }],
    ['refuses releaseStream and FCPublish', { FCPublish: (peer, id) => (peer.command('_error', id - 1, null, { level: 'error' }), peer.command('_error', id, null, { level: 'error' })) }],
    ['announces no window and never acknowledges', {}],
  ])('a server that %s is published to all the same', async (_, script) => {
    const { port, peers } = await serve(script);
    const publisher = await connect(port);
    publisher.sendVideo(0, Buffer.alloc(1000));
    await expect.poll(() => peers[0]?.messages.some(({ type }) => type === MESSAGE.video)).toBe(true);
  });

  it('a refusal after the result is one', async () => {
    const { port } = await serve({ publish: (peer, id) => (peer.command('_result', id, null), peer.status('NetStream.Publish.BadName', 'error', 'denied')) });
    expect(await failure(port)).toMatchObject({ code: 'publish_denied' });
  });

  it('a refusal does not depend on words in the key', async () => {
    const { port } = await serve({ publish: (peer) => peer.status('NetStream.Publish.BadName', 'error', 'invalid-name') });
    const named = parseTransferUrl(`rtmp://127.0.0.1:${port}/live/invalid-name`);
    await expect(RtmpPublisher.connect(named, { allowList: loopback }, AbortSignal.timeout(2000))).rejects.toMatchObject({ code: 'stream_name_in_use' });
  });
});

describe('after the publish was accepted', () => {
  it.each<[string, Act, string, string?]>([
    ['unpublishes in the same packet', (peer) => peer.status('NetStream.Unpublish.Success', 'status', `${KEY} is over`), 'closed_by_platform', '*** is over'],
    ['says why and hangs up', (peer) => void (peer.status('NetStream.Publish.Denied', 'error', 'quota'), peer.socket.end()), 'closed_by_platform', 'quota'],
    ['closes by status', (peer) => peer.status('NetConnection.Connect.Closed', 'status'), 'closed_by_platform', 'NetConnection.Connect.Closed'],
    ['hangs up', ({ socket }) => socket.end(), 'closed_by_platform'],
    ['closes by command', (peer) => peer.command('close', 0, null), 'closed_by_platform'],
  ])('a server that %s', async (_, act, code, detail = '') => {
    const { port, peers } = await serve({
      publish: (peer, transaction) => {
        peer.socket.cork();
        proper.publish?.(peer, transaction);
        act(peer, transaction);
        process.nextTick(() => peer.socket.uncork());
      },
    });
    const publisher = await connect(port);
    const error = await end(publisher);
    expect(error?.code).toBe(code);
    expect(error?.detail ?? '').toContain(detail);
    publisher.sendVideo(1, Buffer.from([1]));
    publisher.sendMetadata({});
    // Told again to who asks later, and nothing is left open.
    expect(await end(publisher)).toBe(error);
    await expect.poll(() => peers[0]?.socket.destroyed || peers[0]?.socket.readableEnded).toBe(true);
  });

  it('a reset is a lost connection', async () => {
    const { port, peers } = await serve();
    const publisher = await connect(port);
    const ended = end(publisher);
    peers[0]?.socket.resetAndDestroy();
    expect(await ended).toMatchObject({ code: 'connection_lost', detail: 'ECONNRESET' });
  });

  it('nonsense is a lost connection', async () => {
    const { port, peers } = await serve();
    const publisher = await connect(port);
    peers[0]?.socket.write(Buffer.alloc(99, 0xff));
    expect(await end(publisher)).toMatchObject({ code: 'connection_lost', detail: 'it does not speak RTMP: a chunk continues what never began' });
    await expect.poll(() => peers[0]?.socket.destroyed || peers[0]?.socket.readableEnded).toBe(true);
  });

  it('statuses that are no end are none', async () => {
    const { port, peers } = await serve();
    const publisher = await connect(port);
    let ended = false;
    publisher.onClose(() => (ended = true));
    const peer = peers[0] as Peer;
    peer.status('NetStream.Publish.Idle', 'status');
    peer.status('NetStream.Record.Failed');
    peer.status('NetStream.Play.StreamNotFound');
    peer.command('onBWDone', 0, null, 8192);
    peer.command('_error', 999, null, { level: 'error', code: 'x' });
    peer.send(MESSAGE.userControl, Buffer.from([0, 6, 0, 0, 0, 1]));
    await expect.poll(() => peer.messages.some(({ type }) => type === MESSAGE.userControl)).toBe(true);
    expect(ended).toBe(false);
  });

  // Kinds of words that nobody waits for; none is seen from a server in good health alone.
  const REMARKS: [string, (peer: Peer) => void][] = [
    ['a command with a value of an unknown kind', (peer) => peer.send(MESSAGE.command, Buffer.concat([encodeAmf('onBWDone', 0, null), Buffer.from([0x63])]))],
    ['a command that ends in a value', (peer) => peer.send(MESSAGE.command, encodeAmf('onFCPublish', 0, null, { code: 'NetStream.Publish.Start' }).subarray(0, -9))],
    ['a command in AMF3 values', (peer) => peer.send(MESSAGE.command, Buffer.concat([encodeAmf('onBWDone', 0), Buffer.from([0x11, 0x0a, 0x0b, 1])]))],
    ['a status that cannot be read', (peer) => peer.send(MESSAGE.command, Buffer.concat([encodeAmf('onStatus', 0, null), Buffer.from([0x11, 0x0a])]))],
    ['an answer to what was never asked', (peer) => peer.send(MESSAGE.command, encodeAmf('_result', 4711, null, 9))],
    ['a name that is no text', (peer) => peer.send(MESSAGE.command, encodeAmf(7, { a: 1 }))],
    ['no command at all', (peer) => peer.send(MESSAGE.command, Buffer.from([2, 0, 9, 1]))],
    ['an empty command', (peer) => peer.send(MESSAGE.command, Buffer.alloc(0))],
    ['nesting without end', (peer) => peer.send(MESSAGE.command, Buffer.from('03000161'.repeat(5000), 'hex'))],
    ['values without end', (peer) => peer.send(MESSAGE.command, Buffer.alloc(60_000, 5))],
    ['a command of 300 KB', (peer) => peer.send(MESSAGE.command, Buffer.concat([encodeAmf('onStatus', 0, null), Buffer.alloc(300_000, 0x63)]))],
    ['an empty AMF3 command', (peer) => peer.send(MESSAGE.commandAmf3, Buffer.alloc(0))],
    ['an AMF3 command of AMF3', (peer) => peer.send(MESSAGE.commandAmf3, Buffer.from([3, 6, 7, 0x61, 0x62, 0x63]))],
    ['data, AMF3 data, shared objects and aggregates of noise', (peer) => [MESSAGE.data, 15, 16, 19, 22].forEach((type) => peer.send(type, Buffer.from([0x63, 1, 2])))],
    ['audio and video', (peer) => [MESSAGE.audio, MESSAGE.video].forEach((type) => peer.send(type, Buffer.alloc(200_000, 1)))],
    ['message types that do not exist', (peer) => [0, 7, 10, 14, 21, 99, 255].forEach((type) => peer.send(type, Buffer.alloc(33, 0xff)))],
    ['control messages that are too short', (peer) => [MESSAGE.setChunkSize, MESSAGE.abort, MESSAGE.acknowledgement, MESSAGE.userControl, MESSAGE.windowAckSize, MESSAGE.setPeerBandwidth].forEach((type) => [0, 1, 3].forEach((length) => peer.send(type, Buffer.alloc(length))))],
    ['user control events that do not exist, and a short ping', (peer) => [Buffer.from([0, 32, 0, 0, 0, 1]), Buffer.from([1, 2, 3]), Buffer.from([0, 6]), Buffer.from([0, 6, 1]), Buffer.from([0, 31, ...Buffer.alloc(100)])].forEach((body) => peer.send(MESSAGE.userControl, body))],
    ['a chunk stream with a long number, of an old type of header', ({ socket }) => socket.write(Buffer.from([0x41, 0xff, 0xff, 0, 0, 7, 0, 0, 1, 20, 5]))],
    ['a long command with a large timestamp that is not repeated', ({ socket }) => socket.write(Buffer.concat([Buffer.from([5, 0xff, 0xff, 0xff, 0, 0, 200, 20, 0, 0, 0, 0, 0x77, 0x66, 0x55, 0x44]), Buffer.alloc(128, 5), Buffer.from([0xc5]), Buffer.alloc(72, 5)]))],
    ['a long command with a large timestamp that is repeated', ({ socket }) => socket.write(Buffer.concat([Buffer.from([5, 0xff, 0xff, 0xff, 0, 0, 200, 20, 0, 0, 0, 0, 0x77, 0x66, 0x55, 0x44]), Buffer.alloc(128, 5), Buffer.from([0xc5, 0x77, 0x66, 0x55, 0x44]), Buffer.alloc(72, 5)]))],
  ];

  it.each(REMARKS)('%s ends no connection, before and after the publish', async (_, remark) => {
    const { port, peers } = await serve({
      shaken: remark,
      createStream: (peer, id) => (remark(peer), proper.createStream?.(peer, id)),
      publish: (peer, id) => (remark(peer), proper.publish?.(peer, id)),
    });
    const publisher = await connect(port);
    let ended: TransferError | null | undefined;
    publisher.onClose((error) => (ended = error));
    const peer = peers[0] as Peer;
    remark(peer);
    // Answered after all that was said before it.
    peer.send(MESSAGE.userControl, Buffer.from([0, 6, 9, 9, 9, 9]));
    await expect.poll(() => peer.messages.filter(({ type }) => type === MESSAGE.userControl).at(-1)?.body.toString('hex')).toBe('000709090909');
    expect(ended).toBeUndefined();
  });

  it('a version of RTMP that does not exist is taken for RTMP, and letters are not', async () => {
    const hello = (version: number) => createServer((socket) => socket.on('error', () => undefined).once('data', () => socket.write(Buffer.alloc(1 + 2 * 1536, version))));
    const tried = async (version: number) => {
      const server = hello(version);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      closers.push(() => server.close());
      return (await failure((server.address() as AddressInfo).port, { deadlines: { connectMs: 100, handshakeMs: 1000 } })).detail;
    };
    expect(await tried(0)).toBe('no answer to connect in time');
    expect(await tried(31)).toBe('no answer to connect in time');
    expect(await tried(32)).toBe('the handshake: not RTMP');
  });

  it('AMF3 commands are understood, whose first byte is 0', async () => {
    const { port } = await serve({
      publish: (peer) => peer.send(MESSAGE.commandAmf3, Buffer.concat([Buffer.from([0]), encodeAmf('onStatus', 0, null, { level: 'status', code: 'NetStream.Publish.Start' })])),
    });
    expect((await connect(port)).bytesSent).toBeGreaterThan(3000);
  });

  it('the windows of acknowledgement are kept, the server’s and the one it wishes', async () => {
    const { port, peers } = await serve();
    await connect(port);
    const peer = peers[0] as Peer;
    const said = (type: number) => peer.messages.filter((message) => message.type === type).map(({ body }) => body.readUInt32BE());
    expect(said(MESSAGE.setChunkSize)).toEqual([65_536]);
    expect(said(MESSAGE.windowAckSize)).toEqual([250_000]);
    expect(said(MESSAGE.acknowledgement)).toEqual([]);
    peer.send(MESSAGE.setPeerBandwidth, Buffer.concat([uint32(100_000), Buffer.from([2])]));
    peer.send(MESSAGE.setPeerBandwidth, Buffer.concat([uint32(5_000_000), Buffer.from([2])]));
    await expect.poll(() => said(MESSAGE.windowAckSize)).toEqual([250_000, 100_000]);
    peer.send(MESSAGE.windowAckSize, uint32(1000));
    peer.send(MESSAGE.data, Buffer.alloc(5000));
    await expect.poll(() => said(MESSAGE.acknowledgement).at(-1)).toBeGreaterThan(8000);
  });

  it('pings without end from a server that reads nothing do not fill the memory', async () => {
    const { port, peers } = await serve();
    const publisher = await connect(port);
    const { socket } = peers[0] as Peer;
    socket.pause();
    const ping = Buffer.concat(toChunks(2, { type: MESSAGE.userControl, streamId: 0, timestamp: 0, body: Buffer.from([0, 6, 0, 0, 0, 1]) }, 128));
    const many = Buffer.concat(Array.from({ length: 10_000 }, () => ping));
    for (let sent = 0; sent < 30e6; sent += many.length) socket.write(many);
    await expect.poll(() => socket.writableLength, { timeout: 10_000 }).toBe(0);
    await expect.poll(() => publisher.queuedBytes).toBeGreaterThan(1_000_000);
    expect(publisher.queuedBytes).toBeLessThan(1_200_000);
    // Millions of pings take seconds to read where other work is done, too.
  }, 20_000);

  it('a frame too long for RTMP is left out, and its bytes are never changed', async () => {
    const { port, peers } = await serve();
    const publisher = await connect(port);
    publisher.sendVideo(1, Buffer.alloc(0x1000000));
    const body = Buffer.alloc(150_000, 7);
    publisher.sendVideo(2 ** 32 + 3, body);
    publisher.sendMetadata({ a: 1 });
    const media = () => peers[0]?.messages.filter(({ type }) => type === MESSAGE.video || type === MESSAGE.data) ?? [];
    await expect.poll(() => media().map(({ timestamp, body: { length } }) => [timestamp, length])).toEqual([[3, 150_000], [3, expect.any(Number)]]);
    expect(body.equals(Buffer.alloc(150_000, 7))).toBe(true);
  });
});

describe('our own end', () => {
  it('is complete though the server answers the first half of it', async () => {
    const { port, peers } = await serve({ FCUnpublish: (peer) => peer.status('NetStream.Unpublish.Success', 'status') });
    const publisher = await connect(port);
    const ended = end(publisher);
    const closed = publisher.close({ clean: true, deadlineMs: 5000 });
    const peer = peers[0] as Peer;
    peer.socket.once('end', () => peer.socket.end());
    await closed;
    expect(await ended).toBeNull();
    expect(decodeAmf(peer.messages.at(-1)?.body as Buffer)).toEqual(['deleteStream', expect.any(Number), null, 1]);
  });

  it('waits no longer than it may, and is told once', async () => {
    const { port, peers } = await serve();
    const publisher = await connect(port);
    const ends: unknown[] = [];
    publisher.onClose((error) => ends.push(error));
    peers[0]?.socket.pause();
    publisher.sendVideo(0, Buffer.alloc(10_000_000));
    const began = performance.now();
    await Promise.all([publisher.close({ clean: true, deadlineMs: 200 }), publisher.close({ clean: true, deadlineMs: 200 })]);
    expect(performance.now() - began).toBeLessThan(1500);
    await publisher.close({ clean: false, deadlineMs: 0 });
    expect(ends).toEqual([null]);
  });
});
