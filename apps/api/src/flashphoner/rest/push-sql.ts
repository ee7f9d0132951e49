// The statements of Flashphoner's startup and find, one for each.
import type { HotSql, Prisma, PrismaService, Stream, Transfer } from '#libs/db';
import type { Caller } from '../../auth/caller.js';
import { ownedProjects, ownedStreams } from '../../tenants/owned-sql.js';
import type { PushSettingsRow } from '../republish/push-settings.service.js';
import type { Place } from './push.shapes.js';

/** A running stream that is to be pushed, with all that decides how. */
export interface PushSource extends Pick<Stream, 'id' | 'name' | 'projectId' | 'entryPointId' | 'ownerNode'> {
  entryPoint: string;
  customerId: string;
  /** Of the customer, as its row has them. */
  quotas: Prisma.JsonValue;
  settings: PushSettingsRow | null;
  /** Pushes of the stream that have not ended, and those that failed for good. */
  pushes: SourcePush[];
}

interface SourcePush extends Pick<Transfer, 'id' | 'urlHash' | 'pushUrl'> {
  /** It failed for good: its place is free. */
  isGone: boolean;
}

/** A transponder. */
export interface PushRow extends Pick<Transfer, 'id' | 'streamId' | 'url' | 'redactedUrl' | 'options' | 'pushUrl'> {
  mediaSessionId: string;
  projectId: string;
  customerId: string;
  streamName: string;
  ownerNode: string | null;
}

/** "Gone" is what has ended, and what failed for good. */
const IS_GONE = `(transfers.state = 'failed' AND next_retry_at IS NULL)`;
/** More of one name are as ambiguous. */
const MAX_SOURCES = 10;

const SOURCE = `SELECT streams.id, streams.name, streams.project_id AS "projectId", streams.entry_point_id AS "entryPointId",
    streams.owner_node AS "ownerNode", entry_points.name AS "entryPoint", customers.id AS "customerId", customers.quotas,
    CASE WHEN push.entry_point_id IS NOT NULL THEN json_build_object('settings', push.settings, 'republish', push.republish,
      'appUrl', push.app_url, 'hookSecret', push.hook_secret) END AS settings,
    (SELECT coalesce(json_agg(json_build_object('id', transfers.id, 'urlHash', url_hash, 'pushUrl', push_url, 'isGone', ${IS_GONE})), '[]')
      FROM transfers WHERE stream_id = streams.id AND ended_at IS NULL AND media_session_id IS NOT NULL) AS pushes
  FROM streams JOIN projects ON projects.id = streams.project_id JOIN customers ON customers.id = projects.customer_id
    JOIN entry_points ON entry_points.id = streams.entry_point_id LEFT JOIN push_settings push ON push.entry_point_id = entry_points.id`;

const OF_SESSION = {
  name: 'push_source_of_session',
  text: `${SOURCE} JOIN sessions ON sessions.stream_id = streams.id WHERE sessions.id = $1::text`,
};

/** The caller's running streams of that name. */
export function findPushSources(
  sql: HotSql,
  caller: Caller,
  { streamName, ...place }: Place & { streamName: string },
): Promise<PushSource[]> {
  const values: unknown[] = [streamName];
  const owned = ownedStreams(caller, values);
  const { condition, kind } = atPlace(place, values);
  const statement = {
    name: `push_sources_${owned.kind}${kind}`,
    text: `${SOURCE} WHERE streams.name = $1::text AND streams.state <> 'ended' AND ${owned.condition} ${condition} LIMIT ${MAX_SOURCES}`,
  };
  return sql.read<PushSource>(statement, values);
}

/** The stream of that session. */
export async function findPushSourceOfSession(sql: HotSql, sessionId: string): Promise<PushSource | undefined> {
  const [found] = await sql.read<PushSource>(OF_SESSION, [sessionId]);
  return found;
}

/** The caller's transponders, the oldest first. Of many it takes longer than the hot path's connections may be kept busy. */
export function findPushes(
  prisma: PrismaService,
  caller: Caller,
  { mediaSessionId, ...place }: Place & { mediaSessionId?: string },
): Promise<PushRow[]> {
  const values: unknown[] = [];
  const wanted =
    mediaSessionId === undefined
      ? // Streams first, as an array: Postgres then takes the transfers of each by their index, however many it thinks there are.
        `stream_id = ANY(ARRAY(SELECT streams.id FROM streams JOIN projects ON projects.id = streams.project_id
          JOIN entry_points ON entry_points.id = streams.entry_point_id
          WHERE streams.state <> 'ended' AND ${ownedStreams(caller, values).condition} ${atPlace(place, values).condition}))`
      : `transfers.media_session_id = $${values.push(mediaSessionId)}::text
          AND ${ownedProjects(caller, values).condition} ${atPlace(place, values).condition}`;
  return prisma.$queryRawUnsafe<PushRow[]>(
    `SELECT transfers.id, stream_id AS "streamId", url, redacted_url AS "redactedUrl", options, push_url AS "pushUrl",
        media_session_id AS "mediaSessionId", projects.id AS "projectId", customer_id AS "customerId", streams.name AS "streamName",
        owner_node AS "ownerNode"
      FROM transfers JOIN streams ON streams.id = stream_id JOIN projects ON projects.id = streams.project_id
        JOIN entry_points ON entry_points.id = streams.entry_point_id
      WHERE media_session_id IS NOT NULL AND transfers.ended_at IS NULL AND NOT ${IS_GONE} AND ${wanted}
      ORDER BY transfers.id`,
    ...values,
  );
}

function atPlace({ appId, entryPoint }: Place, values: unknown[]): { condition: string; kind: string } {
  const inProject = appId === undefined ? '' : `AND projects.id = $${values.push(appId)}::text`;
  const atEntryPoint = entryPoint === undefined ? '' : `AND entry_points.name = $${values.push(entryPoint)}::text`;
  const kind = `${inProject === '' ? '' : '_in_project'}${atEntryPoint === '' ? '' : '_at_entry_point'}`;
  return { condition: `${inProject} ${atEntryPoint}`, kind };
}
