// What servers do that go wrong or mean harm: at each step one sentence to the customer, and nothing that reaches other outputs.
import { afterEach, describe, expect, it } from 'vitest';
import { TransferUrl, TransferError } from '#libs/transfer';
import {
  closeAll,
  connect,
  failure,
  KEY,
  loopback,
  proper,
  type Script,
  serve,
} from '../../../../../test/support/hostile-rtmp-server.js';
import { encodeAmf } from './amf0.js';
import { MESSAGE } from './chunks.js';
import { RtmpPublisher } from './rtmp-publisher.js';

afterEach(closeAll);

describe('before the publish is accepted', () => {
  it.each<[string, Script, string, string?]>([
    [
      'resets after the handshake',
      { shaken: ({ socket }) => socket.resetAndDestroy() },
      'closed_by_platform',
      'in answer to connect',
    ],
    [
      'resets at connect',
      { connect: ({ socket }) => socket.resetAndDestroy() },
      'closed_by_platform',
      'in answer to connect',
    ],
    [
      'resets at createStream',
      { createStream: ({ socket }) => socket.resetAndDestroy() },
      'closed_by_platform',
      'in answer to createStream',
    ],
    [
      'resets at publish',
      { publish: ({ socket }) => socket.resetAndDestroy() },
      'closed_by_platform',
      'in answer to publish',
    ],
    [
      'closes by command at publish',
      { publish: (peer) => peer.command('close', 0, null) },
      'closed_by_platform',
      'in answer to publish',
    ],
    [
      'refuses connect in a result',
      {
        connect: (peer, id) =>
          peer.command('_result', id, null, { level: 'error', code: 'NetConnection.Connect.Rejected' }),
      },
      'connect_rejected',
    ],
    [
      'refuses the key at FCPublish',
      {
        FCPublish: (peer) => peer.status('NetStream.Publish.BadName', 'error', `${KEY} is already publishing`),
        createStream: () => undefined,
      },
      'stream_name_in_use',
      '*** is already publishing',
    ],
    [
      'refuses the key with an error answer',
      {
        publish: (peer, id) =>
          peer.command('_error', id, null, { level: 'error', code: 'NetStream.Publish.Denied', description: KEY }),
      },
      'publish_denied',
      'NetStream.Publish.Denied: ***',
    ],
    [
      'refuses at the level of a status',
      { publish: (peer) => peer.status('NetStream.Publish.Unauthorized', 'status') },
      'publish_denied',
    ],
    [
      'fails in its own words',
      { publish: (peer) => peer.status('Broken.Somehow') },
      'publish_denied',
      'Broken.Somehow',
    ],
    [
      'closes the connection by status',
      { publish: (peer) => peer.status('NetConnection.Connect.Closed', 'status') },
      'closed_by_platform',
    ],
    [
      'names the key badly whatever the key is called',
      { publish: (peer) => peer.status('NetStream.Publish.BadName', 'error', `invalid: ${KEY}`) },
      'publish_denied',
    ],
    [
      'answers with a stream that cannot be',
      { createStream: (peer, id) => peer.command('_result', id, null, -1) },
      'handshake_failed',
      'createStream gave no stream',
    ],
    [
      'answers with a stream that is no number',
      { createStream: (peer, id) => peer.command('_result', id, null, NaN) },
      'handshake_failed',
      'createStream gave no stream',
    ],
    [
      'announces a message of 16 MiB',
      { connect: ({ socket }) => socket.write(Buffer.from([3, 0, 0, 0, 0xff, 0xff, 0xff, 20, 0, 0, 0, 0])) },
      'handshake_failed',
      'connect: a message of',
    ],
    ['sends no chunks', { connect: ({ socket }) => socket.write(Buffer.alloc(64, 0xff)) }, 'handshake_failed'],
    [
      'answers with a stream that cannot be read',
      {
        createStream: (peer, id) =>
          peer.send(MESSAGE.command, Buffer.concat([encodeAmf('_result', id, null), Buffer.from([0, 1])])),
      },
      'handshake_failed',
      'createStream gave no stream (its answer cannot be read: ends too early)',
    ],
    [
      'answers with nesting without end',
      {
        createStream: (peer, id) =>
          peer.send(
            MESSAGE.command,
            Buffer.concat([encodeAmf('_result', id), Buffer.from('03000161'.repeat(5000), 'hex')]),
          ),
      },
      'handshake_failed',
      'nested too deeply',
    ],
    [
      'answers with values without end',
      {
        createStream: (peer, id) =>
          peer.send(MESSAGE.command, Buffer.concat([encodeAmf('_result', id), Buffer.alloc(60_000, 5)])),
      },
      'handshake_failed',
      'createStream gave no stream',
    ],
    [
      'refuses the key and says more than can be read',
      {
        publish: (peer) =>
          peer.send(
            MESSAGE.command,
            encodeAmf('onStatus', 0, null, {
              level: 'error',
              code: 'NetStream.Publish.Denied',
              description: 'no such key',
            }).subarray(0, -6),
          ),
      },
      'publish_denied',
      'NetStream.Publish.Denied',
    ],
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
    const { port } = await serve({
      FCPublish: (peer) => peer.status('NetStream.Publish.Start', 'status'),
      publish: () => undefined,
    });
    expect(await failure(port, { deadlines: { publishMs: 200 } })).toMatchObject({
      code: 'publish_timeout',
      detail: 'no answer to publish in time',
    });
  });

  it.each<[string, Script]>([
    ['answers publish with a result and no status', { publish: (peer, id) => peer.command('_result', id, null) }],
    [
      'answers publish with the status as a result',
      {
        publish: (peer, id) => peer.command('_result', id, null, { level: 'status', code: 'NetStream.Publish.Start' }),
      },
    ],
    [
      'cannot record',
      { publish: (peer, id) => (peer.status('NetStream.Record.NoAccess'), proper.publish?.(peer, id)) },
    ],
    [
      'refuses releaseStream and FCPublish',
      {
        FCPublish: (peer, id) => (
          peer.command('_error', id - 1, null, { level: 'error' }),
          peer.command('_error', id, null, { level: 'error' })
        ),
      },
    ],
    ['announces no window and never acknowledges', {}],
  ])('a server that %s is published to all the same', async (_, script) => {
    const { port, peers } = await serve(script);
    const publisher = await connect(port);
    publisher.sendVideo(0, Buffer.alloc(1000));
    await expect.poll(() => peers[0]?.messages.some(({ type }) => type === MESSAGE.video)).toBe(true);
  });

  it('a refusal after the result is one', async () => {
    const { port } = await serve({
      publish: (peer, id) => (
        peer.command('_result', id, null),
        peer.status('NetStream.Publish.BadName', 'error', 'denied')
      ),
    });
    expect(await failure(port)).toMatchObject({ code: 'publish_denied' });
  });

  it('a refusal does not depend on words in the key', async () => {
    const { port } = await serve({
      publish: (peer) => peer.status('NetStream.Publish.BadName', 'error', 'invalid-name'),
    });
    const named = TransferUrl.parse(`rtmp://127.0.0.1:${port}/live/invalid-name`).target;
    await expect(
      RtmpPublisher.connect(named, { allowList: loopback }, AbortSignal.timeout(2000)),
    ).rejects.toMatchObject({ code: 'stream_name_in_use' });
  });
});
