import { HttpException, Injectable, Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { addLogFields, Env } from '#libs/config';
import { HotSql, PrismaService } from '#libs/db';
import { type ReasonCode, reasonOf } from '#libs/transfer';
import { AutoRepublish } from '../../flashphoner/republish/auto-republish.js';
import { PushSettingsService } from '../../flashphoner/republish/push-settings.service.js';
import { QuotaService } from '../../tenants/customer/quotas.js';
import { endStream } from '../end-stream.js';
import { noFreeSlot, publishError } from '../node-error.js';
import type { ArrivalState } from './arrival-state.js';
import { beginStream } from './begin-stream.js';
import { Dispatcher } from './dispatcher.js';
import { newSession, type Published, type Publisher, type PublishTarget } from './publisher.js';
import { untilGone } from './publisher-left.js';

/** How often, and for how long, a stream is looked for whose begin was not answered. */
const UNANSWERED_MS = 1000;
const UNANSWERED_TRIES = 60;

/** Begins a stream: its rows first, then the node that takes it. */
@Injectable()
export class NewStream {
  private readonly logger = new Logger(NewStream.name);

  constructor(
    private readonly prisma: PrismaService,
    private readonly sql: HotSql,
    private readonly dispatcher: Dispatcher,
    private readonly env: Env,
    private readonly quotas: QuotaService,
    private readonly republish: AutoRepublish,
    private readonly pushSettings: PushSettingsService,
  ) {}

  /** Undefined when another request was faster: only one stream of a name runs. */
  async begin(
    target: PublishTarget,
    { push, quotas }: ArrivalState,
    publisher: Publisher,
    gone: AbortSignal,
  ): Promise<Published | undefined> {
    if (!(await this.dispatcher.hasFreeSlot())) throw noFreeSlot();
    const session = newSession(publisher);
    const stream = { id: uuidv7(), ...firstCallbackState(target) };
    const { entryPointId, streamName: name } = target;
    const { streams: maxStreams, transfersPerStream } = this.quotas.of({ quotas });
    const { transfers, note } = this.republish.transfersOf(
      { id: stream.id, name },
      this.pushSettings.effective(entryPointId, push),
      transfersPerStream,
    );
    try {
      if (!(await beginStream(this.sql, this.env, { target, stream, session, transfers, maxStreams })))
        return undefined;
    } catch (error) {
      if (!(error instanceof HttpException))
        this.endUnanswered(stream.id).catch((failure: unknown) => this.logger.error(failure));
      throw error;
    }
    note();
    addLogFields({ streamId: stream.id });
    try {
      const [answer] = await untilGone(
        gone,
        Promise.all([
          this.dispatcher.requestAnswer(stream.id, session.id, this.env.ANSWER_TIMEOUT_MS),
          stream.callbackState === 'pending' ? this.dispatcher.requestCallback(stream.id) : undefined,
        ]),
      );
      return { sessionId: session.id, etag: session.etag, sdp: answer.sdp };
    } catch (error) {
      throw await this.abandon(stream.id, session.id, error);
    }
  }

  /**
   * Where Postgres did not answer, it may have begun the stream all the same, now or when it is well again: nobody would take it, and its name and
   * its place would not be free until the sweeper comes. Ends it, or finds twice that there is none.
   */
  private async endUnanswered(streamId: string): Promise<void> {
    let looks = 0;
    for (let tries = 0; tries < UNANSWERED_TRIES && looks < 2; tries += 1) {
      await sleep(UNANSWERED_MS, undefined, { ref: false });
      try {
        if ((await endStream(this.prisma, streamId, { reason: 'service_error' })) !== null) return;
        looks += 1;
      } catch (error) {
        this.logger.debug(`stream ${streamId} is not looked for: ${String(error).slice(0, 200)}`);
      }
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
