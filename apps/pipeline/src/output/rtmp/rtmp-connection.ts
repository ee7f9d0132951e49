import type { Socket } from 'node:net';
import { debuglog } from 'node:util';
import { AckCount } from './ack-count.js';
import { type AmfValue, encodeAmf, readAmf } from './amf0.js';
import { Calls, Statuses } from './answers.js';
import { ChunkReader, isForPublishers, MESSAGE, type Message } from './chunks.js';
import { clientHello, ServerHello } from './handshake.js';
import { ListeningTime } from './listening-time.js';
import { Outbox } from './outbox.js';
import { type Status, toStatus } from './status.js';

/** One chunk per frame nearly always; the default of 128 would cost a header every 128 bytes. */
const CHUNK_SIZE = 65_536;
/** How often we ask to be told what arrived, bytes. Servers need not: see AckCount. */
const ACK_WINDOW = 250_000;
/** Answers to pings and acknowledgements are left out while more than this waits: who sends and never reads must not fill our memory. */
const MAX_QUEUE_FOR_ANSWERS = 1024 * 1024;
/** Read in one go, bytes: takes a millisecond at most, whatever they are. */
const SLICE = 4096;
const PING_REQUEST = 6;
const PING_RESPONSE = 7;

/** Chunk streams by what they carry, as encoders number them. */
export const CHUNK_STREAM = { control: 2, command: 3, audio: 4, data: 5, video: 6 } as const;

/** The server ended the connection in an orderly way. */
export class ConnectionEnded extends Error {}

/** The bytes that came are not RTMP. */
export class ProtocolError extends Error {}

/** With NODE_DEBUG=rtmp; never says what the server said. */
const debug = debuglog('rtmp');

/** Of all connections of this process. */
const listening = new ListeningTime(performance.now());

/** One RTMP connection over an open socket: handshake, chunks, control messages, calls. Knows nothing of publishing. */
export class RtmpConnection {
  /** What the server says of what it has received. */
  readonly acks = new AckCount();
  /** Of the server's messages, how many could not be read to their end, and why the last one could not. */
  unreadable: { count: number; problem: string } = { count: 0, problem: '' };
  private readonly reader = new ChunkReader(isForPublishers);
  private readonly calls = new Calls();
  private readonly statuses = new Statuses();
  private readonly outbox: Outbox;
  private handshaking: { server: ServerHello; resolve: () => void; reject: (error: Error) => void } | null = null;
  private ackWindow = ACK_WINDOW;
  private received = { total: 0, acknowledged: 0, window: Infinity };
  /** Why it ended: null by the server's orderly end, undefined while it runs. */
  private ending: Error | null | undefined;
  private closeListener: ((error: Error | null) => void) | null = null;

  constructor(readonly socket: Socket) {
    this.outbox = new Outbox(socket);
    socket.on('data', (data: Buffer) => this.receive(data));
    socket.on('error', (error) => this.end(error));
    socket.once('close', () => this.end(null));
    socket.once('end', () => this.destroy());
    // It may have ended (TLS 1.3: refused after our side was done) before anybody listened.
    if (socket.destroyed) this.end(socket.errored);
  }

  /** What waits for the network. */
  get queuedBytes(): number {
    return this.outbox.queuedBytes;
  }

  get bytesSent(): number {
    return this.outbox.bytesSent;
  }

  /** Called once; immediately if it is over already. */
  onClose(listener: (error: Error | null) => void): void {
    this.closeListener = listener;
    if (this.ending !== undefined) listener(this.ending);
  }

  /** Statuses that came while nobody listened come first; null stops listening. */
  onStatus(listener: ((status: Status) => void) | null): void {
    this.statuses.listen(listener);
  }

