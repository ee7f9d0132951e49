import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { AckCount } from './ack-count.js';
import { type AmfValue, decodeAmf, encodeAmf } from './amf0.js';
import { ChunkReader, MESSAGE, type Message, toChunks } from './chunks.js';

const VERSION = 3;
const HANDSHAKE_BYTES = 1536;
/** One chunk per frame nearly always; the default of 128 would cost a header every 128 bytes. */
const CHUNK_SIZE = 65_536;
/** How often we ask to be told what arrived, bytes. A wish: see AckCount. */
const ACK_WINDOW = 250_000;
/** Answers to pings and acknowledgements are left out while more than this waits: who sends and never reads must not fill our memory. */
const MAX_QUEUE_FOR_ANSWERS = 1024 * 1024;
/** Statuses that wait for a listener. */
const MAX_WAITING = 16;
const PING_REQUEST = 6;
const PING_RESPONSE = 7;

/** Chunk streams by what they carry, as encoders number them. */
export const CHUNK_STREAM = { control: 2, command: 3, audio: 4, data: 5, video: 6 } as const;

/** An `onStatus` or the information of a refusal (RTMP specification, 7.2.2). */
export interface Status {
  level: string;
  code: string;
  description: string;
}

/** The server answered a call with `_error`. */
export class CommandRefused extends Error {
  constructor(readonly status: Status) {
    super(status.code);
  }
}

/** The server ended the connection in an orderly way. */
export class ConnectionEnded extends Error {}

/** The bytes that came are not RTMP. */
export class ProtocolError extends Error {}

interface Call {
  resolve: (values: AmfValue[]) => void;
  reject: (error: Error) => void;
}

/** One RTMP connection over an open socket: handshake, chunks, control messages, calls. Knows nothing of publishing. */
export class RtmpConnection {
  bytesSent = 0;
  /** What the server says of what it has received. */
  readonly acks = new AckCount();
  private statusListener: ((status: Status) => void) | null = null;
  private waiting: Status[] = [];
  private readonly reader = new ChunkReader();
  private readonly calls = new Map<number, Call>();
  private lastTransaction = 0;
  private handshaking: { bytes: Buffer; resolve: () => void; reject: (error: Error) => void } | null = null;
  private chunkSize = 128;
  /** Of this turn of the event loop. */
  private unwritten: { pieces: Buffer[]; bytes: number } = { pieces: [], bytes: 0 };
  private ackWindow = ACK_WINDOW;
  private received = { total: 0, acknowledged: 0, window: Infinity };
  /** Why it ended: null by the server's orderly end, undefined while it runs. */
  private ending: Error | null | undefined;
  private closeListener: ((error: Error | null) => void) | null = null;

  constructor(readonly socket: Socket) {
    socket.on('data', (data: Buffer) => this.receive(data));
    socket.on('error', (error) => this.end(error));
    socket.once('close', () => this.end(null));
    socket.once('end', () => this.destroy());
    // It may have ended (TLS 1.3: refused after our side was done) before anybody listened.
    if (socket.destroyed) this.end(socket.errored);
  }

  /** What waits for the network. */
  get queuedBytes(): number {
    return this.socket.writableLength + this.unwritten.bytes;
  }

  /** Called once, at once if it is over already. */
  onClose(listener: (error: Error | null) => void): void {
    this.closeListener = listener;
    if (this.ending !== undefined) listener(this.ending);
  }

  /** Statuses that came while nobody listened come at once; null stops listening. */
  onStatus(listener: ((status: Status) => void) | null): void {
    this.statusListener = listener;
    while (this.statusListener && this.waiting.length > 0) this.statusListener(this.waiting.shift() as Status);
  }

  /** C0 to S2 (section 5.2). Rejects with ProtocolError when the other side does not speak RTMP. */
  handshake(): Promise<void> {
    const c0c1 = Buffer.alloc(1 + HANDSHAKE_BYTES);
    c0c1[0] = VERSION;
    randomBytes(HANDSHAKE_BYTES - 8).copy(c0c1, 9);
    return new Promise((resolve, reject) => {
      if (this.ending !== undefined) return reject(this.ending ?? new ConnectionEnded());
      this.handshaking = { bytes: Buffer.alloc(0), resolve, reject };
      this.write([c0c1]);
    });
  }

  /** Says how we chunk. */
  announceChunkSize(): void {
    this.control(MESSAGE.setChunkSize, CHUNK_SIZE);
    this.chunkSize = CHUNK_SIZE;
  }

  /** Says how often we want to be told what arrived. */
  announceWindow(): void {
    this.control(MESSAGE.windowAckSize, this.ackWindow);
  }

  /** Calls a procedure (of a stream; 0 is the connection) and waits for its `_result`. Rejects with CommandRefused, or when the connection ends. */
  call(streamId: number, name: string, ...values: AmfValue[]): Promise<AmfValue[]> {
    const transaction = this.nextTransaction();
    return new Promise((resolve, reject) => {
      if (this.ending !== undefined) return reject(this.ending ?? new ConnectionEnded());
      this.calls.set(transaction, { resolve, reject });
      this.command(streamId, name, transaction, ...values);
    });
  }

  /** Sends a command; nobody waits for an answer. */
  command(streamId: number, name: string, transaction: number, ...values: AmfValue[]): void {
    this.send(CHUNK_STREAM.command, { type: MESSAGE.command, streamId, timestamp: 0, body: encodeAmf(name, transaction, ...values) });
  }

  /** A transaction number for a command whose answer does not matter. */
  nextTransaction(): number {
    this.lastTransaction += 1;
    return this.lastTransaction;
  }

  send(chunkStream: number, message: Message): void {
    this.write(toChunks(chunkStream, message, this.chunkSize));
  }

