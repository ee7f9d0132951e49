import { HttpException, Injectable, Logger } from '@nestjs/common';
import { addLogFields, Env } from '#libs/config';
import { Prisma, PrismaService, recordEvent, type Stream } from '#libs/db';
import { type ReasonCode, reasonOf } from '#libs/transfer';
import { requireNotBanned } from '../../agora/ban/ban.js';
import { AutoRepublish } from '../../flashphoner/republish/auto-republish.js';
import { PushSettingsService } from '../../flashphoner/republish/push-settings.service.js';
import { countRunningStreams, QuotaService } from '../../tenants/customer/quotas.js';
import { endStream } from '../end-stream.js';
import { noFreeSlot, publishError } from '../node-error.js';
import { Dispatcher } from './dispatcher.js';
import { newSession, type Published, type Publisher, type PublishTarget } from './publisher.js';
import { untilGone } from './publisher-left.js';
import { requireConnectedOnes } from './unconnected.js';

/** Begins a stream: its rows first, then the node that takes it. */
@Injectable()
export class NewStream {
  private readonly logger = new Logger(NewStream.name);

  constructor(
    private readonly prisma: PrismaService,
    private readonly dispatcher: Dispatcher,
    private readonly env: Env,
    private readonly quotas: QuotaService,
    private readonly republish: AutoRepublish,
    private readonly pushSettings: PushSettingsService,
  ) {}

  /** Undefined when another request was faster: the partial unique index lets only one stream of a name run. */
  async begin(target: PublishTarget, publisher: Publisher, gone: AbortSignal): Promise<Published | undefined> {
    if (!(await this.dispatcher.hasFreeSlot())) throw noFreeSlot();
    const session = newSession(publisher);
    const callback = firstCallbackState(target);
    let stream: Stream;
    try {
      const { customerId, projectId, entryPointId, streamName } = target;
      const pushSettings = await this.pushSettings.of(entryPointId);
      stream = await this.quotas.within(
        customerId,
        'streams',
        (tx) => countRunningStreams(tx, customerId),
        async (tx) => {
          await requireConnectedOnes(tx, this.env, customerId, publisher.proof);
          await requireNotBanned(tx, target);
          const created = await tx.stream.create({ data: { projectId, entryPointId, name: streamName, ...callback } });
          // Within the same call, Prisma would read the stream once more.
          await tx.session.create({ data: { ...session, streamId: created.id }, select: { id: true } });
          await this.republish.begin(tx, created, pushSettings);
          return created;
        },
      );
    } catch (error) {
      if (error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002') return undefined;
      throw error;
    }
    addLogFields({ streamId: stream.id });
    try {
      const [answer] = await untilGone(
        gone,
        Promise.all([
          this.dispatcher.requestAnswer(stream.id, session.id, this.env.ANSWER_TIMEOUT_MS),
          callback.callbackState === 'pending' ? this.dispatcher.requestCallback(stream.id) : undefined,
          recordEvent(this.prisma, {
            projectId: stream.projectId,
            streamId: stream.id,
            type: 'stream.starting',
            data: { streamName: stream.name },
          }),
        ]),
      );
      return { sessionId: session.id, etag: session.etag, sdp: answer.sdp };
    } catch (error) {
      throw await this.abandon(stream.id, session.id, error);
    }
  }

  /** Leaves nothing behind: no job, no running row; who claims late finds the epoch gone up. Returns the error to answer with. */
  private async abandon(streamId: string, sessionId: string, error: unknown): Promise<unknown> {
    try {
      const claimed = await this.prisma.stream.findUnique({ where: { id: streamId }, select: { ownerNode: true } });
      const http = publishError(error, claimed?.ownerNode != null);
      const [ended] = await Promise.all([
        endStream(this.prisma, streamId, endReason(http)),
        this.dispatcher.withdraw(streamId, sessionId),
      ]);
      const owner = ended?.ownerNode;
      if (owner) this.dispatcher.tellEnded(owner, streamId, endReason(http).reason);
      return http;
    } catch (second) {
      this.logger.warn(`stream ${streamId} could not be ended, the sweeper will: ${String(second)}`);
      return error;
    }
  }
}

function firstCallbackState({ transferEnabled, callbackUrl }: PublishTarget) {
  if (!transferEnabled) return { callbackState: 'none', callbackReason: 'transfer_disabled' } as const;
  if (callbackUrl === null) return { callbackState: 'none', callbackReason: 'callback_url_missing' } as const;
  return { callbackState: 'pending' } as const;
}

/** What the stream's row says; codes of the catalogue only. */
function endReason(http: unknown): { reason: ReasonCode; detail?: string } {
  if (!(http instanceof HttpException))
    return { reason: 'service_error', detail: 'The database or Redis was unavailable.' };
  const { code, message } = http.getResponse() as { code?: string; message?: string };
  return { reason: reasonOf(code) ? (code as ReasonCode) : 'service_error', detail: message };
}
