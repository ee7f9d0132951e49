import type { HotSql, Prisma, Stream } from '#libs/db';
import type { PushSettingsRow } from '../../flashphoner/republish/push-settings.service.js';
import type { PublishTarget } from './publisher.js';

export type RunningStreamRow = Pick<Stream, 'id' | 'ownerNode'>;

/** What a publisher finds where it arrives. */
export interface ArrivalState {
  /** The stream of that name that runs. */
  running: RunningStreamRow | null;
  /** What the entry point wants of Flashphoner's server settings. */
  push: PushSettingsRow | null;
  /** Of the customer, as its row has them. */
  quotas: Prisma.JsonValue;
}

/** The columns of `ArrivalStateRow`, for a statement that has ARRIVAL_JOINS. */
export const ARRIVAL_COLUMNS = `customers.quotas, running.id AS "runningId", running.owner_node AS "runningOwner",
  CASE WHEN push.entry_point_id IS NOT NULL THEN json_build_object('settings', push.settings, 'republish', push.republish,
    'appUrl', push.app_url, 'hookSecret', push.hook_secret) END AS push`;
/**
 * After `projects` and `entry_points`. With the state of the stream as a literal: with a parameter Postgres does not use the partial index, and
 * reads every stream that ever was.
 *
 * @param name the parameter with the stream's name, e.g. $3
 */
export const arrivalJoins = (name: string): string => `JOIN customers ON customers.id = projects.customer_id
  LEFT JOIN streams running ON running.entry_point_id = entry_points.id AND running.name = ${name} AND running.state <> 'ended'
  LEFT JOIN push_settings push ON push.entry_point_id = entry_points.id`;

export interface ArrivalStateRow {
  quotas: Prisma.JsonValue;
  runningId: string | null;
  runningOwner: string | null;
  push: PushSettingsRow | null;
}

export const toArrivalState = ({ quotas, runningId, runningOwner, push }: ArrivalStateRow): ArrivalState => ({
  quotas,
  push,
  running: runningId === null ? null : { id: runningId, ownerNode: runningOwner },
});

const STATE = {
  name: 'arrival_state',
  text: `SELECT ${ARRIVAL_COLUMNS} FROM entry_points JOIN projects ON projects.id = entry_points.project_id ${arrivalJoins('$2::text')}
    WHERE entry_points.id = $1::uuid AND entry_points.deleted_at IS NULL AND projects.deleted_at IS NULL`,
};

/** The same for who has looked before: nothing when the entry point is gone. */
export async function readArrivalState(
  sql: HotSql,
  { entryPointId, streamName }: PublishTarget,
): Promise<ArrivalState | undefined> {
  const [row] = await sql.read<ArrivalStateRow>(STATE, [entryPointId, streamName]);
  return row === undefined ? undefined : toArrivalState(row);
}