  /** Sends what is still queued, then ends; the server is expected to end its side, too. */
  finish(): void {
    this.flush();
    this.socket.end();
  }

  destroy(): void {
    this.end(null);
    this.socket.destroy();
  }

  private write(pieces: Buffer[]): void {
    if (this.socket.destroyed || this.socket.writableEnded) return;
    if (this.unwritten.bytes === 0) process.nextTick(() => this.flush());
    for (const piece of pieces) {
      this.unwritten.pieces.push(piece);
      this.unwritten.bytes += piece.length;
      this.bytesSent += piece.length;
    }
  }

  /** One system call for all that a turn has brought: a picture comes with the audio of its time. A copy costs less than a list of pieces. */
  private flush(): void {
    const { pieces } = this.unwritten;
    if (pieces.length === 0) return;
    this.unwritten = { pieces: [], bytes: 0 };
    if (!this.socket.destroyed && !this.socket.writableEnded) this.socket.write(Buffer.concat(pieces));
  }

  private control(type: number, value: number): void {
    const body = Buffer.alloc(4);
    body.writeUInt32BE(value % 0x1_0000_0000);
    this.send(CHUNK_STREAM.control, { type, streamId: 0, timestamp: 0, body });
  }

  private receive(data: Buffer): void {
    if (this.ending !== undefined) return;
    try {
      this.count(data.length);
      const rest = this.handshaking ? this.continueHandshake(data) : data;
      if (rest.length === 0) return;
      for (const message of this.reader.push(rest)) this.handle(message);
    } catch (error) {
      this.end(new ProtocolError((error as Error).message));
      this.socket.destroy();
    }
  }

  private count(bytes: number): void {
    this.received.total += bytes;
    if (this.received.total - this.received.acknowledged < this.received.window) return;
    this.received.acknowledged = this.received.total;
    if (this.queuedBytes > MAX_QUEUE_FOR_ANSWERS) return;
    this.control(MESSAGE.acknowledgement, this.received.total);
  }

  /** Returns what follows S2. */
  private continueHandshake(data: Buffer): Buffer {
    const handshake = this.handshaking as NonNullable<typeof this.handshaking>;
    handshake.bytes = Buffer.concat([handshake.bytes, data]);
    if (handshake.bytes[0] !== VERSION) throw new ProtocolError('not RTMP');
    if (handshake.bytes.length < 1 + 2 * HANDSHAKE_BYTES) return Buffer.alloc(0);
    this.write([handshake.bytes.subarray(1, 1 + HANDSHAKE_BYTES)]);
    this.handshaking = null;
    handshake.resolve();
    return handshake.bytes.subarray(1 + 2 * HANDSHAKE_BYTES);
  }

  private handle({ type, body }: Message): void {
    if (type === MESSAGE.command) this.handleCommand(decodeAmf(body));
    else if (type === MESSAGE.commandAmf3) this.handleCommand(decodeAmf(body.subarray(1)));
    else if (type === MESSAGE.acknowledgement && body.length >= 4) this.acks.acknowledge(body.readUInt32BE(), this.bytesSent);
    else if (type === MESSAGE.windowAckSize && body.length >= 4) this.received.window = Math.max(1, body.readUInt32BE());
    else if (type === MESSAGE.setPeerBandwidth && body.length >= 4) this.limit(body.readUInt32BE());
    else if (type === MESSAGE.userControl && body.length >= 6 && body.readUInt16BE() === PING_REQUEST) this.pong(body.subarray(2, 6));
  }

  /** The server wants no more than this unacknowledged: it must acknowledge at least that often (section 5.4.5). */
  private limit(bandwidth: number): void {
    if (bandwidth === 0 || bandwidth >= this.ackWindow || this.queuedBytes > MAX_QUEUE_FOR_ANSWERS) return;
    this.ackWindow = bandwidth;
    this.announceWindow();
  }

  private pong(timestamp: Buffer): void {
    if (this.queuedBytes > MAX_QUEUE_FOR_ANSWERS) return;
    this.send(CHUNK_STREAM.control, { type: MESSAGE.userControl, streamId: 0, timestamp: 0, body: Buffer.concat([Buffer.from([0, PING_RESPONSE]), timestamp]) });
  }

  private handleCommand([name, transaction, ...values]: AmfValue[]): void {
    const call = typeof transaction === 'number' ? this.calls.get(transaction) : undefined;
    if (name === 'onStatus') {
      this.status(toStatus(values));
    } else if ((name === '_result' || name === '_error') && call) {
      this.calls.delete(transaction as number);
      const status = toStatus(values);
      if (name === '_error' || status.level === 'error') call.reject(new CommandRefused(status));
      else call.resolve(values);
    } else if (name === 'close') {
      this.destroy();
    }
  }

  private status(status: Status): void {
    if (this.statusListener) this.statusListener(status);
    else if (this.waiting.length < MAX_WAITING) this.waiting.push(status);
  }

  private end(error: Error | null): void {
    if (this.ending !== undefined) return;
    this.ending = error;
    const reason = error ?? new ConnectionEnded();
    this.handshaking?.reject(reason);
    for (const { reject } of this.calls.values()) reject(reason);
    this.calls.clear();
    this.closeListener?.(error);
  }
}

/** The information object is the last value; servers differ in what stands before it. */
function toStatus(values: AmfValue[]): Status {
  const found = values.findLast((value): value is Record<string, AmfValue> => typeof value === 'object' && value !== null && !Array.isArray(value));
  const text = (value: AmfValue): string => (typeof value === 'string' ? value : '');
  return { level: text(found?.level), code: text(found?.code), description: text(found?.description) };
}
