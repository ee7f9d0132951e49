// What servers do that go wrong or mean harm: at each step one sentence to the customer, and nothing that reaches other outputs.
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type Act,
  closeAll,
  closers,
  connect,
  end,
  failure,
  KEY,
  type Peer,
  proper,
  serve,
  uint32,
} from '../../../../../test/support/hostile-rtmp-server.js';
import { decodeAmf, encodeAmf } from './amf0.js';
import { MESSAGE, toChunks } from './chunks.js';

afterEach(closeAll);

describe('after the publish was accepted', () => {
  it.each<[string, Act, string, string?]>([
    [
      'unpublishes in the same packet',
      (peer) => peer.status('NetStream.Unpublish.Success', 'status', `${KEY} is over`),
      'closed_by_platform',
      '*** is over',
    ],
    [
      'says why and hangs up',
      (peer) => void (peer.status('NetStream.Publish.Denied', 'error', 'quota'), peer.socket.end()),
      'closed_by_platform',
      'quota',
    ],
    [
      'closes by status',
      (peer) => peer.status('NetConnection.Connect.Closed', 'status'),
      'closed_by_platform',
      'NetConnection.Connect.Closed',
    ],
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
    expect(await end(publisher)).toMatchObject({
      code: 'connection_lost',
      detail: 'it does not speak RTMP: a chunk continues what never began',
    });
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

  it('a version of RTMP that does not exist is taken for RTMP, and letters are not', async () => {
    const hello = (version: number) =>
      createServer((socket) =>
        socket.on('error', () => undefined).once('data', () => socket.write(Buffer.alloc(1 + 2 * 1536, version))),
      );
    const tried = async (version: number) => {
      const server = hello(version);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      closers.push(() => server.close());
      return (
        await failure((server.address() as AddressInfo).port, { deadlines: { connectMs: 100, handshakeMs: 1000 } })
      ).detail;
    };
    expect(await tried(0)).toBe('no answer to connect in time');
    expect(await tried(31)).toBe('no answer to connect in time');
    expect(await tried(32)).toBe('the handshake: not RTMP');
  });

  it('AMF3 commands are understood, whose first byte is 0', async () => {
    const { port } = await serve({
      publish: (peer) =>
        peer.send(
          MESSAGE.commandAmf3,
          Buffer.concat([
            Buffer.from([0]),
            encodeAmf('onStatus', 0, null, { level: 'status', code: 'NetStream.Publish.Start' }),
          ]),
        ),
    });
    expect((await connect(port)).bytesSent).toBeGreaterThan(3000);
  });

  it('the windows of acknowledgement are kept, the server’s and the one it wishes', async () => {
    const { port, peers } = await serve();
    await connect(port);
    const peer = peers[0] as Peer;
    const said = (type: number) =>
      peer.messages.filter((message) => message.type === type).map(({ body }) => body.readUInt32BE());
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
    const ping = Buffer.concat(
      toChunks(2, { type: MESSAGE.userControl, streamId: 0, timestamp: 0, body: Buffer.from([0, 6, 0, 0, 0, 1]) }, 128),
    );
    const many = Buffer.concat(Array.from({ length: 10_000 }, () => ping));
    for (let sent = 0; sent < 30e6; sent += many.length) socket.write(many);
    await expect.poll(() => socket.writableLength, { timeout: 40_000 }).toBe(0);
    await expect.poll(() => publisher.queuedBytes).toBeGreaterThan(1_000_000);
    expect(publisher.queuedBytes).toBeLessThan(1_200_000);
    // Millions of pings take seconds to read where other work is done, too.
  }, 60_000);

  it('a frame too long for RTMP is left out, and its bytes are never changed', async () => {
    const { port, peers } = await serve();
    const publisher = await connect(port);
    publisher.sendVideo(1, Buffer.alloc(0x1000000));
    const body = Buffer.alloc(150_000, 7);
    publisher.sendVideo(2 ** 32 + 3, body);
    publisher.sendMetadata({ a: 1 });
    const media = () => peers[0]?.messages.filter(({ type }) => type === MESSAGE.video || type === MESSAGE.data) ?? [];
    await expect
      .poll(() => media().map(({ timestamp, body: { length } }) => [timestamp, length]))
      .toEqual([
        [3, 150_000],
        [3, expect.any(Number)],
      ]);
    expect(body.equals(Buffer.alloc(150_000, 7))).toBe(true);
  });
});

describe('our own end', () => {
  it('is complete though the server answers the first half of it', async () => {
    const { port, peers } = await serve({
      FCUnpublish: (peer) => peer.status('NetStream.Unpublish.Success', 'status'),
    });
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
    await Promise.all([
      publisher.close({ clean: true, deadlineMs: 200 }),
      publisher.close({ clean: true, deadlineMs: 200 }),
    ]);
    expect(performance.now() - began).toBeLessThan(1500);
    await publisher.close({ clean: false, deadlineMs: 0 });
    expect(ends).toEqual([null]);
  });
});
