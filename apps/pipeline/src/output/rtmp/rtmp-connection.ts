import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { debuglog } from 'node:util';
import { AckCount } from './ack-count.js';
import { type AmfValue, encodeAmf, readAmf } from './amf0.js';
import { ChunkReader, isForPublishers, MESSAGE, type Message, toChunks } from './chunks.js';
import { ListeningTime } from './listening-time.js';
import { type Status, toStatus } from './status.js';

const VERSION = 3;
/** Versions from here on are no RTMP, but the letters of other protocols (section 5.2.2). Servers that say another one below it speak RTMP all the same. */
const NO_VERSION = 32;
const HANDSHAKE_BYTES = 1536;
/** One chunk per frame nearly always; the default of 128 would cost a header every 128 bytes. */
const CHUNK_SIZE = 65_536;
/** How often we ask to be told what arrived, bytes. A wish: see AckCount. */
const ACK_WINDOW = 250_000;
/** Answers to pings and acknowledgements are left out while more than this waits: who sends and never reads must not fill our memory. */
const MAX_QUEUE_FOR_ANSWERS = 1024 * 1024;
/** Statuses that wait for a listener. */
const MAX_WAITING = 16;
/** Read at once, bytes: takes a millisecond at most, whatever they are. */
const SLICE = 4096;
const PING_REQUEST = 6;
const PING_RESPONSE = 7;

/** Chunk streams by what they carry, as encoders number them. */
export const CHUNK_STREAM = { control: 2, command: 3, audio: 4, data: 5, video: 6 } as const;

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

/** With NODE_DEBUG=rtmp; never says what the server said. */
const debug = debuglog('rtmp');

/** Of all connections of this process. */
const listening = new ListeningTime(performance.now());

type Call = { resolve: (values: AmfValue[]) => void; reject: (error: Error) => void };

/** One RTMP connection over an open socket: handshake, chunks, control messages, calls. Knows nothing of publishing. */
export class RtmpConnection {
  bytesSent = 0;
  /** What the server says of what it has received. */
  readonly acks = new AckCount();
  private statusListener: ((status: Status) => void) | null = null;
  private waiting: Status[] = [];
  /** Of the server's messages, how many could not be read to their end, and why the last one could not. */
  unreadable: { count: number; problem: string } = { count: 0, problem: '' };
  private readonly reader = new ChunkReader(isForPublishers);
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

  /** In slices, and what takes too long later: a server that floods us waits, and the frames for others do not. */
  private receive(data: Buffer): void {
    let at = 0;
    let pauseMs = 0;
    while (at < data.length && pauseMs === 0 && this.ending === undefined) {
      const began = performance.now();
      this.read(data.subarray(at, at + SLICE));
      at = Math.min(data.length, at + SLICE);
      const now = performance.now();
      pauseMs = listening.spend(now - began, now);
    }
    if (this.ending !== undefined) return;
    this.count(at);
    if (pauseMs === 0) return;
    this.socket.pause();
    if (at < data.length) this.socket.unshift(data.subarray(at));
    setTimeout(() => this.socket.resume(), pauseMs);
  }

  private read(data: Buffer): void {
    try {
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
    if ((handshake.bytes[0] as number) >= NO_VERSION) throw new ProtocolError('not RTMP');
    if (handshake.bytes.length < 1 + 2 * HANDSHAKE_BYTES) return Buffer.alloc(0);
    this.write([handshake.bytes.subarray(1, 1 + HANDSHAKE_BYTES)]);
    this.handshaking = null;
    handshake.resolve();
    return handshake.bytes.subarray(1 + 2 * HANDSHAKE_BYTES);
  }

  private handle({ type, body }: Message): void {
    if (type === MESSAGE.command) this.handleCommand(body);
    // A byte that says how it is encoded stands before it; some leave that out.
    else if (type === MESSAGE.commandAmf3) this.handleCommand(body[0] === 0 ? body.subarray(1) : body);
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

  /** What cannot be read to its end counts as far as it can: mostly it answers nothing that we asked. */
  private handleCommand(body: Buffer): void {
    const { values: [name, transaction, ...values], problem } = readAmf(body);
    if (problem !== null) {
      this.unreadable = { count: this.unreadable.count + 1, problem };
      debug('a command of %d bytes cannot be read: %s (%d so far)', body.length, problem, this.unreadable.count);
    }
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
