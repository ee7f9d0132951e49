import { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { withLogFields } from '#libs/config';
import { isRefused, type Prisma } from '#libs/db';
import { isDoneWithin } from '#libs/process';
import type { Figures, TransferStatus } from '#libs/protocol';
import { type Changes, Fenced, type LeasedStream, type SessionsChange, type StreamRows } from './stream-rows.js';

const FIRST_PAUSE_MS = 250;
/** Rows are right again so long after Postgres is back. */
const LONGEST_PAUSE_MS = 2000;
/** An end that cannot be written within this is kept in a file as well. */
const KEEP_END_MS = 1000;
/** While Postgres is away, states are kept by transfer, but events pile up. */
const MAX_EVENTS = 1000;

/**
 * Brings one stream's changes into the database, in order and one write at a time. While Postgres is away the newest state
 * of everything is kept, and written when it is back: media does not wait for it.
 */
export class StreamWriter {
  private readonly logger = new Logger(StreamWriter.name);
  private stream: Prisma.StreamUpdateInput = {};
  private sessions: SessionsChange[] = [];
  private transfers = new Map<string, TransferStatus>();
  private events: Changes['events'] = [];
  private readonly recorded = new Map<string, string>();
  private writing: Promise<void> | null = null;
  private stopped = false;

  constructor(
    private readonly leased: LeasedStream,
    private readonly rows: StreamRows,
    /** Called once when the stream turns out not to be ours any more. */
    private readonly onFenced: () => Promise<void>,
  ) {}

  streamChanged(
    change: Prisma.StreamUpdateInput,
    event: { type: string; data?: Prisma.InputJsonObject },
    sessions: SessionsChange[] = [],
  ): void {
    Object.assign(this.stream, change);
    this.addEvent(event);
    this.sessionsChanged(sessions);
  }

  sessionsChanged(changes: SessionsChange[]): void {
    this.sessions.push(...changes);
    this.flush();
  }

  transferChanged(status: TransferStatus): void {
    this.transfers.set(status.id, status);
    // Attempt after attempt with the same outcome is one event.
    const outcome = `${status.state} ${status.reason}`;
    if (this.recorded.get(status.id) !== outcome) {
      this.recorded.set(status.id, outcome);
      const why = status.reason === null ? '' : `: ${status.reason}${status.detail ? ` (${status.detail})` : ''}`;
      withLogFields({ streamId: this.leased.id, transferId: status.id }, () =>
        this.logger.log(`transfer ${status.state}${why}`),
      );
      this.addEvent({
        type: 'transfer.state',
        transferId: status.id,
        data: { state: status.state, reason: status.reason, detail: status.detail },
      });
    }
    this.flush();
  }

  /** True when all that is known is written; false after `deadlineMs`. */
  async settle(deadlineMs: number): Promise<boolean> {
    return isDoneWithin(this.writing ?? Promise.resolve(), deadlineMs);
  }

  /** Writes what is pending, then the end; resolves when that is done or the stream is not ours. Retries until `deadlineMs`. */
  async end(reason: string, detail: string | null, final: Figures | null, deadlineMs: number): Promise<void> {
    const deadline = performance.now() + deadlineMs;
    if (!(await this.settle(KEEP_END_MS))) {
      this.rows.keepEnd({ held: this.leased, reason, detail, final });
      await this.settle(deadlineMs - KEEP_END_MS);
    }
    this.stopped = true;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 2)) {
      try {
        await this.rows.end(this.leased, reason, detail, final);
        return;
      } catch (error) {
        if (error instanceof Fenced) return;
        if (isRefused(error) && (detail !== null || final !== null)) {
          this.logger.error(
            `Postgres refuses the end of stream ${this.leased.id} as it is; written without detail and figures: ${messageOf(error)}`,
          );
          return this.end(reason, null, null, deadline - performance.now());
        }
        if (performance.now() + pause > deadline) throw error;
        await sleep(pause);
      }
    }
  }

  /** Nothing is written any more. */
  stop(): void {
    this.stopped = true;
  }

  private addEvent(event: Changes['events'][number]): void {
    if (this.events.length < MAX_EVENTS) this.events.push(event);
  }

  private flush(): void {
    this.writing ??= this.writeAll().finally(() => {
      this.writing = null;
      if (this.isPending && !this.stopped) this.flush();
    });
  }

  private get isPending(): boolean {
    return this.events.length + this.sessions.length + this.transfers.size + Object.keys(this.stream).length > 0;
  }

  private async writeAll(): Promise<void> {
    for (let pause = FIRST_PAUSE_MS; this.isPending && !this.stopped; pause = Math.min(LONGEST_PAUSE_MS, pause * 2)) {
      const changes: Changes = {
        stream: this.stream,
        sessions: this.sessions,
        transfers: [...this.transfers.values()],
        events: this.events,
      };
      this.stream = {};
      this.sessions = [];
      this.transfers = new Map();
      this.events = [];
      try {
        await this.write(changes);
        pause = FIRST_PAUSE_MS;
      } catch (error) {
        if (error instanceof Fenced) {
          this.stopped = true;
          await this.onFenced();
          return;
        }
        this.keep(changes);
        this.logger.warn(`changes of stream ${this.leased.id} are kept, the database is away: ${messageOf(error)}`);
        await sleep(pause);
      }
    }
  }

  /** Together; where Postgres refuses one of them, each by itself, and that one is dropped: the others must not wait for it forever. */
  private async write(changes: Changes): Promise<void> {
    try {
      await this.rows.write(this.leased, changes);
    } catch (error) {
      if (!isRefused(error)) throw error;
      const single = piecesOf(changes);
      if (single.length <= 1) {
        this.logger.error(
          `Postgres refuses a change of stream ${this.leased.id}, which is dropped: ${messageOf(error)}`,
        );
        return;
      }
      for (const piece of single) await this.write(piece);
    }
  }

  /** What came meanwhile is newer. */
  private keep({ stream, sessions, transfers, events }: Changes): void {
    this.stream = { ...stream, ...this.stream };
    this.sessions = [...sessions, ...this.sessions];
    this.transfers = new Map([...transfers.map((status) => [status.id, status] as const), ...this.transfers]);
    this.events = [...events, ...this.events].slice(0, MAX_EVENTS);
  }
}

/** The same changes, one in each. */
function piecesOf({ stream, sessions, transfers, events }: Changes): Changes[] {
  const nothing: Changes = { stream: {}, sessions: [], transfers: [], events: [] };
  return [
    ...(Object.keys(stream).length > 0 ? [{ ...nothing, stream }] : []),
    ...sessions.map((session) => ({ ...nothing, sessions: [session] })),
    ...transfers.map((transfer) => ({ ...nothing, transfers: [transfer] })),
    ...events.map((event) => ({ ...nothing, events: [event] })),
  ];
}

/** Prisma's messages begin with the place in our source; what happened comes last. */
const messageOf = (error: unknown): string => (error as Error).message.trim().slice(-200);
