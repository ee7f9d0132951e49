// What runs of a caller's, found by its customer: Prisma's filters over three tables lead through every stream that each of its projects ever had.
import { Prisma, type PrismaService } from '#libs/db';
import type { Caller } from '../../auth/caller.js';
import type { Place } from './push.shapes.js';

/** A running stream that may be pushed, and the name of its entry point. */
export interface RunningSource {
  id: string;
  name: string;
  projectId: string;
  entryPointId: string;
  entryPoint: string;
}

/** As `ownedBy`, and at that place, of streams that have not ended. With the state as a literal, for the partial indexes. */
function runningOf(caller: Caller, { appId, entryPoint }: Place): Prisma.Sql {
  const { role, customerId, projectId } = caller;
  const conditions = [
    Prisma.sql`streams.state <> 'ended' AND projects.deleted_at IS NULL`,
    ...(role === 'operator' ? [] : [Prisma.sql`streams.customer = ${customerId}`]),
    ...(role === 'operator' || projectId === undefined ? [] : [Prisma.sql`streams.project_id = ${projectId}`]),
    ...(appId === undefined ? [] : [Prisma.sql`streams.project_id = ${appId}`]),
    ...(entryPoint === undefined ? [] : [Prisma.sql`entry_points.name = ${entryPoint}`]),
  ];
  return Prisma.join(conditions, ' AND ');
}

/** Up to ten running streams of a name. */
export function findSources(
  prisma: PrismaService,
  caller: Caller,
  place: Place,
  streamName: string,
): Promise<RunningSource[]> {
  return prisma.$queryRaw`
    SELECT streams.id, streams.name, streams.project_id AS "projectId", streams.entry_point_id AS "entryPointId", entry_points.name AS "entryPoint"
    FROM streams JOIN projects ON projects.id = streams.project_id JOIN entry_points ON entry_points.id = streams.entry_point_id
    WHERE streams.name = ${streamName} AND ${runningOf(caller, place)} LIMIT 10`;
}

/** Ids of the pushes that have neither ended nor failed for good. */
export async function findPushes(prisma: PrismaService, caller: Caller, place: Place): Promise<string[]> {
  // Streams first, as an array: Postgres then takes the transfers of each by their index, however many it thinks there are.
  const found = await prisma.$queryRaw<{ id: string }[]>`
    SELECT id FROM transfers
    WHERE media_session_id IS NOT NULL AND ended_at IS NULL AND NOT (state = 'failed' AND next_retry_at IS NULL)
      AND stream_id = ANY(ARRAY(
        SELECT streams.id FROM streams JOIN projects ON projects.id = streams.project_id
          ${place.entryPoint === undefined ? Prisma.empty : Prisma.sql`JOIN entry_points ON entry_points.id = streams.entry_point_id`}
        WHERE ${runningOf(caller, place)}))`;
  return found.map(({ id }) => id);
}
