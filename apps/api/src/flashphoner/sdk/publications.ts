import { HttpException, Injectable, Logger } from '@nestjs/common';
import { PrismaService } from '#libs/db';
import { STREAM_NAME } from '#libs/transfer';
import { readOffer } from '#libs/sdp';
import { PublishAccess } from '../../streams/tokens/publish-access.js';
import { claimedGrant, tokenRefused } from '../../streams/tokens/publish-token.js';
import { tokenProof } from '../../streams/tokens/proof.js';
import { refuse } from '../../http/problem.js';
import { PublishService } from '../../streams/publish/publish.service.js';
import type { PublishTarget } from '../../streams/publish/publisher.js';
import { STREAM_NAME_RULE } from '../../http/validation.js';
import { mapSdpErrors } from '../../streams/whip/sdp-errors.js';
import { WhipLimit } from '../../streams/whip/whip-limit.js';
import { WhipService } from '../../streams/whip/whip.service.js';

/** Who publishes, as its connection says. */
export interface Origin {
  clientIp: string | undefined;
  userAgent: string | undefined;
  /** That it asked. */
  host?: string;
}

/** A page shows it as the stream's or the session's `info`: what its author has to do, in one sentence. */
export const NO_TOKEN =
  "No publish token: create one (POST .../entry_points/{entryPoint}/publish_tokens) and add ?token=... to the WebSocket's URL, or send it as authToken.";

/** Publishes for the Web SDK the way WHIP does. Refusals are exceptions with a sentence. */
@Injectable()
export class Publications {
  private readonly logger = new Logger(Publications.name);

  constructor(
    private readonly prisma: PrismaService,
    private readonly access: PublishAccess,
    private readonly publisher: PublishService,
    private readonly whip: WhipService,
    private readonly limit: WhipLimit,
  ) {}

  /** The entry point that a token opens, before any stream is named. Within WHIP's limits of requests per second, before anything is looked up. */
  async authorise(
    token: string | undefined,
    clientIp: string | undefined,
    streamName?: string,
  ): Promise<PublishTarget> {
    if (token === undefined) throw tokenRefused(NO_TOKEN);
    await this.limit.countAddress(clientIp);
    const grant = claimedGrant(token);
    if (grant === undefined) throw tokenRefused('The publish token is not valid.');
    if (streamName !== undefined && !STREAM_NAME.test(streamName))
      throw refuse(400, `A stream's name ${STREAM_NAME_RULE}.`);
    const target = await this.access.authorise(
      { ...grant, streamName: streamName ?? grant.streamName ?? '' },
      { token },
    );
    await this.limit.countEntryPoint(target.entryPointId);
    return { ...target, proof: tokenProof(token) };
  }

  async publish(
    target: PublishTarget,
    offer: string,
    origin: Origin,
    gone: AbortSignal,
  ): Promise<{ sessionId: string; sdp: string }> {
    const { iceUfrag } = mapSdpErrors(() => readOffer(offer));
    await this.requireFree(target);
    return this.publisher.publish(target, { offer, iceUfrag, proof: target.proof, ...origin }, gone);
  }

  /** Two pages of one name are a mistake here, where WHIP's second publisher takes over; who vanished may come back. */
  private async requireFree({ entryPointId, streamName }: PublishTarget): Promise<void> {
    const [running] = await this.prisma.$queryRaw<{ state: string }[]>`
      SELECT state FROM streams WHERE entry_point_id = ${entryPointId}::uuid AND name = ${streamName} AND state <> 'ended'`;
    if (running !== undefined && running.state !== 'reconnecting') throw refuse(409, 'Stream name is already in use');
  }

  /** Ends the session; again is no error. */
  async end(sessionId: string): Promise<void> {
    try {
      await this.whip.end(await this.whip.running(sessionId));
    } catch (error) {
      if (!(error instanceof HttpException))
        this.logger.warn(`session of a closed connection not ended: ${String(error).slice(0, 200)}`);
    }
  }
}
