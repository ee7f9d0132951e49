// What servers do that go wrong or mean harm: at each step one sentence to the customer, and nothing that reaches other outputs.
import { afterEach, describe, expect, it } from 'vitest';
import type { TransferError } from '#libs/transfer';
import { closeAll, connect, type Peer, proper, serve } from '../../../../../test/support/hostile-rtmp-server.js';
import { encodeAmf } from './amf0.js';
import { MESSAGE } from './chunks.js';

afterEach(closeAll);

describe('after the publish was accepted', () => {
  // Kinds of words that nobody waits for; none is seen from a server in good health alone.
  const REMARKS: [string, (peer: Peer) => void][] = [
    [
      'a command with a value of an unknown kind',
      (peer) => peer.send(MESSAGE.command, Buffer.concat([encodeAmf('onBWDone', 0, null), Buffer.from([0x63])])),
    ],
    [
      'a command that ends in a value',
      (peer) =>
        peer.send(
          MESSAGE.command,
          encodeAmf('onFCPublish', 0, null, { code: 'NetStream.Publish.Start' }).subarray(0, -9),
        ),
    ],
    [
      'a command in AMF3 values',
      (peer) =>
        peer.send(MESSAGE.command, Buffer.concat([encodeAmf('onBWDone', 0), Buffer.from([0x11, 0x0a, 0x0b, 1])])),
    ],
    [
      'a status that cannot be read',
      (peer) => peer.send(MESSAGE.command, Buffer.concat([encodeAmf('onStatus', 0, null), Buffer.from([0x11, 0x0a])])),
    ],
    ['an answer to what was never asked', (peer) => peer.send(MESSAGE.command, encodeAmf('_result', 4711, null, 9))],
    ['a name that is no text', (peer) => peer.send(MESSAGE.command, encodeAmf(7, { a: 1 }))],
    ['no command at all', (peer) => peer.send(MESSAGE.command, Buffer.from([2, 0, 9, 1]))],
    ['an empty command', (peer) => peer.send(MESSAGE.command, Buffer.alloc(0))],
    ['nesting without end', (peer) => peer.send(MESSAGE.command, Buffer.from('03000161'.repeat(5000), 'hex'))],
    ['values without end', (peer) => peer.send(MESSAGE.command, Buffer.alloc(60_000, 5))],
    [
      'a command of 300 KB',
      (peer) =>
        peer.send(MESSAGE.command, Buffer.concat([encodeAmf('onStatus', 0, null), Buffer.alloc(300_000, 0x63)])),
    ],
    ['an empty AMF3 command', (peer) => peer.send(MESSAGE.commandAmf3, Buffer.alloc(0))],
    ['an AMF3 command of AMF3', (peer) => peer.send(MESSAGE.commandAmf3, Buffer.from([3, 6, 7, 0x61, 0x62, 0x63]))],
    [
      'data, AMF3 data, shared objects and aggregates of noise',
      (peer) => [MESSAGE.data, 15, 16, 19, 22].forEach((type) => peer.send(type, Buffer.from([0x63, 1, 2]))),
    ],
    [
      'audio and video',
      (peer) => [MESSAGE.audio, MESSAGE.video].forEach((type) => peer.send(type, Buffer.alloc(200_000, 1))),
    ],
    [
      'message types that do not exist',
      (peer) => [0, 7, 10, 14, 21, 99, 255].forEach((type) => peer.send(type, Buffer.alloc(33, 0xff))),
    ],
    [
      'control messages that are too short',
      (peer) =>
        [
          MESSAGE.setChunkSize,
          MESSAGE.abort,
          MESSAGE.acknowledgement,
          MESSAGE.userControl,
          MESSAGE.windowAckSize,
          MESSAGE.setPeerBandwidth,
        ].forEach((type) => [0, 1, 3].forEach((length) => peer.send(type, Buffer.alloc(length)))),
    ],
    [
      'user control events that do not exist, and a short ping',
      (peer) =>
        [
          Buffer.from([0, 32, 0, 0, 0, 1]),
          Buffer.from([1, 2, 3]),
          Buffer.from([0, 6]),
          Buffer.from([0, 6, 1]),
          Buffer.from([0, 31, ...Buffer.alloc(100)]),
        ].forEach((body) => peer.send(MESSAGE.userControl, body)),
    ],
    [
      'a chunk stream with a long number, of an old type of header',
      ({ socket }) => socket.write(Buffer.from([0x41, 0xff, 0xff, 0, 0, 7, 0, 0, 1, 20, 5])),
    ],
    [
      'a long command with a large timestamp that is not repeated',
      ({ socket }) =>
        socket.write(
          Buffer.concat([
            Buffer.from([5, 0xff, 0xff, 0xff, 0, 0, 200, 20, 0, 0, 0, 0, 0x77, 0x66, 0x55, 0x44]),
            Buffer.alloc(128, 5),
            Buffer.from([0xc5]),
            Buffer.alloc(72, 5),
          ]),
        ),
    ],
    [
      'a long command with a large timestamp that is repeated',
      ({ socket }) =>
        socket.write(
          Buffer.concat([
            Buffer.from([5, 0xff, 0xff, 0xff, 0, 0, 200, 20, 0, 0, 0, 0, 0x77, 0x66, 0x55, 0x44]),
            Buffer.alloc(128, 5),
            Buffer.from([0xc5, 0x77, 0x66, 0x55, 0x44]),
            Buffer.alloc(72, 5),
          ]),
        ),
    ],
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
    await expect
      .poll(() =>
        peer.messages
          .filter(({ type }) => type === MESSAGE.userControl)
          .at(-1)
          ?.body.toString('hex'),
      )
      .toBe('000709090909');
    expect(ended).toBeUndefined();
  });
});
