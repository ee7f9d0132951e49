import { endStreamRows, type Prisma, type PrismaService } from '#libs/db';

/**
 * Ends a stream in the database, for when no node can. Returns who owned it, or null when it had ended already (or `only` no
 * longer holds).
 */
export function endStream(
  prisma: PrismaService,
  streamId: string,
  why: { reason: string; detail?: string },
  only: Prisma.StreamWhereInput = {},
): Promise<{ ownerNode: string | null } | null> {
  return prisma.$transaction((tx) => endStreamRows(tx, streamId, { ...why, by: 'api' }, only));
}
