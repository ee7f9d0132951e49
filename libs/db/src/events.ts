import type { Prisma, PrismaClient } from './generated/client.js';

/** What happened to a stream or a transfer; never holds a secret. */
export interface EventInput {
  projectId: string;
  streamId?: string;
  transferId?: string;
  /** e.g. `stream.live`, `transfer.state`, `callback.answered`. */
  type: string;
  data?: Prisma.InputJsonValue;
}

/** Appends to the event history. Live feeds read the same rows. */
export async function recordEvent(db: Pick<PrismaClient, 'event'>, event: EventInput): Promise<void> {
  await db.event.create({ data: { ...event, data: event.data ?? {} } });
}
