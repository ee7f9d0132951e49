import { TransferError, type ReasonCode, type TransferTarget } from '#libs/transfer';
import { encodeAmf, encodeEcmaArray } from './amf0.js';
import { answerChallenge, parseChallenge } from './auth.js';
import { MESSAGE } from './chunks.js';
import { Aborted, DEADLINES, type Deadlines, within } from './deadlines.js';
import { openSocket, type SocketOptions } from './open-socket.js';
import { CHUNK_STREAM, CommandRefused, ConnectionEnded, ProtocolError, RtmpConnection, type Status } from './rtmp-connection.js';
import { withoutSecrets } from './without-secrets.js';

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

/** A stream being published to one platform. Exists only from the moment the platform has accepted the publish. */
export class RtmpPublisher {
  private closing = false;
  private ended: { error: TransferError | null } | null = null;
  private closeListener: ((error: TransferError | null) => void) | null = null;

  private constructor(
    private readonly connection: RtmpConnection,
    private readonly streamId: number,
    private readonly target: TransferTarget,
    private readonly sendsMetadata: boolean,
  ) {
    connection.onClose((error) => this.end(error ? new TransferError('connection_lost', (error as NodeJS.ErrnoException).code) : new TransferError('closed_by_platform')));
    connection.onStatus = (status) => {
      if (status.level === 'error' || status.code === 'NetStream.Unpublish.Success') {
        this.end(new TransferError('closed_by_platform', describe(status, target)));
        connection.destroy();
      }
    };
  }

  /**
   * Resolves when the platform has said NetStream.Publish.Start. Rejects with TransferError, whose code says which step
   * failed, or with Aborted. Nothing stays open after a rejection.
   */
  static async connect(target: TransferTarget, options: PublisherOptions, signal: AbortSignal): Promise<RtmpPublisher> {
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

  /** As the platform acknowledged; 0 for ever with platforms that do not. */
  get bytesAcked(): number {
    return this.connection.bytesAcked;
  }

  /** Called once when the connection is over: with the reason, or null after our own `close`. */
  onClose(listener: (error: TransferError | null) => void): void {
    this.closeListener = listener;
    if (this.ended) listener(this.ended.error);
  }

  /** onMetaData, unless switched off for this transfer. */
  sendMetadata(values: Record<string, string | number | boolean>): void {
    if (!this.sendsMetadata) return;
    const body = Buffer.concat([encodeAmf('@setDataFrame', 'onMetaData'), encodeEcmaArray(values)]);
    this.connection.send(CHUNK_STREAM.data, { type: MESSAGE.data, streamId: this.streamId, timestamp: 0, body });
  }

  /** @param timestamp ms since the beginning. @param body FLV tag data; kept until it is sent, so it must not change. */
  sendVideo(timestamp: number, body: Buffer): void {
    this.connection.send(CHUNK_STREAM.video, { type: MESSAGE.video, streamId: this.streamId, timestamp, body });
  }

  sendAudio(timestamp: number, body: Buffer): void {
    this.connection.send(CHUNK_STREAM.audio, { type: MESSAGE.audio, streamId: this.streamId, timestamp, body });
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
      await step(connection.handshake(), deadlines.handshakeMs, 'handshake_failed', HANDSHAKE, target, signal);
      connection.announce();
      const app = withQuery(target.app, credentials);
      const tcUrl = withQuery(target.tcUrl, credentials);
      const connecting = connection.call('connect', { app, type: 'nonprivate', flashVer: options.flashVer ?? FLASH_VERSION, tcUrl });
      await step(connecting, deadlines.connectMs, 'handshake_failed', 'connect', target, signal);
      return connection;
    } catch (error) {
      connection.destroy();
      if (!(error instanceof CommandRefused)) throw error;
      const challenge = parseChallenge(error.status.description);
      if (challenge === null) throw new TransferError('connect_rejected', describe(error.status, target));
      if (challenge.kind === 'refused' || turn === MAX_CONNECTIONS) throw new TransferError('auth_failed', describe(error.status, target));
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
  try {
    const [, streamId] = await step(connection.call('createStream', null), left(), 'publish_timeout', 'createStream', target, signal);
    if (typeof streamId !== 'number') throw new TransferError('handshake_failed', 'createStream gave no stream');
    const started = new Promise<void>((resolve, reject) => {
      connection.onStatus = (status) => {
        if (status.code === 'NetStream.Publish.Start') resolve();
        else if (status.level === 'error') reject(new CommandRefused(status));
      };
      connection.onClose((error) => reject(error ?? new ConnectionEnded()));
    });
    connection.command(streamId, 'publish', connection.nextTransaction(), null, streamName, 'live');
    await step(started, left(), 'publish_timeout', 'publish', target, signal);
    return streamId;
  } catch (error) {
    if (error instanceof CommandRefused) throw new TransferError(refusalCode(error.status), describe(error.status, target));
    throw error;
  }
}

function refusalCode({ code, description }: Status): ReasonCode {
  // nginx-rtmp says BadName for a name in use; others for a key they do not know.
  if (code === 'NetStream.Publish.BadName') return /denied|invalid|unauthori|not (found|allowed)/i.test(description) ? 'publish_denied' : 'stream_name_in_use';
  return 'publish_denied';
}

/** One step under its deadline; what breaks in it becomes a TransferError that names it. CommandRefused passes. */
async function step<T>(work: Promise<T>, ms: number, code: ReasonCode, what: string, target: TransferTarget, signal: AbortSignal): Promise<T> {
  try {
    return await within(work, ms, () => new TransferError(code, `no answer to ${what} in time`), signal);
  } catch (error) {
    if (error instanceof TransferError || error instanceof CommandRefused || error instanceof Aborted) throw error;
    if (error instanceof ConnectionEnded) {
      // Many servers refuse without a word: an unknown application at connect, a wrong key at publish.
      if (what === HANDSHAKE) throw new TransferError('handshake_failed', 'it closed the connection');
      throw new TransferError('closed_by_platform', `in answer to ${what}; check the URL's path and stream key`);
    }
    if (error instanceof ProtocolError) throw new TransferError('handshake_failed', withoutSecrets(`${what}: ${error.message}`, target));
    throw new TransferError('connection_lost', `during ${what}, ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`);
  }
}

function describe({ code, description }: Status, target: TransferTarget): string | undefined {
  const text = [code, description].filter((part) => part !== '').join(': ');
  return text === '' ? undefined : withoutSecrets(text, target);
}
