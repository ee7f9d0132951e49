import type { EntryPoint, HotSql, Prisma, Stream } from '#libs/db';

/** A stream whose customer is asked, with all that the question depends on. */
export interface CallbackStream extends Pick<
  Stream,
  'id' | 'projectId' | 'entryPointId' | 'name' | 'state' | 'callbackState' | 'callbackReason' | 'createdAt'
> {
  /** `sealedSecrets`: those that sign now, the oldest first. */
  entryPoint: Pick<EntryPoint, 'id' | 'name' | 'transferEnabled' | 'callbackUrl' | 'useLastAnswer'> & {
    sealedSecrets: string[];
  };
  customer: { id: string; quotas: Prisma.JsonValue };
}

type Row = Omit<CallbackStream, 'entryPoint' | 'customer'> &
  Omit<CallbackStream['entryPoint'], 'id' | 'name'> & {
    entryPoint: string;
    customerId: string;
    quotas: Prisma.JsonValue;
  };

const READ = {
  name: 'read_callback_stream',
  text: `SELECT streams.id, streams.project_id AS "projectId", streams.entry_point_id AS "entryPointId", streams.name, streams.state::text,
      streams.callback_state::text AS "callbackState", streams.callback_reason AS "callbackReason", streams.created_at AS "createdAt",
      entry_points.name AS "entryPoint", transfer_enabled AS "transferEnabled", callback_url AS "callbackUrl", use_last_answer AS "useLastAnswer",
      ARRAY(SELECT secret FROM callback_secrets WHERE callback_secrets.entry_point_id = entry_points.id
        AND (expires_at IS NULL OR expires_at > now()) ORDER BY callback_secrets.id) AS "sealedSecrets",
      customers.id AS "customerId", quotas
    FROM streams
      JOIN entry_points ON entry_points.id = streams.entry_point_id
      JOIN projects ON projects.id = streams.project_id
      JOIN customers ON customers.id = projects.customer_id
    WHERE streams.id = $1::uuid`,
};

export async function readCallbackStream(sql: HotSql, streamId: string): Promise<CallbackStream | null> {
  const [row] = await sql.read<Row>(READ, [streamId]);
  if (row === undefined) return null;
  const {
    entryPoint: name,
    transferEnabled,
    callbackUrl,
    useLastAnswer,
    sealedSecrets,
    customerId,
    quotas,
    ...stream
  } = row;
  return {
    ...stream,
    entryPoint: { id: row.entryPointId, name, transferEnabled, callbackUrl, useLastAnswer, sealedSecrets },
    customer: { id: customerId, quotas },
  };
}
