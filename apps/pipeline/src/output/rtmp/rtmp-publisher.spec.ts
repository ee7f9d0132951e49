import { afterEach, describe, expect, it } from 'vitest';
import { AllowList } from '#libs/net';
import {
  closeAll,
  connect,
  failure,
  KEY,
  loopback,
  server,
  target,
} from '../../../../../test/support/rtmp-publishing.js';
import type { Script } from '../../../../../test/support/scripted-rtmp-server.js';
import { decodeAmf } from './amf0.js';
import { Aborted } from '../../process/deadlines.js';
import { RtmpPublisher } from './rtmp-publisher.js';

afterEach(closeAll);

describe('RtmpPublisher', () => {
  it('publishes as an encoder does, sends media and ends properly', async () => {
    const rtmp = await server();
    const publisher = await connect(rtmp.port, { flashVer: 'FMLE/9' });
    expect(rtmp.connects).toEqual([
      { app: 'live', type: 'nonprivate', flashVer: 'FMLE/9', tcUrl: `rtmp://127.0.0.1:${rtmp.port}/live` },
    ]);
    expect(rtmp.commands.map(([name, , argument]) => [name, argument])).toEqual([
      ['releaseStream', KEY],
      ['FCPublish', KEY],
      ['createStream', undefined],
      ['publish', KEY],
    ]);
    publisher.sendMetadata({ width: 640 });
    publisher.sendAudio(0, Buffer.from([0xaf, 0, 1]));
    publisher.sendVideo(0xffffff, Buffer.alloc(200_000, 5));
    let ended: unknown = 'not yet';
    publisher.onClose((error) => (ended = error));
    await expect.poll(() => rtmp.media.length).toBe(3);
    expect(rtmp.media.map(({ type, timestamp, streamId, body }) => [type, timestamp, streamId, body.length])).toEqual([
      [18, 0, 1, expect.any(Number)],
      [8, 0, 1, 3],
      [9, 0xffffff, 1, 200_000],
    ]);
    expect(decodeAmf(rtmp.media[0]?.body as Buffer)).toEqual(['@setDataFrame', 'onMetaData', { width: 640 }]);
    await publisher.close({ clean: true, deadlineMs: 1000 });
    expect(ended).toBeNull();
    await expect
      .poll(() => rtmp.commands.slice(4).map(([name, , argument]) => [name, argument]))
      .toEqual([
        ['FCUnpublish', KEY],
        ['deleteStream', 1],
      ]);
  });

  it('sends no metadata where that is switched off', async () => {
    const rtmp = await server();
    const publisher = await connect(rtmp.port, { sendMetadata: false });
    publisher.sendMetadata({ width: 640 });
    publisher.sendAudio(0, Buffer.from([1]));
    await expect.poll(() => rtmp.media.map(({ type }) => type)).toEqual([8]);
  });

  it('counts what is sent and what the server acknowledges, and answers pings', async () => {
    const acknowledge = Buffer.alloc(4);
    acknowledge.writeUInt32BE(1000);
    const rtmp = await server({
      afterwards: [
        { type: 3, streamId: 0, timestamp: 0, body: acknowledge },
        { type: 4, streamId: 0, timestamp: 0, body: Buffer.from([0, 6, 1, 2, 3, 4]) },
      ],
    });
    const publisher = await connect(rtmp.port);
    await expect.poll(() => publisher.bytesAcked).toBe(1000);
    expect(publisher.bytesSent).toBeGreaterThan(3000);
    await expect.poll(() => rtmp.control.find(({ type }) => type === 4)?.body.toString('hex')).toBe('000701020304');
  });

  it.each<[string, Script, string]>([
    ['says nothing at all', { handshake: 'ignore' }, 'handshake_failed'],
    ['hangs up at once', { handshake: 'close' }, 'handshake_failed'],
    ['speaks HTTP', { handshake: { say: 'HTTP/1.1 400 Bad Request\r\n\r\n' } }, 'handshake_failed'],
    ['does not answer connect', { connect: () => 'ignore' }, 'handshake_failed'],
    ['hangs up at connect', { connect: () => 'close' }, 'closed_by_platform'],
    [
      'refuses the application',
      { connect: () => ({ refuse: 'NetConnection.Connect.Rejected', description: 'no app' }) },
      'connect_rejected',
    ],
    [
      'wants a password that we lack',
      { connect: () => ({ refuse: 'x', description: '[ code=403 need auth; authmod=adobe ]' }) },
      'auth_failed',
    ],
    ['refuses createStream', { createStream: { refuse: 'NetStream.Failed' } }, 'publish_denied'],
    ['does not answer createStream', { createStream: 'ignore' }, 'publish_timeout'],
    ['does not answer publish', { publish: 'ignore' }, 'publish_timeout'],
    ['hangs up at publish', { publish: 'close' }, 'closed_by_platform'],
    [
      'refuses the key',
      { publish: { refuse: 'NetStream.Publish.Denied', description: `bad key ${KEY}` } },
      'publish_denied',
    ],
    [
      'has the name in use',
      { publish: { refuse: 'NetStream.Publish.BadName', description: `${KEY} already publishing` } },
      'stream_name_in_use',
    ],
    [
      'says BadName for a bad key',
      { publish: { refuse: 'NetStream.Publish.BadName', description: 'Stream key invalid' } },
      'publish_denied',
    ],
  ])('says what happened when the server %s', async (_, script, code) => {
    const rtmp = await server(script);
    const error = await failure(rtmp.port);
    expect(error.code).toBe(code);
    for (const secret of [KEY, 'k3y-SECRET', 't0ken']) expect(String(error)).not.toContain(secret);
    await expect.poll(() => rtmp.sockets.every((socket) => socket.destroyed || socket.readableEnded)).toBe(true);
  });

  it('says what happened when there is no server', async () => {
    const rtmp = await server();
    await rtmp.stop();
    expect((await failure(rtmp.port)).code).toBe('tcp_refused');
    expect((await failure(1, { allowList: AllowList.parse('') })).code).toBe('address_forbidden');
    const lookup = (): Promise<never> => Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' }));
    expect((await failure(1, { lookup }, { host: 'a.example' })).code).toBe('dns_failed');
    expect((await failure(1, { lookup: () => new Promise(() => undefined) }, { host: 'a.example' })).code).toBe(
      'dns_failed',
    );
  });

  it('tries the next address when one does not answer, and only checked ones', async () => {
    const rtmp = await server();
    const both = async () => [
      { address: '127.0.0.2', family: 4 as const },
      { address: '127.0.0.1', family: 4 as const },
    ];
    await connect(rtmp.port, { lookup: both }, { host: 'a.example' });
    expect(rtmp.connects[0]?.tcUrl).toBe(`rtmp://a.example:${rtmp.port}/live`);
    const mixed = async () => [
      { address: '127.0.0.1', family: 4 as const },
      { address: '10.0.0.1', family: 4 as const },
    ];
    expect((await failure(rtmp.port, { lookup: mixed }, { host: 'a.example' })).code).toBe('address_forbidden');
  });

  it('reports a connection that the server ends, once', async () => {
    const rtmp = await server();
    const publisher = await connect(rtmp.port);
    const ends: (string | undefined)[] = [];
    publisher.onClose((error) => ends.push(error?.code));
    rtmp.sockets[0]?.end();
    await expect.poll(() => ends).toEqual(['closed_by_platform']);
    const again = await connect(rtmp.port);
    const reset = new Promise((resolve) => again.onClose((error) => resolve(error?.code)));
    rtmp.sockets[1]?.resetAndDestroy();
    expect(await reset).toBe('connection_lost');
    await publisher.close({ clean: true, deadlineMs: 100 });
    expect(ends).toHaveLength(1);
  });

  it('stops at once when it is aborted, at every step', async () => {
    for (const script of [
      { handshake: 'ignore' },
      { connect: () => 'ignore' },
      { publish: 'ignore' },
    ] satisfies Script[]) {
      const rtmp = await server(script);
      const abort = new AbortController();
      const connecting = RtmpPublisher.connect(target(rtmp.port), { allowList: loopback }, abort.signal);
      setTimeout(() => abort.abort(), 30);
      await expect(connecting).rejects.toThrow(Aborted);
      await expect.poll(() => rtmp.sockets.every((socket) => socket.destroyed || socket.readableEnded)).toBe(true);
    }
  });
});
