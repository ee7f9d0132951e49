import type { EntryPoint, Prisma, PrismaService, Stream } from '#libs/db';

/** A stream whose customer is asked, with all that the question depends on. */
export interface CallbackStream extends Pick<
  Stream,
  'id' | 'projectId' | 'entryPointId' | 'name' | 'state' | 'callbackState' | 'callbackReason' | 'createdAt'
> {
  entryPoint: Pick<EntryPoint, 'id' | 'name' | 'transferEnabled' | 'callbackUrl' | 'useLastAnswer'>;
  customer: { id: string; quotas: Prisma.JsonValue };
}

/** In one statement: by its relations it would be four, for each attempt of each stream. */
export async function readCallbackStream(prisma: PrismaService, streamId: string): Promise<CallbackStream | null> {
  const [row] = await prisma.$queryRaw<
    (Omit<CallbackStream, 'entryPoint' | 'customer'> &
      Omit<CallbackStream['entryPoint'], 'id' | 'name'> & {
        entryPoint: string;
        customerId: string;
        quotas: Prisma.JsonValue;
      })[]
  >`
    SELECT streams.id, streams.project_id AS "projectId", streams.entry_point_id AS "entryPointId", streams.name, streams.state::text,
      streams.callback_state::text AS "callbackState", streams.callback_reason AS "callbackReason", streams.created_at AS "createdAt",
      entry_points.name AS "entryPoint", transfer_enabled AS "transferEnabled", callback_url AS "callbackUrl", use_last_answer AS "useLastAnswer",
      customers.id AS "customerId", quotas
    FROM streams
      JOIN entry_points ON entry_points.id = streams.entry_point_id
      JOIN projects ON projects.id = streams.project_id
      JOIN customers ON customers.id = projects.customer_id
    WHERE streams.id = ${streamId}::uuid`;
  if (row === undefined) return null;
  const { entryPoint: name, transferEnabled, callbackUrl, useLastAnswer, customerId, quotas, ...stream } = row;
  return {
    ...stream,
    entryPoint: { id: row.entryPointId, name, transferEnabled, callbackUrl, useLastAnswer },
    customer: { id: customerId, quotas },
  };
}
