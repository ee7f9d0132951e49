import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TransferError, type ReasonCode, type TransferTarget } from '#libs/transfer';
import { encodeAmf, encodeEcmaArray } from './amf0.js';
import { answerChallenge, parseChallenge } from './auth.js';
import { MESSAGE } from './chunks.js';
import { Aborted, DEADLINES, type Deadlines, within } from '../../process/deadlines.js';
import { openSocket, type SocketOptions } from './open-socket.js';
import { CHUNK_STREAM, CommandRefused, ConnectionEnded, ProtocolError, RtmpConnection } from './rtmp-connection.js';
import { MAX_REDIRECTS, Redirected, redirectTarget } from './redirect.js';
import type { Status } from './status.js';
import { describeStatus, withoutSecrets } from './without-secrets.js';

/** How to get to the platform, and what to tell it. */
export interface PublisherOptions extends SocketOptions {
  /** What we claim to be; some servers treat encoders by their name. */
  flashVer?: string;
  /** Send onMetaData; true unless switched off. */
  sendMetadata?: boolean;
  deadlines?: Partial<Deadlines>;
}

const FLASH_VERSION = 'FMLE/3.0 (compatible; manycast)';
/** Asked who we are, asked to prove it, answered. */
const MAX_CONNECTIONS = 3;
const HANDSHAKE = 'the handshake';
/** A message's length has 24 bits. */
const MAX_BODY = 0xffffff;
/** A publish is refused. Some servers say so at a level that is not `error`. */
const REFUSES = /^NetStream\.Publish\.(BadName|Denied|Unauthori[sz]ed|Rejected|Failed)$|^NetConnection\.Connect\.(Closed|Rejected|Failed|AppShutdown|InvalidApp)$/;
/** What a server says of its recording, or of those who watch, is not about the publish. */
const ASIDE = /^NetStream\.(Record|Play|Seek|Data)\./;
const isRefusal = ({ level, code, redirect }: Status): boolean => redirect !== null || REFUSES.test(code) || (level === 'error' && !ASIDE.test(code));
/** A publish that was accepted ends. */
const isEnd = (status: Status): boolean => isRefusal(status) || status.code.startsWith('NetStream.Unpublish.');
/** Servers say Publish.Start. One that gave a result instead, and after so long no status, has accepted. */
const STATUS_PATIENCE_MS = 1000;

/** A stream being published to one platform. Exists only from the moment the platform has accepted the publish. */
export class RtmpPublisher {
  private closing = false;
  private lastTimestamp = 0;
  private ended: { error: TransferError | null } | null = null;
  private closeListener: ((error: TransferError | null) => void) | null = null;

  private constructor(
    private readonly connection: RtmpConnection,
    private readonly streamId: number,
    private readonly target: TransferTarget,
    private readonly sendsMetadata: boolean,
  ) {
    connection.onStatus((status) => {
      // After our own goodbye the platform says what it did; cutting it off now could lose the rest of the goodbye.
      if (this.closing || !isEnd(status)) return;
      this.end(new TransferError('closed_by_platform', describeStatus(status, target)));
      connection.destroy();
    });
    // After the statuses: what the platform said last explains its end better than the end itself.
    connection.onClose((error) => this.end(error ? brokenBy(error) : new TransferError('closed_by_platform')));
  }

  /**
   * Resolves when the platform has said NetStream.Publish.Start, there or where it redirects to. Rejects with TransferError,
   * whose code says which step failed, or with Aborted. Nothing stays open after a rejection.
   */
  static async connect(target: TransferTarget, options: PublisherOptions, signal: AbortSignal): Promise<RtmpPublisher> {
    let at = target;
    for (let redirects = 0; ; redirects += 1) {
      try {
        return await RtmpPublisher.connectTo(at, options, signal);
      } catch (error) {
        if (!(error instanceof Redirected)) throw error;
        if (redirects === MAX_REDIRECTS) throw new TransferError('redirected', `again after ${MAX_REDIRECTS} redirects`);
        at = redirectTarget(at, error.status.redirect ?? '');
      }
    }
  }

