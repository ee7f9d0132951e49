import { Injectable } from '@nestjs/common';
import { PrismaService, type Project, SecretBox } from '#libs/db';
import { callbackUrlProblem } from '#libs/transfer';
import { ownedBy, type Caller } from '../../auth/caller.js';
import { requireProject, unknownProject } from '../../tenants/owned.js';
import { badRequest } from '../../http/problem.js';
import { completeUrl, type UpdateStreamAuth } from './stream-auth.dto.js';

const NOBODY_TO_ASK = 'is not set: there is nobody to ask';

/** Whom a project asks before a publisher is let in. */
@Injectable()
export class StreamAuthSettings {
  constructor(
    private readonly prisma: PrismaService,
    private readonly box: SecretBox,
  ) {}

  get(caller: Caller, appid: string): Promise<Project> {
    return requireProject(this.prisma, caller, appid);
  }

  /** Throws 400 for what would be enabled with nobody to ask: it would let everybody in, or nobody. */
  async update(caller: Caller, appid: string, { enabled, url, secret }: UpdateStreamAuth): Promise<Project> {
    const streamAuthUrl = url == null ? url : completeUrl(url);
    const problem = streamAuthUrl == null ? null : callbackUrlProblem(streamAuthUrl);
    if (problem !== null) throw badRequest([{ field: 'url', message: problem }]);
    const before = await this.get(caller, appid);
    const willBeEnabled = enabled ?? before.streamAuthEnabled;
    if (willBeEnabled && (streamAuthUrl === undefined ? before.streamAuthUrl : streamAuthUrl) === null)
      throw badRequest([{ field: 'url', message: NOBODY_TO_ASK }]);
    const streamAuthSecret = secret == null ? secret : this.box.seal(secret, `stream-auth:${appid}`);
    const [row] = await this.prisma.project
      .updateManyAndReturn({
        where: { ...ownedBy(caller), id: appid },
        data: { streamAuthEnabled: enabled, streamAuthUrl, streamAuthSecret },
      })
      .catch((error: unknown) => {
        // Another change came between: the table's own check refuses what both together would be.
        if (String((error as Error).message).includes('projects_stream_auth_check'))
          throw badRequest([{ field: 'url', message: NOBODY_TO_ASK }]);
        throw error;
      });
    if (row === undefined) throw unknownProject();
    return row;
  }
}
