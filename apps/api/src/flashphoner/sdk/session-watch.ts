import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { PrismaService } from '#libs/db';
import { reasonOf } from '#libs/transfer';
import { endOf } from './protocol.js';

const LOOK_EVERY_MS = 300;

interface Looked {
  heardAt: Date | null;
  endedAt: Date | null;
  reason: string | null;
  stream: { state: string; reason: string | null };
}

/** What a publisher's connection hears of its session. */
export interface SessionEvents {
  onPublishing: () => void;
  onEnd: (end: { status: 'UNPUBLISHED' | 'FAILED'; info: string }) => void;
}

/** Looks after the sessions of all connections with one question, and only while there are any. */
@Injectable()
export class SessionWatch implements OnModuleDestroy {
  private readonly logger = new Logger(SessionWatch.name);
  private readonly watched = new Map<string, SessionEvents & { isPublishing: boolean }>();
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly prisma: PrismaService) {}

  add(sessionId: string, events: SessionEvents): void {
    this.watched.set(sessionId, { ...events, isPublishing: false });
    this.timer ??= this.soon();
  }

  remove(sessionId: string): void {
    this.watched.delete(sessionId);
  }

  onModuleDestroy(): void {
    this.watched.clear();
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private soon(): NodeJS.Timeout {
    return setTimeout(() => {
      this.look().catch((error: unknown) => this.logger.error(error));
    }, LOOK_EVERY_MS);
  }

  private async look(): Promise<void> {
    try {
      const ids = [...this.watched.keys()];
      const rows = await this.prisma.session.findMany({
        where: { id: { in: ids } },
        select: {
          id: true,
          heardAt: true,
          endedAt: true,
          reason: true,
          stream: { select: { state: true, reason: true } },
        },
      });
      const found = new Map(rows.map((row) => [row.id, row]));
      for (const id of ids) this.tell(id, found.get(id));
    } catch (error) {
      // The database is away: what happened is told when it is back.
      this.logger.warn(`sessions could not be looked after: ${String(error).slice(0, 200)}`);
    }
    this.timer = this.watched.size === 0 ? null : this.soon();
  }

  private tell(id: string, row: Looked | undefined): void {
    const watched = this.watched.get(id);
    if (watched === undefined) return;
    // The stream may be live by another session: only the media of this one is its publisher's.
    if (row?.heardAt && !watched.isPublishing) {
      watched.isPublishing = true;
      watched.onPublishing();
    }
    if (row !== undefined && row.endedAt === null && row.stream.state !== 'ended') return;
    this.watched.delete(id);
    const why = row?.reason ?? row?.stream.reason ?? null;
    watched.onEnd(endOf(why, reasonOf(why)?.text ?? 'The stream ended.'));
  }
}
