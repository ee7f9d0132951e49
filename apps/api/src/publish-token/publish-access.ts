import { Injectable, NotFoundException } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { PrismaService, SecretBox } from '#libs/db';
import type { PublishTarget } from '../stream/publish.service.js';
import { requireGrant, tokenRefused, verifiedGrant } from './publish-token.js';
import { verifySignedUrl, type UrlSignature } from './signed-url.js';

/** Where somebody wants to publish. */
export interface PublishPath {
  appid: string;
  entryPoint: string;
  streamName: string;
}

/** What shows that it may: a publish token, or the `ts` and `sign` of Agora's signed publish URLs. */
export interface PublishProof {
  token?: string;
  signature?: UrlSignature;
}

/** Who may publish where. */
@Injectable()
export class PublishAccess {
  /** Of a project that does not exist: nothing fits it. */
  private readonly nobodysKey = randomBytes(32).toString('hex');

  constructor(
    private readonly prisma: PrismaService,
    private readonly box: SecretBox,
  ) {}

  /**
   * The entry point, if the proof opens it (401, 403) and it exists (404): to who has no proof of the project's, what does not
   * exist looks like what is not his.
   */
  async authorise(path: PublishPath, { token, signature }: PublishProof): Promise<PublishTarget> {
    if (token === undefined && signature === undefined) throw tokenRefused();
    const project = await this.prisma.project.findFirst({
      where: { id: path.appid, deletedAt: null },
      select: {
        customerId: true,
        signingKey: true,
        authKey: true,
        entryPoints: { where: { name: path.entryPoint }, select: { id: true, transferEnabled: true, callbackUrl: true } },
      },
    });
    const entryPoint = project?.entryPoints[0];
    if (token !== undefined) {
      const grant = await verifiedGrant(token, project ? this.box.open(project.signingKey, `project:${path.appid}`) : this.nobodysKey, path.appid);
      if (entryPoint !== undefined) requireGrant(grant, path);
    } else if (signature !== undefined) {
      verifySignedUrl(path, signature, project?.authKey == null ? null : this.box.open(project.authKey, `auth-key:${path.appid}`));
    }
    if (project === null || entryPoint === undefined) throw new NotFoundException('This entry point does not exist.');
    const { id, transferEnabled, callbackUrl } = entryPoint;
    return { customerId: project.customerId, projectId: path.appid, entryPointId: id, streamName: path.streamName, transferEnabled, callbackUrl };
  }
}
