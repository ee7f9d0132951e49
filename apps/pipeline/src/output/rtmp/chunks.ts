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
const DEFAULT_CHUNK_SIZE = 128;
/** Nothing that a server says to a publisher is near this. */
const MAX_MESSAGE = 1024 * 1024;
const MAX_COMMAND = 64 * 1024;
/** Servers use a handful. Each may hold an unfinished message, so without a bound a hostile one could fill the memory. */
const MAX_CHUNK_STREAMS = 64;
/** Announced lengths of all unfinished messages together. */
const MAX_UNFINISHED = 2 * MAX_MESSAGE;

/** What a publisher reads of its server's messages: commands of a length that commands have, and control messages. */
export const isForPublishers = (type: number, length: number): boolean =>
  length <= MAX_COMMAND && (type < MESSAGE.audio || type === MESSAGE.commandAmf3 || type === MESSAGE.command);

/** Bytes that are not RTMP chunks. */
export class ChunkError extends Error {}

/**
 * The pieces of a message, to be written as they are: headers are new, pieces of the body are views of it. Every message
 * begins with a full header (type 0): it costs 11 bytes a frame and can never disagree with what the server remembers.
 */
export function toChunks(chunkStream: number, message: Message, chunkSize: number): Buffer[] {
  const { type, streamId, body } = message;
  // Modulo 2^32: after 49.7 days the timestamp begins again.
  const timestamp = message.timestamp >>> 0;
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

/**
 * Whether the next chunk of a message begins with the extended timestamp once more. The specification wants it (5.3.1.3),
 * old servers leave it out. `next` are the four bytes there, or as many as have come.
 */
function isRepeated(timestamp: number | null, next: Buffer): boolean {
  if (timestamp === null) return true;
  const expected = Buffer.alloc(4);
  expected.writeUInt32BE(timestamp);
  return expected.subarray(0, next.length).equals(next);
}

/** What is remembered of a chunk stream between two chunks. */
interface ChunkStream {
  timestamp: number;
  delta: number;
  extended: boolean;
  length: number;
  type: number;
  streamId: number;
  /** The extended timestamp of its last full header; null where that was a delta. */
  extendedTimestamp: number | null;
  /** The message that is being put together. */
  body: Buffer | null;
  received: number;
  /** Its bytes are passed over. */
  skipped: boolean;
}

/** A chunk whose header was read. */
interface OpenChunk {
  stream: ChunkStream;
  /** Bytes of its payload to come. */
  left: number;
}

/**
 * Puts messages together from the bytes of a connection, however they are cut. Work and memory are bounded by what comes in:
 * bytes go to their place in the message immediately, and only an incomplete header is kept.
 */
export class ChunkReader {
  private rest: Buffer = Buffer.alloc(0);
  private chunkSize = DEFAULT_CHUNK_SIZE;
  private unfinished = 0;
  private readonly streams = new Map<number, ChunkStream>();
  /** The chunk whose payload is being read. */
  private open: OpenChunk | null = null;

  /** @param wanted Which messages (type and length) to return; the bytes of all others are passed over. */
  constructor(private readonly wanted: (type: number, length: number) => boolean = () => true) {}

  /** The messages that these bytes complete. Throws ChunkError. Chunk size and abort are obeyed here and returned, too. */
  push(data: Buffer): Message[] {
    const bytes = this.rest.length === 0 ? data : Buffer.concat([this.rest, data]);
    const messages: Message[] = [];
    let at = 0;
    for (;;) {
      if (this.open === null) {
        const used = this.readHeader(bytes.subarray(at));
        if (used === 0) break;
        at += used;
        continue;
      }
      at += this.readPayload(this.open, bytes.subarray(at));
      if (this.open.left > 0) break;
      const message = this.finishChunk(this.open.stream);
      if (message) messages.push(message);
    }
    // A copy: a view would keep the network's whole buffer.
    this.rest = Buffer.from(bytes.subarray(at));
    return messages;
  }

  /** Opens the next chunk and returns the length of its header; 0 while that is incomplete, and then nothing has changed. */
  private readHeader(bytes: Buffer): number {
    if (bytes.length === 0) return 0;
    const first = bytes[0] as number;
    const format = first >> 6;
    const basic = first & 0x3f;
    const basicLength = basic === 0 ? 2 : basic === 1 ? 3 : 1;
    const length = basicLength + ([11, 7, 3, 0][format] as number);
    if (bytes.length < length) return 0;
    const id = basic === 0 ? 64 + (bytes[1] as number) : basic === 1 ? 64 + bytes.readUInt16LE(1) : basic;
    const stream = this.streams.get(id) ?? this.newStream(format);
    const field = format === 3 ? 0 : bytes.readUIntBE(basicLength, 3);
    const extended = format === 3 ? stream.extended : field === EXTENDED;
    const repeated =
      extended &&
      (format !== 3 || !stream.body || isRepeated(stream.extendedTimestamp, bytes.subarray(length, length + 4)));
    if (bytes.length < length + (repeated ? 4 : 0)) return 0;
    if (format !== 3 && stream.body) throw new ChunkError('a message begins inside another one');
    stream.extended = extended;
    const extendedField = repeated ? bytes.readUInt32BE(length) : 0;
    if (format !== 3) stream.extendedTimestamp = format === 0 ? extendedField : null;
    if (format <= 1) {
      stream.length = bytes.readUIntBE(basicLength + 3, 3);
      stream.type = bytes[basicLength + 6] as number;
    }
    if (format === 0) stream.streamId = bytes.readUInt32LE(basicLength + 7);
    if (!stream.body) this.beginMessage(stream, format, extended && format !== 3 ? extendedField : field);
    this.streams.set(id, stream);
    this.open = { stream, left: Math.min(this.chunkSize, stream.length - stream.received) };
    return length + (repeated ? 4 : 0);
  }

  /** Type 1 says all but the stream's number, which is 0 for what servers begin with it; 2 and 3 say too little. */
  private newStream(format: number): ChunkStream {
    if (format > 1) throw new ChunkError('a chunk continues what never began');
    if (this.streams.size >= MAX_CHUNK_STREAMS) throw new ChunkError('too many chunk streams');
    return {
      timestamp: 0,
      delta: 0,
      extended: false,
      length: 0,
      type: 0,
      streamId: 0,
      extendedTimestamp: null,
      body: null,
      received: 0,
      skipped: false,
    };
  }

  private beginMessage(stream: ChunkStream, format: number, value: number): void {
    if (stream.length > MAX_MESSAGE) throw new ChunkError(`a message of ${stream.length} bytes`);
    this.unfinished += stream.length;
    if (this.unfinished > MAX_UNFINISHED) throw new ChunkError('too many unfinished messages');
    stream.body = Buffer.alloc(0);
    stream.received = 0;
    stream.skipped = !this.wanted(stream.type, stream.length);
    if (format !== 3) stream.delta = value;
    stream.timestamp = format === 0 ? value : (stream.timestamp + stream.delta) % 0x1_0000_0000;
  }

  private readPayload(open: OpenChunk, bytes: Buffer): number {
    const { stream } = open;
    const size = Math.min(open.left, bytes.length);
    const room = stream.body as Buffer;
    if (!stream.skipped && stream.received + size > room.length) {
      // Grows with what has come: an announced length alone costs nothing, and many small chunks are not copied each time.
      const larger = Buffer.allocUnsafe(Math.min(stream.length, Math.max(4096, 2 * (stream.received + size))));
      room.copy(larger, 0, 0, stream.received);
      stream.body = larger;
    }
    if (!stream.skipped) bytes.copy(stream.body as Buffer, stream.received, 0, size);
    stream.received += size;
    open.left -= size;
    return size;
  }

  private finishChunk(stream: ChunkStream): Message | null {
    this.open = null;
    if (stream.received < stream.length) return null;
    const { type, streamId, timestamp } = stream;
    const message = { type, streamId, timestamp, body: stream.body as Buffer };
    const { skipped } = stream;
    this.drop(stream);
    if (skipped) return null;
    this.obey(message);
    return message;
  }

  private obey({ type, body }: Message): void {
    if (type === MESSAGE.setChunkSize && body.length >= 4) {
      this.chunkSize = Math.max(1, body.readUInt32BE() & 0x7fffffff);
    } else if (type === MESSAGE.abort && body.length >= 4) {
      // Only the message goes (section 5.4.2): later headers may still refer to its header.
      const stream = this.streams.get(body.readUInt32BE());
      if (stream?.body) this.drop(stream);
    }
  }

  private drop(stream: ChunkStream): void {
    this.unfinished -= stream.length;
    stream.body = null;
    stream.received = 0;
  }
}
