// The way to an accepted publish: each step under its deadline, each failure with the step's name.
import { setTimeout as sleep } from 'node:timers/promises';
import { TransferError, type ReasonCode, type TransferTarget } from '#libs/transfer';
import { Aborted, type Deadlines, within } from '../../process/deadlines.js';
import { CommandRefused } from './answers.js';
import { answerChallenge, parseChallenge } from './auth.js';
import { openSocket, type SocketOptions } from './open-socket.js';
import { Redirected } from './redirect.js';
import { isRefusal, REFUSES, refusalCode } from './refusals.js';
import { ConnectionEnded, ProtocolError, RtmpConnection } from './rtmp-connection.js';
import { describeStatus } from './without-secrets.js';

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
/** Servers say Publish.Start. One that gave a result instead, and after so long no status, has accepted. */
const STATUS_PATIENCE_MS = 1000;

/** Socket, handshake and `connect`, again with the answers when the server asks for a password. */
export async function connectApp(
  target: TransferTarget,
  options: PublisherOptions,
  deadlines: Deadlines,
  signal: AbortSignal,
): Promise<RtmpConnection> {
  let credentials = '';
  for (let turn = 1; ; turn += 1) {
    const connection = new RtmpConnection(await openSocket(target, options, deadlines, signal));
    try {
      await step(connection.handshake(), deadlines.handshakeMs, 'handshake_failed', HANDSHAKE, signal);
      connection.announceChunkSize();
      const app = withQuery(target.app, credentials);
      const tcUrl = withQuery(target.tcUrl, credentials);
      const connecting = connection.call(0, 'connect', {
        app,
        type: 'nonprivate',
        flashVer: options.flashVer ?? FLASH_VERSION,
        tcUrl,
      });
      await step(connecting, deadlines.connectMs, 'handshake_failed', 'connect', signal);
      connection.announceWindow();
      return connection;
    } catch (error) {
      connection.destroy();
      if (!(error instanceof CommandRefused)) throw error;
      if (error.status.redirect !== null) throw new Redirected(error.status);
      const challenge = parseChallenge(error.status.description);
      if (challenge === null) throw new TransferError('connect_rejected', describeStatus(error.status, target));
      if (challenge.kind === 'refused' || turn === MAX_CONNECTIONS)
        throw new TransferError('auth_failed', describeStatus(error.status, target));
      if (target.user === undefined)
        throw new TransferError('auth_failed', 'the platform asks for a user name and a password');
      credentials = answerChallenge(challenge, target.app, target.user, target.password ?? '');
    }
  }
}

const withQuery = (text: string, query: string): string =>
  query === '' ? text : `${text}${text.includes('?') ? '&' : '?'}${query}`;

/** As encoders do it: releaseStream and FCPublish are for old servers, and their refusal means nothing. */
export async function publish(
  connection: RtmpConnection,
  target: TransferTarget,
  deadlines: Deadlines,
  signal: AbortSignal,
): Promise<number> {
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
    const [, streamId] = await step(
      Promise.race([created, started.then(() => created)]),
      left(),
      'publish_timeout',
      'createStream',
      signal,
    );
    if (!isStreamId(streamId))
      throw new TransferError('handshake_failed', `createStream gave no stream${unreadable(connection)}`);
    asked = true;
    const answered = connection.call(streamId, 'publish', null, streamName, 'live');
    await step(
      Promise.race([started, answered.then(() => sleep(STATUS_PATIENCE_MS))]),
      left(),
      'publish_timeout',
      'publish',
      signal,
    );
    return streamId;
  } catch (error) {
    if (error instanceof CommandRefused && error.status.redirect !== null) throw new Redirected(error.status);
    if (error instanceof CommandRefused)
      throw new TransferError(refusalCode(error.status, target), describeStatus(error.status, target));
    throw error;
  }
}

const unreadable = ({ unreadable: { count, problem } }: RtmpConnection): string =>
  count === 0 ? '' : ` (its answer cannot be read: ${problem})`;

const isStreamId = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffffffff;

/** One step under its deadline; what breaks in it becomes a TransferError that names it. CommandRefused passes. */
async function step<T>(work: Promise<T>, ms: number, code: ReasonCode, what: string, signal: AbortSignal): Promise<T> {
  try {
    return await within(work, ms, () => new TransferError(code, `no answer to ${what} in time`), signal);
  } catch (error) {
    if (error instanceof TransferError || error instanceof CommandRefused || error instanceof Aborted) throw error;
    if (error instanceof ProtocolError) throw new TransferError('handshake_failed', `${what}: ${error.message}`);
    const { code: systemCode } = error as NodeJS.ErrnoException;
    if (what === HANDSHAKE)
      throw new TransferError(
        'handshake_failed',
        systemCode === undefined ? 'it closed the connection' : `it broke the connection, ${systemCode}`,
      );
    // Many servers refuse without a word: an unknown application at connect, a wrong key at publish. Those that had not read everything reset.
    const refused = error instanceof ConnectionEnded || systemCode === 'ECONNRESET' || systemCode === 'EPIPE';
    if (refused)
      throw new TransferError('closed_by_platform', `in answer to ${what}; check the URL's path and stream key`);
    throw new TransferError('connection_lost', `during ${what}, ${systemCode ?? 'unknown'}`);
  }
}
