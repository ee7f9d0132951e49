// The statements of WHIP's PATCH and DELETE.
import type { HotSql, Session, StreamState } from '#libs/db';

/** A session, with what its stream says of it. */
export interface FoundSession extends Pick<
  Session,
  'id' | 'streamId' | 'etag' | 'iceUfrag' | 'pastUfrags' | 'restartAnswer' | 'endedAt' | 'reason'
> {
  entryPointId: string;
  ownerNode: string | null;
  streamState: StreamState;
  streamReason: string | null;
  /** Its node has not renewed its lease in time. */
  isLapsed: boolean;
}

const COLUMNS = `sessions.id, stream_id AS "streamId", etag, ice_ufrag AS "iceUfrag", past_ufrags AS "pastUfrags",
  restart_answer AS "restartAnswer", sessions.ended_at AS "endedAt", sessions.reason, entry_point_id AS "entryPointId", owner_node AS "ownerNode",
  streams.state::text AS "streamState", streams.reason AS "streamReason", coalesce(lease_until < clock_timestamp(), false) AS "isLapsed"`;

const FIND = {
  name: 'find_session',
  text: `SELECT ${COLUMNS} FROM sessions JOIN streams ON streams.id = stream_id WHERE sessions.id = $1::text`,
};
const FIND_OPENED = {
  name: 'find_opened_session',
  text: `SELECT ${COLUMNS} FROM streams JOIN sessions ON stream_id = streams.id AND sessions.ended_at IS NULL AND proof = $3::text
    WHERE entry_point_id = $1::uuid AND name = $2::text AND streams.state <> 'ended' ORDER BY sessions.created_at DESC LIMIT 1`,
};
const END = {
  name: 'end_session',
  text: `UPDATE sessions SET ended_at = clock_timestamp(), offer = NULL, reason = 'publisher_left' WHERE id = $1::text AND ended_at IS NULL
    RETURNING id`,
};
const CHANGE_ICE = {
  name: 'change_ice_session',
  text: `UPDATE sessions SET etag = $3::text, ice_ufrag = $4::text, past_ufrags = $5::text[], restart_answer = $6::text
    WHERE id = $1::text AND etag = $2::text RETURNING id`,
};

export async function findSession(sql: HotSql, sessionId: string): Promise<FoundSession | undefined> {
  const [found] = await sql.read<FoundSession>(FIND, [sessionId]);
  return found;
}

/** The last one that this token or signature has opened under this name, of those that have not ended. */
export async function findOpenedSession(
  sql: HotSql,
  { entryPointId, streamName }: { entryPointId: string; streamName: string },
  proof: string | undefined,
): Promise<FoundSession | undefined> {
  const [found] = await sql.read<FoundSession>(FIND_OPENED, [entryPointId, streamName, proof ?? null]);
  return found;
}

/** As its publisher has left. Again is no error. */
export async function endSession(sql: HotSql, sessionId: string): Promise<void> {
  await sql.write(`session ${sessionId}`, END, [sessionId]);
}

/** What an ICE restart makes of a session, or takes back. False when it has another entity tag than `ifEtag`: another restart was faster. */
export async function changeIceSession(
  sql: HotSql,
  sessionId: string,
  ifEtag: string,
  { etag, iceUfrag, pastUfrags, restartAnswer }: Pick<Session, 'etag' | 'iceUfrag' | 'pastUfrags' | 'restartAnswer'>,
): Promise<boolean> {
  const values = [sessionId, ifEtag, etag, iceUfrag, pastUfrags, restartAnswer];
  return (await sql.write(`session ${sessionId}`, CHANGE_ICE, values)).length === 1;
}