  /** C0 to S2 (section 5.2). Rejects with ProtocolError when the other side does not speak RTMP. */
  handshake(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.ending !== undefined) return reject(this.ending ?? new ConnectionEnded());
      this.handshaking = { server: new ServerHello(), resolve, reject };
      this.outbox.write([clientHello()]);
    });
  }

  /** Says how we chunk. */
  announceChunkSize(): void {
    this.control(MESSAGE.setChunkSize, CHUNK_SIZE);
    this.outbox.chunkSize = CHUNK_SIZE;
  }

  /** Says how often we want to be told what arrived. */
  announceWindow(): void {
    this.control(MESSAGE.windowAckSize, this.ackWindow);
  }

  /** Calls a procedure (of a stream; 0 is the connection) and waits for its `_result`. Rejects with CommandRefused, or when the connection ends. */
  call(streamId: number, name: string, ...values: AmfValue[]): Promise<AmfValue[]> {
    if (this.ending !== undefined) return Promise.reject(this.ending ?? new ConnectionEnded());
    const transaction = this.nextTransaction();
    const answer = this.calls.answerTo(transaction);
    this.command(streamId, name, transaction, ...values);
    return answer;
  }

  /** Sends a command; nobody waits for an answer. */
  command(streamId: number, name: string, transaction: number, ...values: AmfValue[]): void {
    this.send(CHUNK_STREAM.command, {
      type: MESSAGE.command,
      streamId,
      timestamp: 0,
      body: encodeAmf(name, transaction, ...values),
    });
  }

  /** A transaction number for a command whose answer does not matter. */
  nextTransaction(): number {
    return this.calls.nextTransaction();
  }

  send(chunkStream: number, message: Message): void {
    this.outbox.send(chunkStream, message);
  }

  /** Sends what is still queued, then ends; the server is expected to end its side, too. */
  finish(): void {
    this.outbox.flush();
    this.socket.end();
  }

  destroy(): void {
    this.end(null);
    this.socket.destroy();
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
    const handshakeResult = handshake.server.push(data);
    if (handshakeResult === null) return Buffer.alloc(0);
    this.outbox.write([handshakeResult.answer]);
    this.handshaking = null;
    handshake.resolve();
    return handshakeResult.rest;
  }

  private handle({ type, body }: Message): void {
    if (type === MESSAGE.command) this.handleCommand(body);
    // A byte that says how it is encoded stands before it; some leave that out.
    else if (type === MESSAGE.commandAmf3) this.handleCommand(body[0] === 0 ? body.subarray(1) : body);
    else if (type === MESSAGE.acknowledgement && body.length >= 4)
      this.acks.acknowledge(body.readUInt32BE(), this.bytesSent);
    else if (type === MESSAGE.windowAckSize && body.length >= 4)
      this.received.window = Math.max(1, body.readUInt32BE());
    else if (type === MESSAGE.setPeerBandwidth && body.length >= 4) this.limit(body.readUInt32BE());
    else if (type === MESSAGE.userControl && body.length >= 6 && body.readUInt16BE() === PING_REQUEST)
      this.pong(body.subarray(2, 6));
  }

  /** The server wants no more than this unacknowledged: it must acknowledge at least that often (section 5.4.5). */
  private limit(bandwidth: number): void {
    if (bandwidth === 0 || bandwidth >= this.ackWindow || this.queuedBytes > MAX_QUEUE_FOR_ANSWERS) return;
    this.ackWindow = bandwidth;
    this.announceWindow();
  }

  private pong(timestamp: Buffer): void {
    if (this.queuedBytes > MAX_QUEUE_FOR_ANSWERS) return;
    this.send(CHUNK_STREAM.control, {
      type: MESSAGE.userControl,
      streamId: 0,
      timestamp: 0,
      body: Buffer.concat([Buffer.from([0, PING_RESPONSE]), timestamp]),
    });
  }

  /** What cannot be read to its end counts as far as it can: mostly it answers nothing that we asked. */
  private handleCommand(body: Buffer): void {
    const {
      values: [name, transaction, ...values],
      problem,
    } = readAmf(body);
    if (problem !== null) {
      this.unreadable = { count: this.unreadable.count + 1, problem };
      debug('a command of %d bytes cannot be read: %s (%d so far)', body.length, problem, this.unreadable.count);
    }
    if (name === 'onStatus') {
      this.statuses.came(toStatus(values));
    } else if (name === '_result' || name === '_error') {
      this.calls.answered(name === '_error', transaction, values);
    } else if (name === 'close') {
      this.destroy();
    }
  }

  private end(error: Error | null): void {
    if (this.ending !== undefined) return;
    this.ending = error;
    const reason = error ?? new ConnectionEnded();
    this.handshaking?.reject(reason);
    this.calls.failAll(reason);
    this.closeListener?.(error);
  }
}
