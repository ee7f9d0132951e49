import { Injectable, NotFoundException } from '@nestjs/common';
import { PrismaService, SecretBox } from '#libs/db';
import type { PublishTarget } from '../stream/publish.service.js';
import { tokenRefused, verifyPublishToken } from './publish-token.js';
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
  constructor(
    private readonly prisma: PrismaService,
    private readonly box: SecretBox,
  ) {}

  /** The entry point, if it exists (404) and the proof opens it (401, 403). */
  async authorise(path: PublishPath, { token, signature }: PublishProof): Promise<PublishTarget> {
    if (token === undefined && signature === undefined) throw tokenRefused();
    const entryPoint = await this.prisma.entryPoint.findUnique({
      where: { projectId_name: { projectId: path.appid, name: path.entryPoint }, project: { deletedAt: null } },
      select: { id: true, transferEnabled: true, callbackUrl: true, project: { select: { customerId: true, signingKey: true, authKey: true } } },
    });
    if (entryPoint === null) throw new NotFoundException('This entry point does not exist.');
    const { id, transferEnabled, callbackUrl, project } = entryPoint;
    if (token !== undefined) await verifyPublishToken(token, this.box.open(project.signingKey, `project:${path.appid}`), path);
    else if (signature !== undefined) verifySignedUrl(path, signature, project.authKey === null ? null : this.box.open(project.authKey, `auth-key:${path.appid}`));
    return { customerId: project.customerId, projectId: path.appid, entryPointId: id, streamName: path.streamName, transferEnabled, callbackUrl };
  }
}
