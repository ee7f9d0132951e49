import { Injectable, NotFoundException } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { HotSql, SecretBox } from '#libs/db';
import {
  ARRIVAL_COLUMNS,
  type ArrivalState,
  type ArrivalStateRow,
  arrivalJoins,
  toArrivalState,
} from '../publish/arrival-state.js';
import type { PublishTarget } from '../publish/publisher.js';
import { requireGrant, tokenRefused, verifiedGrant } from './publish-token.js';
import { verifySignedUrl, type UrlSignature } from './signed-url.js';
import { PathName, pathParams, StreamName } from '../../http/validation.js';

/** Where somebody wants to publish. */
export interface PublishPath {
  appid: string;
  entryPoint: string;
  streamName: string;
}

/** The PublishPath of a request, as a handler's parameter. */
export const PublishParams = pathParams({ appid: PathName, entryPoint: PathName, streamName: StreamName });

/** What shows that it may: a publish token, or the `ts` and `sign` of Agora's signed publish URLs. */
export interface PublishProof {
  token?: string;
  signature?: UrlSignature;
}

/** A project, and its entry point of the name that was asked for, if there is one. */
interface FoundProject extends ArrivalStateRow {
  customerId: string;
  signingKey: string;
  authKey: string | null;
  entryPointId: string | null;
  transferEnabled: boolean | null;
  callbackUrl: string | null;
  bannedUntil: Date | null;
  streamAuthUrl: string | null;
  streamAuthSecret: string | null;
}

const FIND = {
  name: 'find_publish_target',
  text: `SELECT customer_id AS "customerId", signing_key AS "signingKey", auth_key AS "authKey",
      entry_points.id AS "entryPointId", transfer_enabled AS "transferEnabled", callback_url AS "callbackUrl",
      resume_time AS "bannedUntil",
      CASE WHEN stream_auth_enabled THEN stream_auth_url END AS "streamAuthUrl", stream_auth_secret AS "streamAuthSecret",
      ${ARRIVAL_COLUMNS}
    FROM projects LEFT JOIN entry_points ON project_id = projects.id AND entry_points.name = $2::text AND entry_points.deleted_at IS NULL
      LEFT JOIN banned_streams ON banned_streams.entry_point_id = entry_points.id AND stream_name = $3::text AND resume_time > now()
      ${arrivalJoins('$3::text')}
    WHERE projects.id = $1::text AND projects.deleted_at IS NULL`,
};

/** Who may publish where. */
@Injectable()
export class PublishAccess {
  /** Of a project that does not exist: nothing fits it. */
  private readonly dummyKey = randomBytes(32).toString('hex');

  constructor(
    private readonly sql: HotSql,
    private readonly box: SecretBox,
  ) {}

  /**
   * The entry point, if the proof opens it (401, 403) and it exists (404): to who has no proof of the project's, what does not
   * exist looks like what is not his.
   */
  async authorise(path: PublishPath, proof: PublishProof): Promise<PublishTarget> {
    return (await this.arrive(path, proof)).target;
  }

  /** The same, with what a publisher finds there. */
  async arrive(
    path: PublishPath,
    { token, signature }: PublishProof,
  ): Promise<{ target: PublishTarget; seen: ArrivalState }> {
    if (token === undefined && signature === undefined) throw tokenRefused();
    const project = await this.find(path);
    const isThere = project !== undefined && project.entryPointId !== null;
    if (token !== undefined) {
      const grant = await verifiedGrant(
        token,
        project ? this.box.open(project.signingKey, `project:${path.appid}`) : this.dummyKey,
        path.appid,
      );
      if (isThere) requireGrant(grant, path);
    } else if (signature !== undefined) {
      verifySignedUrl(
        path,
        signature,
        project?.authKey == null ? null : this.box.open(project.authKey, `auth-key:${path.appid}`),
      );
    }
    if (project === undefined || project.entryPointId === null)
      throw new NotFoundException('This entry point does not exist.');
    const { customerId, entryPointId, transferEnabled, callbackUrl, bannedUntil, streamAuthUrl, streamAuthSecret } =
      project;
    const secret = streamAuthSecret === null ? null : this.box.open(streamAuthSecret, `stream-auth:${path.appid}`);
    const admission = {
      entryPoint: path.entryPoint,
      bannedUntil,
      streamAuth: streamAuthUrl === null ? null : { url: streamAuthUrl, secret },
    };
    const target = {
      customerId,
      projectId: path.appid,
      entryPointId,
      streamName: path.streamName,
      transferEnabled: transferEnabled === true,
      callbackUrl,
      admission,
    };
    return { target, seen: toArrivalState(project) };
  }

  private async find({ appid, entryPoint, streamName }: PublishPath): Promise<FoundProject | undefined> {
    const [found] = await this.sql.read<FoundProject>(FIND, [appid, entryPoint, streamName]);
    return found;
  }
}
