import type { Prisma } from '#libs/db';
import { REASONS } from '#libs/transfer';
import { refuse } from '../../http/problem.js';

/** 403 for a publisher whose stream's name is banned until then. */
export const banned = (until: Date): Error =>
  refuse(403, REASONS.banned.text, {
    code: 'banned',
    detail: `Until ${until.toISOString()}, unless it is unbanned before.`,
  });

/**
 * Throws 403 for a banned name. Within the transaction that makes the stream, with the customer's row locked: a ban takes the same lock, so
 * either it is seen here, or it finds the stream and ends it.
 */
export async function requireNotBanned(
  tx: Prisma.TransactionClient,
  { entryPointId, streamName }: { entryPointId: string; streamName: string },
): Promise<void> {
  const [ban] = await tx.$queryRaw<{ until: Date }[]>`
    SELECT resume_time AS until FROM banned_streams WHERE entry_point_id = ${entryPointId}::uuid AND stream_name = ${streamName} AND resume_time > now()`;
  if (ban !== undefined) throw banned(ban.until);
}