  private static async connectTo(target: TransferTarget, options: PublisherOptions, signal: AbortSignal): Promise<RtmpPublisher> {
    const deadlines = { ...DEADLINES, ...options.deadlines };
    const connection = await connectApp(target, options, deadlines, signal);
    try {
      const streamId = await publish(connection, target, deadlines, signal);
      return new RtmpPublisher(connection, streamId, target, options.sendMetadata !== false);
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  /** Handed to the socket and not yet taken by the network. */
  get queuedBytes(): number {
    return this.connection.queuedBytes;
  }

  get bytesSent(): number {
    return this.connection.bytesSent;
  }

  /** As the platform acknowledges in RTMP; null where it does not, or counts in a way of its own. */
  get bytesAcked(): number | null {
    return this.connection.acks.bytes;
  }

  /** For what its TCP knows. */
  get socket(): Socket {
    return this.connection.socket;
  }

  /** Called once when the connection is over: with the reason, or null after our own `close`. */
  onClose(listener: (error: TransferError | null) => void): void {
    this.closeListener = listener;
    if (this.ended) listener(this.ended.error);
  }

  /** onMetaData, unless switched off for this transfer. In the middle of a stream it bears the time of what was sent last. */
  sendMetadata(values: Record<string, string | number | boolean>): void {
    if (!this.sendsMetadata) return;
    const body = Buffer.concat([encodeAmf('@setDataFrame', 'onMetaData'), encodeEcmaArray(values)]);
    this.send('data', this.lastTimestamp, body);
  }

  /** @param timestamp ms since the beginning. @param body FLV tag data; kept until it is sent, so it must not change. */
  sendVideo(timestamp: number, body: Buffer): void {
    this.send('video', timestamp, body);
  }

  /** As `sendVideo`. */
  sendAudio(timestamp: number, body: Buffer): void {
    this.send('audio', timestamp, body);
  }

  /**
   * `clean` ends the broadcast as platforms want it told (FCUnpublish, deleteStream) and waits, at most `deadlineMs`, until
   * that is sent. Otherwise the connection is cut.
   */
  async close({ clean, deadlineMs }: { clean: boolean; deadlineMs: number }): Promise<void> {
    this.closing = true;
    const { socket } = this.connection;
    if (clean && !socket.destroyed) {
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      const { streamName } = this.target;
      this.connection.command(0, 'FCUnpublish', this.connection.nextTransaction(), null, streamName);
      this.connection.command(0, 'deleteStream', this.connection.nextTransaction(), null, this.streamId);
      this.connection.finish();
      const late = new Promise<void>((resolve) => setTimeout(resolve, deadlineMs).unref());
      await Promise.race([closed, late]);
    }
    this.connection.destroy();
    this.end(null);
  }

  private send(kind: 'audio' | 'video' | 'data', timestamp: number, body: Buffer): void {
    // Frames of 16 MiB cannot be told in RTMP; better one is missing than that the sender throws.
    if (this.ended || body.length > MAX_BODY) return;
    this.lastTimestamp = Math.max(this.lastTimestamp, timestamp);
    this.connection.send(CHUNK_STREAM[kind], { type: MESSAGE[kind], streamId: this.streamId, timestamp, body });
  }

  private end(error: TransferError | null): void {
    if (this.ended) return;
    this.ended = { error: this.closing ? null : error };
    this.closeListener?.(this.ended.error);
  }
}

/** Socket, handshake and `connect`, again with the answers when the server asks for a password. */
async function connectApp(target: TransferTarget, options: PublisherOptions, deadlines: Deadlines, signal: AbortSignal): Promise<RtmpConnection> {
  let credentials = '';
  for (let turn = 1; ; turn += 1) {
    const connection = new RtmpConnection(await openSocket(target, options, deadlines, signal));
    try {
      await step(connection.handshake(), deadlines.handshakeMs, 'handshake_failed', HANDSHAKE, signal);
      connection.announceChunkSize();
      const app = withQuery(target.app, credentials);
      const tcUrl = withQuery(target.tcUrl, credentials);
      const connecting = connection.call(0, 'connect', { app, type: 'nonprivate', flashVer: options.flashVer ?? FLASH_VERSION, tcUrl });
      await step(connecting, deadlines.connectMs, 'handshake_failed', 'connect', signal);
      connection.announceWindow();
      return connection;
    } catch (error) {
      connection.destroy();
      if (!(error instanceof CommandRefused)) throw error;
      if (error.status.redirect !== null) throw new Redirected(error.status);
      const challenge = parseChallenge(error.status.description);
      if (challenge === null) throw new TransferError('connect_rejected', describeStatus(error.status, target));
      if (challenge.kind === 'refused' || turn === MAX_CONNECTIONS) throw new TransferError('auth_failed', describeStatus(error.status, target));
      if (target.user === undefined) throw new TransferError('auth_failed', 'the platform asks for a user name and a password');
      credentials = answerChallenge(challenge, target.app, target.user, target.password ?? '');
    }
  }
}

const withQuery = (text: string, query: string): string => (query === '' ? text : `${text}${text.includes('?') ? '&' : '?'}${query}`);

/** As encoders do it: releaseStream and FCPublish are for old servers, and their refusal means nothing. */
async function publish(connection: RtmpConnection, target: TransferTarget, deadlines: Deadlines, signal: AbortSignal): Promise<number> {
  const { streamName } = target;
  const until = performance.now() + deadlines.publishMs;
  const left = (): number => Math.max(1, until - performance.now());
  connection.command(0, 'releaseStream', connection.nextTransaction(), null, streamName);
  connection.command(0, 'FCPublish', connection.nextTransaction(), null, streamName);
  let asked = false;
  const started = new Promise<void>((resolve, reject) => {
    connection.onStatus((status) => {
      if (asked && status.code === 'NetStream.Publish.Start') {
        // What follows in the same packet is for the publisher, which listens next.
        connection.onStatus(null);
        resolve();
      } else if (status.redirect !== null || REFUSES.test(status.code) || (asked && isRefusal(status))) {
        reject(new CommandRefused(status));
      }
    });
  });
  try {
    const created = connection.call(0, 'createStream', null);
    // Some refuse the key at FCPublish already.
    const [, streamId] = await step(Promise.race([created, started.then(() => created)]), left(), 'publish_timeout', 'createStream', signal);
    if (!isStreamId(streamId)) throw new TransferError('handshake_failed', `createStream gave no stream${unreadable(connection)}`);
    asked = true;
    const answered = connection.call(streamId, 'publish', null, streamName, 'live');
    await step(Promise.race([started, answered.then(() => sleep(STATUS_PATIENCE_MS))]), left(), 'publish_timeout', 'publish', signal);
    return streamId;
  } catch (error) {
    if (error instanceof CommandRefused && error.status.redirect !== null) throw new Redirected(error.status);
    if (error instanceof CommandRefused) throw new TransferError(refusalCode(error.status, target), describeStatus(error.status, target));
    throw error;
  }
}

const unreadable = ({ unreadable: { count, problem } }: RtmpConnection): string => (count === 0 ? '' : ` (its answer cannot be read: ${problem})`);

const isStreamId = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffffffff;

function refusalCode({ code, description }: Status, target: TransferTarget): ReasonCode {
  if (code.startsWith('NetConnection.Connect.')) return code === 'NetConnection.Connect.Closed' ? 'closed_by_platform' : 'connect_rejected';
  if (code !== 'NetStream.Publish.BadName') return 'publish_denied';
  // nginx-rtmp says BadName for a name in use; others for a key they do not know. The name itself must not decide.
  const text = withoutSecrets(description, target);
  return /denied|invalid|unauthori|not (found|allowed)/i.test(text) && !/already|in use|busy/i.test(text) ? 'publish_denied' : 'stream_name_in_use';
}

/** One step under its deadline; what breaks in it becomes a TransferError that names it. CommandRefused passes. */
async function step<T>(work: Promise<T>, ms: number, code: ReasonCode, what: string, signal: AbortSignal): Promise<T> {
  try {
    return await within(work, ms, () => new TransferError(code, `no answer to ${what} in time`), signal);
  } catch (error) {
    if (error instanceof TransferError || error instanceof CommandRefused || error instanceof Aborted) throw error;
    if (error instanceof ProtocolError) throw new TransferError('handshake_failed', `${what}: ${error.message}`);
    const { code: systemCode } = error as NodeJS.ErrnoException;
    if (what === HANDSHAKE) throw new TransferError('handshake_failed', systemCode === undefined ? 'it closed the connection' : `it broke the connection, ${systemCode}`);
    // Many servers refuse without a word: an unknown application at connect, a wrong key at publish. Those that had not read everything reset.
    const refused = error instanceof ConnectionEnded || systemCode === 'ECONNRESET' || systemCode === 'EPIPE';
    if (refused) throw new TransferError('closed_by_platform', `in answer to ${what}; check the URL's path and stream key`);
    throw new TransferError('connection_lost', `during ${what}, ${systemCode ?? 'unknown'}`);
  }
}

/** What ended an accepted publish, other than the platform's orderly end. */
function brokenBy(error: Error): TransferError {
  return new TransferError('connection_lost', error instanceof ProtocolError ? `it does not speak RTMP: ${error.message}` : (error as NodeJS.ErrnoException).code);
}
