// RTMP's chunk stream (Adobe RTMP specification 1.0, section 5.3).

/** Message types (section 5.4 and 7.1). */
export const MESSAGE = {
  setChunkSize: 1,
  abort: 2,
  acknowledgement: 3,
  userControl: 4,
  windowAckSize: 5,
  setPeerBandwidth: 6,
  audio: 8,
  video: 9,
  commandAmf3: 17,
  data: 18,
  command: 20,
} as const;

export interface Message {
  type: number;
  /** 0 for the connection, else what createStream gave. */
  streamId: number;
  /** ms, 32 bits. */
  timestamp: number;
  body: Buffer;
}

const EXTENDED = 0xffffff;
/** Nothing that a server says to a publisher is near this. */
const MAX_MESSAGE = 1024 * 1024;
const DEFAULT_CHUNK_SIZE = 128;

/** Bytes that are not RTMP chunks. */
export class ChunkError extends Error {}

/**
 * The pieces of a message, to be written as they are: headers are new, pieces of the body are views of it. Every message
 * begins with a full header (type 0): it costs 11 bytes a frame and can never disagree with what the server remembers.
 */
export function toChunks(chunkStream: number, message: Message, chunkSize: number): Buffer[] {
  const { type, streamId, body } = message;
  const timestamp = message.timestamp % 0x1_0000_0000;
  const isExtended = timestamp >= EXTENDED;
  const head = Buffer.alloc(isExtended ? 16 : 12);
  head[0] = chunkStream;
  head.writeUIntBE(isExtended ? EXTENDED : timestamp, 1, 3);
  head.writeUIntBE(body.length, 4, 3);
  head[7] = type;
  head.writeUInt32LE(streamId, 8);
  if (isExtended) head.writeUInt32BE(timestamp, 12);
  const pieces = [head, body.subarray(0, chunkSize)];
  for (let at = chunkSize; at < body.length; at += chunkSize) {
    // Type 3; the extended timestamp is repeated (section 5.3.1.3, as servers understand it).
    const next = Buffer.alloc(isExtended ? 5 : 1);
    next[0] = 0xc0 | chunkStream;
    if (isExtended) next.writeUInt32BE(timestamp, 1);
    pieces.push(next, body.subarray(at, at + chunkSize));
  }
  return pieces;
}

/** What is remembered of a chunk stream between two chunks. */
interface ChunkStream {
  timestamp: number;
  delta: number;
  extended: boolean;
  length: number;
  type: number;
  streamId: number;
  parts: Buffer[];
  received: number;
}

/** Puts messages together from the bytes of a connection, however they are cut. */
export class ChunkReader {
  private rest: Buffer = Buffer.alloc(0);
  private chunkSize = DEFAULT_CHUNK_SIZE;
  private readonly streams = new Map<number, ChunkStream>();

  /** The messages that these bytes complete. Throws ChunkError. Chunk size and abort are obeyed here and returned, too. */
  push(data: Buffer): Message[] {
    this.rest = this.rest.length === 0 ? data : Buffer.concat([this.rest, data]);
    const messages: Message[] = [];
    for (let chunk = this.next(); chunk !== 'incomplete'; chunk = this.next()) {
      if (chunk === null) continue;
      this.obey(chunk);
      messages.push(chunk);
    }
    return messages;
  }

  private obey({ type, body }: Message): void {
    if (type === MESSAGE.setChunkSize && body.length >= 4) this.chunkSize = Math.max(1, body.readUInt32BE() & 0x7fffffff);
    else if (type === MESSAGE.abort && body.length >= 4) this.streams.delete(body.readUInt32BE());
  }

  /** One chunk: null when its message goes on. */
  private next(): Message | null | 'incomplete' {
    const bytes = this.rest;
    if (bytes.length === 0) return 'incomplete';
    const first = bytes[0] as number;
    const format = first >> 6;
    const basic = first & 0x3f;
    const basicLength = basic === 0 ? 2 : basic === 1 ? 3 : 1;
    const headLength = basicLength + ([11, 7, 3, 0][format] as number);
    if (bytes.length < headLength) return 'incomplete';
    const id = basic === 0 ? 64 + (bytes[1] as number) : basic === 1 ? 64 + bytes.readUInt16LE(1) : basic;
    const known = this.streams.get(id);
    if (format !== 0 && !known) throw new ChunkError('a chunk continues what never began');
    const stream = known ? { ...known } : { timestamp: 0, delta: 0, extended: false, length: 0, type: 0, streamId: 0, parts: [], received: 0 };
    const field = format === 3 ? 0 : bytes.readUIntBE(basicLength, 3);
    if (format !== 3) stream.extended = field === EXTENDED;
    const extraLength = stream.extended ? 4 : 0;
    if (bytes.length < headLength + extraLength) return 'incomplete';
    if (format <= 1) {
      stream.length = bytes.readUIntBE(basicLength + 3, 3);
      stream.type = bytes[basicLength + 6] as number;
    }
    if (stream.length > MAX_MESSAGE) throw new ChunkError(`a message of ${stream.length} bytes`);
    if (format === 0) stream.streamId = bytes.readUInt32LE(basicLength + 7);
    const from = headLength + extraLength;
    const size = Math.min(this.chunkSize, stream.length - stream.received);
    if (bytes.length < from + size) return 'incomplete';
    const isFirst = stream.received === 0;
    if (isFirst) advance(stream, format, stream.extended && format !== 3 ? bytes.readUInt32BE(headLength) : field);
    else if (format !== 3) throw new ChunkError('a message begins inside another one');
    this.rest = bytes.subarray(from + size);
    const body = bytes.subarray(from, from + size);
    if (stream.received + size < stream.length) {
      this.streams.set(id, { ...stream, parts: [...stream.parts, body], received: stream.received + size });
      return null;
    }
    const message = { type: stream.type, streamId: stream.streamId, timestamp: stream.timestamp, body: Buffer.concat([...stream.parts, body]) };
    this.streams.set(id, { ...stream, parts: [], received: 0 });
    return message;
  }
}

function advance(stream: ChunkStream, format: number, value: number): void {
  if (format === 0) {
    stream.timestamp = value;
    stream.delta = value;
  } else {
    if (format !== 3) stream.delta = value;
    stream.timestamp = (stream.timestamp + stream.delta) % 0x1_0000_0000;
  }
}
