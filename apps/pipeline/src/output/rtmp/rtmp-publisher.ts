import type { Socket } from 'node:net';
import { isDoneWithin } from '#libs/process';
import { TransferError, type TransferTarget } from '#libs/transfer';
import { encodeAmf, encodeEcmaArray } from './amf0.js';
import { MESSAGE } from './chunks.js';
import { connectApp, publish, type PublisherOptions } from './connect.js';
import { DEADLINES } from '../../process/deadlines.js';
import { CHUNK_STREAM, ProtocolError, type RtmpConnection } from './rtmp-connection.js';
import { MAX_REDIRECTS, Redirected, redirectTarget } from './redirect.js';
import { isEnd } from './refusals.js';
import { describeStatus } from './without-secrets.js';

export type { PublisherOptions } from './connect.js';

/** A message's length has 24 bits. */
const MAX_BODY = 0xffffff;

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
        if (redirects === MAX_REDIRECTS)
          throw new TransferError('redirected', `again after ${MAX_REDIRECTS} redirects`);
        at = redirectTarget(at, error.status.redirect ?? '');
      }
    }
  }

  private static async connectTo(
    target: TransferTarget,
    options: PublisherOptions,
    signal: AbortSignal,
  ): Promise<RtmpPublisher> {
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

  /** onMetaData, unless switched off for this transfer. In the middle of a stream it has the time of what was sent last. */
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
      await isDoneWithin(closed, deadlineMs);
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

/** What ended an accepted publish, other than the platform's orderly end. */
function brokenBy(error: Error): TransferError {
  return new TransferError(
    'connection_lost',
    error instanceof ProtocolError ? `it does not speak RTMP: ${error.message}` : (error as NodeJS.ErrnoException).code,
  );
}
