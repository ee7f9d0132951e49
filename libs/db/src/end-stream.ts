import type { Prisma } from './generated/client.js';
import { recordEvent } from './events.js';

/** Why and how a stream ended. */
export interface StreamEnd {
  /** A code of the catalogue (libs/transfer, reasons.ts). */
  reason: string;
  detail?: string | null;
  /** The API ends it without its node: the epoch goes up, so that a node that still runs it, or claims it late, is fenced. */
  by?: 'api';
  /** Last figures of the input. */
  figures?: object;
  /** Totals of transfers, by their id. */
  transfers?: Record<string, object>;
}

/** The columns of a transfer that ended without an error. */
export const endedTransfer = (reason: 'removed' | 'stream_ended', endedAt: Date) =>
  ({
    state: 'ended',
    reason,
    reasonDetail: null,
    blame: 'nobody',
    retryable: false,
    nextRetryAt: null,
    endedAt,
  }) as const satisfies Prisma.TransferUpdateManyMutationInput;

/**
 * Ends a stream with its transfers and sessions, and records the event. Returns who owned it; null when it had ended already,
 * or does not meet `only` (any more). To be called in a transaction.
 */
export async function endStreamRows(
  tx: Prisma.TransactionClient,
  streamId: string,
  { reason, detail, by, figures, transfers = {} }: StreamEnd,
  only: Prisma.StreamWhereInput = {},
): Promise<{ ownerNode: string | null } | null> {
  const endedAt = new Date();
  const [ended] = await tx.stream.updateManyAndReturn({
    where: { AND: [{ id: streamId, state: { not: 'ended' } }, only] },
    data: {
      state: 'ended',
      reason,
      reasonDetail: detail ?? null,
      leaseUntil: null,
      endedAt,
      ...(by === 'api' ? { epoch: { increment: 1 } } : {}),
      ...(figures === undefined ? {} : { figures: figures as Prisma.InputJsonObject }),
    },
    select: { ownerNode: true, projectId: true },
  });
  if (ended === undefined) return null;
  // The customer's server is not asked any more.
  await tx.stream.updateMany({
    where: { id: streamId, callbackState: { in: ['pending', 'retrying'] } },
    data: { callbackState: 'failed' },
  });
  for (const [id, totals] of Object.entries(transfers)) {
    await tx.transfer.updateMany({ where: { id, streamId }, data: { figures: totals as Prisma.InputJsonObject } });
  }
  // A failed transfer keeps the reason of its failure.
  await tx.transfer.updateMany({
    where: { streamId, state: 'failed', endedAt: null },
    data: { nextRetryAt: null, endedAt },
  });
  await tx.transfer.updateMany({
    where: { streamId, state: { notIn: ['ended', 'failed'] } },
    data: endedTransfer('stream_ended', endedAt),
  });
  await tx.session.updateMany({ where: { streamId, endedAt: null }, data: { endedAt, offer: null } });
  await recordEvent(tx, {
    projectId: ended.projectId,
    streamId,
    type: 'stream.ended',
    data: { reason, ...(by === undefined ? {} : { by }) },
  });
  return { ownerNode: ended.ownerNode };
}
