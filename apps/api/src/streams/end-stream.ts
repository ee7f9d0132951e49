import { randomBytes } from 'node:crypto';
import { recordEvent, type Prisma, type PrismaService } from '#libs/db';

/**
 * Ends a stream in the database, for when no node can: the epoch goes up, so a node that still runs it, or claims it
 * late, is fenced off. Returns who owned it, or null when it had ended already (or `only` no longer holds).
 */
export async function endStream(
  prisma: PrismaService,
  streamId: string,
  why: { reason: string; detail?: string },
  only: Prisma.StreamWhereInput = {},
): Promise<{ ownerNode: string | null } | null> {
  return prisma.$transaction(async (tx) => {
    const endedAt = new Date();
    const [ended] = await tx.stream.updateManyAndReturn({
      where: { AND: [{ id: streamId, state: { not: 'ended' } }, only] },
      data: { state: 'ended', epoch: { increment: 1 }, reason: why.reason, reasonDetail: why.detail ?? null, leaseUntil: null, endedAt },
      select: { ownerNode: true, projectId: true },
    });
    if (ended === undefined) return null;
    // Nobody asks any more.
    await tx.stream.updateMany({ where: { id: streamId, callbackState: { in: ['pending', 'retrying'] } }, data: { callbackState: 'failed' } });
    // A failed transfer keeps saying why it failed.
    await tx.transfer.updateMany({ where: { streamId, state: 'failed', endedAt: null }, data: { nextRetryAt: null, endedAt } });
    await tx.transfer.updateMany({
      where: { streamId, state: { notIn: ['ended', 'failed'] } },
      data: { state: 'ended', reason: 'stream_ended', reasonDetail: null, blame: 'nobody', retryable: false, nextRetryAt: null, endedAt },
    });
    await tx.session.updateMany({ where: { streamId, endedAt: null }, data: { endedAt, offer: null } });
    await recordEvent(tx, { projectId: ended.projectId, streamId, type: 'stream.ended', data: { reason: why.reason, by: 'api' } });
    return { ownerNode: ended.ownerNode };
  });
}

/** 192 random bits: what authorises PATCH and DELETE of a WHIP session is only that nobody can guess its URL. */
export const newSessionId = (): string => randomBytes(24).toString('base64url');
