import { describe, expect, it } from 'vitest';
import { ChunkError, ChunkReader, MESSAGE, type Message, toChunks } from './chunks.js';

const message = (timestamp: number, length: number, type: number = MESSAGE.video): Message => ({
  type,
  streamId: 1,
  timestamp,
  body: Buffer.alloc(length, timestamp % 251),
});

/** For toEqual, which is slow on large buffers. */
const comparable = (messages: Message[]) =>
  messages.map(({ body, ...head }) => ({ ...head, body: body.toString('latin1') }));

const control = (type: number, ...values: number[]): Buffer => {
  const body = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => body.writeUInt32BE(value, 4 * i));
  return Buffer.concat(toChunks(2, { type, streamId: 0, timestamp: 0, body }, 128));
};

/** The same numbers each time. */
function randoms(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

describe('chunks', () => {
  it.each([0, 1, 0xfffffe, 0xffffff, 0x1000000, 0x1000001, 0xfffffffe, 0xffffffff])(
    'carry the timestamp %i, in one piece and in many',
    (timestamp) => {
      for (const chunkSize of [128, 4096, 65_536]) {
        const sent = [message(timestamp, 10), message(timestamp, 300, MESSAGE.audio), message(timestamp, 70_000)];
        const bytes = Buffer.concat([
          control(MESSAGE.setChunkSize, chunkSize),
          ...sent.flatMap((one, i) => toChunks(4 + i, one, chunkSize)),
        ]);
        expect(comparable(new ChunkReader().push(bytes).slice(1))).toEqual(comparable(sent));
      }
    },
  );

  it('wrap the timestamp at 32 bits (50 days)', () => {
    const [read] = new ChunkReader().push(Buffer.concat(toChunks(4, message(0x1_0000_0005, 5), 128)));
    expect(read?.timestamp).toBe(5);
  });

  it('are written as the specification has them', () => {
    const written = (timestamp: number) =>
      Buffer.concat(toChunks(6, { type: 9, streamId: 1, timestamp, body: Buffer.from('abcdef') }, 4)).toString('hex');
    expect(written(0x010203)).toBe('06010203000006090100000061626364c66566');
    expect(written(0xfffffe)).toBe('06fffffe000006090100000061626364c66566');
    expect(written(0xffffff)).toBe('06ffffff0000060901000000' + '00ffffff' + '61626364' + 'c6' + '00ffffff' + '6566');
    expect(written(0x1_0000_0001)).toBe(written(1));
  });

  it('are read however the network cuts them', () => {
    const sent = Array.from({ length: 30 }, (_, i) => message(0xfffff0 + i, (i * 97) % 700));
    const bytes = Buffer.concat(sent.flatMap((one, i) => toChunks(3 + (i % 3), one, 128)));
    for (let seed = 1; seed <= 50; seed += 1) {
      const random = randoms(seed);
      const reader = new ChunkReader();
      const read: Message[] = [];
      for (let at = 0; at < bytes.length;) {
        const size = 1 + random(seed === 1 ? 1 : 200);
        read.push(...reader.push(bytes.subarray(at, at + size)));
        at += size;
      }
      expect(comparable(read)).toEqual(comparable(sent));
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
    expect(read.map(({ timestamp, type, body }) => [timestamp, type, body.length])).toEqual([
      [1000, 9, 3],
      [1040, 8, 2],
      [1060, 8, 2],
      [1080, 8, 2],
    ]);
  });

  it('with an extended timestamp repeat it in each, deltas too', () => {
    const first = Buffer.concat(toChunks(5, message(0xfffffff0, 2), 128));
    // Type 1 with the extended delta 0x1000000, then type 3, which repeats the field.
    const second = Buffer.from([0x45, 0xff, 0xff, 0xff, 0, 0, 2, 8, 0x01, 0, 0, 0, 1, 2]);
    const third = Buffer.from([0xc5, 0x01, 0, 0, 0, 3, 4]);
    const read = new ChunkReader().push(Buffer.concat([first, second, third]));
    expect(read.map(({ timestamp, body }) => [timestamp, body.length])).toEqual([
      [0xfffffff0, 2],
      [0xfffff0, 2],
      [0x1fffff0, 2],
    ]);
  });

  it('may have one, two or three bytes of basic header, and begin with type 1', () => {
    const body = (length: number) => [0, 0, 7, 0, 0, length, 20, ...Array.from({ length }, () => 9)];
    const bytes = Buffer.from([
      0x40 | 63,
      ...body(1),
      0x40,
      10,
      ...body(2),
      0x41,
      1,
      2,
      ...body(3),
      0xc1,
      1,
      2,
      1,
      1,
      1,
    ]);
    expect(
      new ChunkReader().push(bytes).map(({ timestamp, type, body: { length } }) => [timestamp, type, length]),
    ).toEqual([
      [7, 20, 1],
      [7, 20, 2],
      [7, 20, 3],
      [14, 20, 3],
    ]);
  });

  it('of a message that is aborted are forgotten, not its header', () => {
    const [head, part] = toChunks(5, message(1000, 300), 128) as [Buffer, Buffer];
    // A delta of 5 to the aborted message, same length and type.
    const again = Buffer.concat([
      Buffer.from([0x85, 0, 0, 5]),
      Buffer.alloc(128, 1),
      Buffer.from([0xc5]),
      Buffer.alloc(128, 1),
      Buffer.from([0xc5]),
      Buffer.alloc(44, 1),
    ]);
    const read = new ChunkReader().push(
      Buffer.concat([head, part, control(MESSAGE.abort, 5), control(MESSAGE.abort, 99), again]),
    );
    expect(read.at(-1)).toEqual({ type: MESSAGE.video, streamId: 1, timestamp: 1005, body: Buffer.alloc(300, 1) });
  });

  it('obey a new size between two chunks of a message', () => {
    const { body } = message(7, 300);
    const head = toChunks(5, message(7, 300), 128)[0] as Buffer;
    const bytes = Buffer.concat([
      head,
      body.subarray(0, 128),
      control(MESSAGE.setChunkSize, 1000),
      Buffer.from([0xc5]),
      body.subarray(128),
    ]);
    expect(new ChunkReader().push(bytes).at(-1)).toEqual(message(7, 300));
  });

  it.each([
    ['a continuation of nothing', Buffer.from([0xc5, 1])],
    ['a message that is too long', Buffer.from([5, 0, 0, 0, 0xff, 0xff, 0xff, 9, 1, 0, 0, 0])],
    [
      'a message inside another one',
      Buffer.concat([...toChunks(5, message(1, 300), 128).slice(0, 2), ...toChunks(5, message(1, 3), 128)]),
    ],
    [
      'too many chunk streams',
      Buffer.concat(Array.from({ length: 70 }, (_, i) => Buffer.from([0, i, 0, 0, 0, 0, 0, 1, 9, 0, 0, 0, 0, 1]))),
    ],
    [
      'too many unfinished messages',
      Buffer.concat(
        Array.from({ length: 9 }, (_, i) =>
          Buffer.from([3 + i, 0, 0, 0, 0x08, 0, 0, 9, 0, 0, 0, 0, ...Buffer.alloc(128)]),
        ),
      ),
    ],
  ])('that are %s are refused', (_, bytes) => {
    expect(() => new ChunkReader().push(bytes)).toThrow(ChunkError);
  });

  it('of one byte each cost no more than their bytes', () => {
    const length = 1024 * 1024;
    const bytes = Buffer.alloc(12 + 2 * length - 1, 0xc5);
    Buffer.from([5, 0, 0, 0, 0x10, 0, 0, 9, 1, 0, 0, 0]).copy(bytes);
    for (let at = 12; at < bytes.length; at += 2) bytes[at] = 1;
    const reader = new ChunkReader();
    reader.push(control(MESSAGE.setChunkSize, 1));
    const began = performance.now();
    const read: Message[] = [];
    for (let at = 0; at < bytes.length; at += 1448) read.push(...reader.push(bytes.subarray(at, at + 1448)));
    expect(read[0]?.body.equals(Buffer.alloc(length, 1))).toBe(true);
    // It takes 0.2 s; joining the pieces again at each chunk took minutes, in which no output of the stream got a frame.
    expect(performance.now() - began).toBeLessThan(3000);
  });

  it('of noise end in a ChunkError or in messages, in nothing else', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = randoms(seed);
      const reader = new ChunkReader();
      try {
        for (let i = 0; i < 50; i += 1)
          reader.push(Buffer.from(Array.from({ length: random(60) }, () => random(seed % 3 === 0 ? 8 : 256))));
      } catch (error) {
        expect(error).toBeInstanceOf(ChunkError);
      }
    }
  });

  it('share the body, whose bytes are not copied', () => {
    const { body } = message(1, 200_000);
    const pieces = toChunks(6, { type: 9, streamId: 1, timestamp: 1, body }, 65_536).filter((_, i) => i % 2 === 1);
    expect(pieces.every((piece) => piece.buffer === body.buffer)).toBe(true);
    expect(Buffer.concat(pieces).equals(body)).toBe(true);
  });
});
