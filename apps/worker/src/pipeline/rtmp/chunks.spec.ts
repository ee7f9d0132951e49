import { describe, expect, it } from 'vitest';
import { AmfError, decodeAmf, encodeAmf, encodeEcmaArray } from './amf0.js';
import { ChunkError, ChunkReader, MESSAGE, type Message, toChunks } from './chunks.js';
import { aacFrame, aacSequenceHeader, avcFrame, avcSequenceHeader } from './flv.js';

const message = (timestamp: number, length: number, type: number = MESSAGE.video): Message => ({ type, streamId: 1, timestamp, body: Buffer.alloc(length, timestamp % 251) });

function setChunkSize(size: number): Buffer {
  const body = Buffer.alloc(4);
  body.writeUInt32BE(size);
  return Buffer.concat(toChunks(2, { type: MESSAGE.setChunkSize, streamId: 0, timestamp: 0, body }, 128));
}

describe('chunks', () => {
  it.each([0, 1, 0xfffffe, 0xffffff, 0x1000000, 0x1000001, 0xfffffffe, 0xffffffff])('carry the timestamp %i, in one piece and in many', (timestamp) => {
    for (const chunkSize of [128, 4096, 65_536]) {
      const sent = [message(timestamp, 10), message(timestamp, 300, MESSAGE.audio), message(timestamp, 70_000)];
      const bytes = Buffer.concat([setChunkSize(chunkSize), ...sent.flatMap((one, i) => toChunks(4 + i, one, chunkSize))]);
      expect(new ChunkReader().push(bytes).slice(1)).toEqual(sent);
    }
  });

  it('wrap the timestamp at 32 bits (50 days)', () => {
    const [read] = new ChunkReader().push(Buffer.concat(toChunks(4, message(0x1_0000_0005, 5), 128)));
    expect(read?.timestamp).toBe(5);
  });

  it('are read however the network cuts them', () => {
    const sent = Array.from({ length: 30 }, (_, i) => message(0xfffff0 + i, (i * 97) % 700));
    const bytes = Buffer.concat(sent.flatMap((one, i) => toChunks(3 + (i % 3), one, 128)));
    for (let seed = 1; seed <= 50; seed += 1) {
      const reader = new ChunkReader();
      const read: Message[] = [];
      for (let at = 0, random = seed; at < bytes.length; ) {
        random = (random * 48_271) % 2_147_483_647;
        const size = 1 + (random % 200);
        read.push(...reader.push(bytes.subarray(at, at + size)));
        at += size;
      }
      expect(read).toEqual(sent);
    }
  });

  it('of several messages may be interleaved', () => {
    const a = toChunks(4, message(1, 300), 128);
    const b = toChunks(6, message(2, 200), 128);
    const bytes = Buffer.concat([...a.slice(0, 2), ...b.slice(0, 2), ...a.slice(2, 4), ...b.slice(2), ...a.slice(4)]);
    expect(new ChunkReader().push(bytes)).toEqual([message(2, 200), message(1, 300)]);
  });

  it('with short headers take the rest from the chunk before', () => {
    const first = Buffer.concat(toChunks(5, message(1000, 3), 128));
    // Type 1: delta 40, new length and type; type 2: delta 20; type 3: the same delta again.
    const second = Buffer.from([0x45, 0, 0, 40, 0, 0, 2, 8, 1, 2]);
    const third = Buffer.from([0x85, 0, 0, 20, 3, 4]);
    const fourth = Buffer.from([0xc5, 5, 6]);
    const read = new ChunkReader().push(Buffer.concat([first, second, third, fourth]));
    expect(read.map(({ timestamp, type, body }) => [timestamp, type, body.length])).toEqual([[1000, 9, 3], [1040, 8, 2], [1060, 8, 2], [1080, 8, 2]]);
  });

  it.each([
    ['a continuation of nothing', Buffer.from([0xc5, 1])],
    ['a message that is too long', Buffer.from([5, 0, 0, 0, 0xff, 0xff, 0xff, 9, 1, 0, 0, 0])],
  ])('that are %s are refused', (_, bytes) => {
    expect(() => new ChunkReader().push(bytes)).toThrow(ChunkError);
  });

  it('share the body, whose bytes are not copied', () => {
    const { body } = message(1, 200_000);
    const pieces = toChunks(6, { type: 9, streamId: 1, timestamp: 1, body }, 65_536).filter((_, i) => i % 2 === 1);
    expect(pieces.every((piece) => piece.buffer === body.buffer)).toBe(true);
    expect(Buffer.concat(pieces)).toEqual(body);
  });
});

describe('AMF0', () => {
  it('reads back what it writes', () => {
    const values = ['connect', 1, { app: 'live', n: -1.5, yes: true, nothing: null, deep: { text: 'ä€😀' } }, null, undefined, 'x'.repeat(70_000)];
    expect(decodeAmf(encodeAmf(...values))).toEqual(values);
    expect(decodeAmf(encodeEcmaArray({ width: 1280, encoder: 'manycast' }))).toEqual([{ width: 1280, encoder: 'manycast' }]);
  });

  it.each([
    ['truncated', Buffer.from([0, 1, 2])],
    ['a string that ends too early', Buffer.from([2, 0, 9, 65])],
    ['an object without end', Buffer.from([3, 0, 1, 97, 5])],
    ['an unknown marker', Buffer.from([99])],
    ['a list that lies about its length', Buffer.from([10, 0xff, 0xff, 0xff, 0xff, 5])],
    ['objects without end inside each other', Buffer.concat(Array.from({ length: 1000 }, () => Buffer.from([3, 0, 1, 97])))],
  ])('refuses what is %s', (_, bytes) => expect(() => decodeAmf(bytes)).toThrow(AmfError));

  it('does not let a server set prototypes', () => {
    const [value] = decodeAmf(Buffer.concat([Buffer.from([3, 0, 9]), Buffer.from('__proto__'), encodeAmf({ polluted: true }), Buffer.from([0, 0, 9])])) as [Record<string, unknown>];
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(Object.keys(value)).toEqual(['__proto__']);
  });
});

describe('FLV bodies', () => {
  it('are as the specification has them', () => {
    expect(aacSequenceHeader(Buffer.from([0x11, 0x90])).toString('hex')).toBe('af001190');
    expect(aacFrame(Buffer.from([0x21])).toString('hex')).toBe('af0121');
    expect(avcSequenceHeader(Buffer.from([1])).toString('hex')).toBe('170000000001');
    expect(avcFrame(Buffer.from([9]), true, 40).toString('hex')).toBe('170100002809');
    expect(avcFrame(Buffer.from([9]), false, -2).toString('hex')).toBe('2701fffffe09');
  });
});
