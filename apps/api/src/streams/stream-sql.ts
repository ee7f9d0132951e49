// The statements by which streams are shown: one, and a page of them, each with how many transfers it has. A page takes longer than the hot path's
// connections may be kept busy.
import type { HotSql, PrismaService, Stream, StreamState } from '#libs/db';
import type { Caller } from '../auth/caller.js';
import { ownedProjects } from '../tenants/owned-sql.js';
import type { AllStreamsQuery, StreamQuery } from './stream.dto.js';
import type { StreamPath } from './stream-path.js';

/** A stream as it is shown, but for what it does just now. */
export interface StreamRow extends Pick<
  Stream,
  | 'id'
  | 'name'
  | 'state'
  | 'reason'
  | 'reasonDetail'
  | 'callbackState'
  | 'callbackReason'
  | 'callbackDetail'
  | 'ownerNode'
  | 'createdAt'
  | 'startedAt'
  | 'endedAt'
  | 'figures'
> {
  entryPoint: string;
  /** How many transfers are in each state. */
  transfers: Record<string, number>;
}

/** Of a list over all projects. */
export interface AnyStreamRow extends StreamRow {
  appid: string;
  projectName: string;
  customerId: string;
  customerName: string;
}

const COLUMNS = `streams.id, streams.name, streams.state::text, streams.reason, streams.reason_detail AS "reasonDetail",
  streams.callback_state::text AS "callbackState", streams.callback_reason AS "callbackReason", streams.callback_detail AS "callbackDetail",
  streams.owner_node AS "ownerNode", streams.created_at AS "createdAt", streams.started_at AS "startedAt", streams.ended_at AS "endedAt",
  streams.figures, entry_points.name AS "entryPoint",
  (SELECT coalesce(json_object_agg(state, count), '{}') FROM (
    SELECT state, count(*) FROM transfers WHERE stream_id = streams.id GROUP BY state) counts) AS transfers`;

/** Undefined for one that is not the caller's. */
export async function findStream(
  sql: HotSql,
  caller: Caller,
  { appid, streamId }: StreamPath,
): Promise<StreamRow | undefined> {
  const values: unknown[] = [streamId, appid];
  const owned = ownedProjects(caller, values);
  const statement = {
    name: `find_stream_${owned.kind}`,
    text: `SELECT ${COLUMNS} FROM streams JOIN projects ON projects.id = streams.project_id JOIN entry_points ON entry_points.id = entry_point_id
      WHERE streams.id = $1::uuid AND streams.project_id = $2::text AND ${owned.condition}`,
  };
  const [row] = await sql.read<StreamRow>(statement, values);
  return row;
}

/** The streams of a project, newest first, one more than the page has. Undefined when the project is not the caller's. */
export async function listStreams(
  prisma: PrismaService,
  caller: Caller,
  appid: string,
  query: StreamQuery,
): Promise<StreamRow[] | undefined> {
  const values: unknown[] = [appid];
  const { condition } = ownedProjects(caller, values);
  const { entry_point: entryPoint } = query;
  const isWanted =
    entryPoint === undefined
      ? 'project_id = $1::text'
      : // One condition, by the id: of two, each true for many rows, Postgres thinks that few rows meet both, and sorts them all.
        `entry_point_id = (
          SELECT id FROM entry_points WHERE project_id = $1::text AND name = $${values.push(entryPoint)}::text AND deleted_at IS NULL)`;
  const rows = await prisma.$queryRawUnsafe<(StreamRow | { id: null })[]>(
    `SELECT ${COLUMNS} FROM projects LEFT JOIN LATERAL (${pageOf(isWanted, query, values)}) streams ON true
        LEFT JOIN entry_points ON entry_points.id = streams.entry_point_id
      WHERE projects.id = $1::text AND ${condition} ORDER BY streams.id DESC`,
    ...values,
  );
  return rows.length === 0 ? undefined : rows.filter((row) => row.id !== null);
}

/** The streams of all projects, newest first, one more than the page has. */
export async function listAllStreams(prisma: PrismaService, query: AllStreamsQuery): Promise<AnyStreamRow[]> {
  const values: unknown[] = [];
  const isWanted = 'project_id NOT IN (SELECT id FROM projects WHERE deleted_at IS NOT NULL)';
  return prisma.$queryRawUnsafe<AnyStreamRow[]>(
    `SELECT ${COLUMNS}, projects.id AS appid, projects.name AS "projectName", customers.id AS "customerId", customers.name AS "customerName"
      FROM (${pageOf(isWanted, query, values)}) streams JOIN projects ON projects.id = streams.project_id
        JOIN customers ON customers.id = projects.customer_id JOIN entry_points ON entry_points.id = streams.entry_point_id
      ORDER BY streams.id DESC`,
    ...values,
  );
}

/** Ids are UUIDs of version 7: their order is the order in time. Adds its parameters to `values`. */
function pageOf(isWanted: string, { state, cursor, limit }: AllStreamsQuery, values: unknown[]): string {
  const isInState = state === undefined ? '' : `AND ${STATES[state]}`;
  const isAfter = cursor === undefined ? '' : `AND id < $${values.push(cursor)}::uuid`;
  return `SELECT * FROM streams WHERE ${isWanted} ${isInState} ${isAfter} ORDER BY id DESC LIMIT $${values.push(limit + 1)}::int`;
}

/** As literals: with a parameter Postgres does not use the partial indexes, and reads every stream that ever was. */
const STATES: Record<StreamState, string> = {
  starting: "state = 'starting'",
  connecting: "state = 'connecting'",
  live: "state = 'live'",
  reconnecting: "state = 'reconnecting'",
  ended: "state = 'ended'",
};
