import { type ReasonCode, REASONS, retryDelayMs, type TransferError, type TransferOptions } from '#libs/transfer';

const SILENT_REFUSALS = 4;
/** A connection that lasted so long was a good one. One that a platform accepts and drops at once is a failure like any other, and is retried no faster. */
const STABLE_MS = 20_000;

/** The port did not accept a connection: whether it does again can be seen without an attempt to publish. */
const PORT_CLOSED = new Set<ReasonCode>(['tcp_refused', 'tcp_timeout', 'tcp_unreachable']);

/** What follows a failure. */
export interface AfterFailure {
  state: 'reconnecting' | 'failed';
  /** Until the next attempt, ms; null: there is none. */
  delayMs: number | null;
  /** Since when a target that was live has been away (performance.now()), where its port tells when it is back; else null. */
  portClosedSince: number | null;
}

/** How a transfer's connections went so far, which decides whether and when the next is tried. */
export class ConnectionHistory {
  private failuresInRow = 0;
  private everLive = false;
  private everStable = false;
  /** When the target was live last (performance.now()). */
  private downSince = 0;

  /** Frames have been sent to this platform before. */
  get wasLive(): boolean {
    return this.everLive;
  }

  /** This attempt is not the first. */
  get isRetry(): boolean {
    return this.everLive || this.failuresInRow > 0;
  }

  becameLive(): void {
    this.everLive = true;
  }

  /** The next attempt is a wish, not the answer to a failure. */
  forgetFailures(): void {
    this.failuresInRow = 0;
  }

  /** @param liveForMs how long the connection that failed was live; null: never. */
  failed(
    { code }: TransferError,
    liveForMs: number | null,
    { reconnectAttempts = Infinity, reconnectIntervalMs }: TransferOptions,
  ): AfterFailure {
    if (liveForMs !== null) this.downSince = performance.now();
    if (liveForMs !== null && liveForMs >= STABLE_MS) {
      this.everStable = true;
      this.failuresInRow = 0;
    }
    this.failuresInRow += 1;
    // Many platforms say no to a key by hanging up, some after the first frames: asked often enough, it is an answer.
    const isRefusal = code === 'closed_by_platform' && !this.everStable && this.failuresInRow >= SILENT_REFUSALS;
    const retry = isRefusal ? 'slow' : REASONS[code].retry;
    if (retry === 'never' || this.failuresInRow > reconnectAttempts)
      return { state: 'failed', delayMs: null, portClosedSince: null };
    return {
      state: retry === 'fast' ? 'reconnecting' : 'failed',
      delayMs: reconnectIntervalMs ?? retryDelayMs(this.failuresInRow, retry, Math.random),
      // A customer's own interval is kept.
      portClosedSince:
        this.everLive && PORT_CLOSED.has(code) && reconnectIntervalMs === undefined ? this.downSince : null,
    };
  }
}
