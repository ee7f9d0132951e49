import { Processor, WorkerHost } from '@nestjs/bullmq';
import { Logger } from '@nestjs/common';
import { DelayedError, type Job } from 'bullmq';
import { withLogFields } from '#libs/config';
import { HotSql } from '#libs/db';
import { CALLBACKS_QUEUE, type CallbackJob } from '#libs/queue';
import { parseCallbackAnswer, REASONS, retryDelayMs, TransferError, type CallbackAnswer } from '#libs/transfer';
import { Metrics } from '../metrics/metrics.js';
import { readCallbackStream } from './callback-stream.js';
import type { Attempt } from './callback.client.js';
import { CallbackLimits } from './callback-limits.js';
import { CallbackRecorder, type Asked } from './callback.recorder.js';
import { CallbackSender } from './callback-sender.js';

/** Waiting costs next to nothing, and a server that hangs must not hold back other customers' callbacks. */
const CONCURRENCY = 200;
/** Until there may be room at a server that is busy with many of our requests; of many that wait, not all come back at once. */
const FULL_WAIT_MS = 1000;
const FULL_SPREAD_MS = 2000;

/** The pause after a failed attempt is decided with the attempt, so that the log can say when the next one is due. */
class AttemptFailed extends Error {
  constructor(
    failure: TransferError,
    readonly delayMs: number,
  ) {
    super(failure.code);
  }
}

const backoffStrategy = (_attemptsMade: number, _type?: string, error?: Error): number =>
  error instanceof AttemptFailed ? error.delayMs : 5000;

/** Asks the customer's server where a stream goes, again and again while the stream lives. */
@Processor(CALLBACKS_QUEUE, { concurrency: CONCURRENCY, settings: { backoffStrategy } })
export class CallbackProcessor extends WorkerHost {
  private readonly logger = new Logger(CallbackProcessor.name);

  constructor(
    private readonly sql: HotSql,
    private readonly sender: CallbackSender,
    private readonly limits: CallbackLimits,
    private readonly recorder: CallbackRecorder,
    private readonly metrics: Metrics,
  ) {
    super();
  }

  onModuleInit(): void {
    this.worker.on('error', (error) => this.logger.warn(`queue: ${error.message}`));
  }

  process(job: Job<CallbackJob>, token?: string): Promise<void> {
    return withLogFields({ streamId: job.data.streamId }, () => this.serve(job, token));
  }

  private async serve(job: Job<CallbackJob>, token: string | undefined): Promise<void> {
    const isReplay = job.data.isReplay === true;
    // Settings are read again for each attempt: who corrects the URL need not wait for the next stream.
    const stream = await readCallbackStream(this.sql, job.data.streamId);
    if (stream === null || stream.state === 'ended' || (stream.callbackState === 'answered' && !isReplay)) return;
    const { entryPoint } = stream;
    if (!entryPoint.transferEnabled) return this.recorder.nothingToAsk(stream.id, 'transfer_disabled');
    if (entryPoint.callbackUrl === null) return this.recorder.nothingToAsk(stream.id, 'callback_url_missing');
    const asked: Asked = {
      stream,
      entryPoint,
      callbackUrl: entryPoint.callbackUrl,
      webhookId: `msg_${stream.id}`,
      streamName: stream.name,
      attempt: job.attemptsMade + 1,
      kind: isReplay ? 'replay' : 'stream',
    };

    const { customer } = stream;
    const to = {
      customerId: customer.id,
      quotas: customer.quotas,
      appid: stream.projectId,
      url: entryPoint.callbackUrl,
    };
    const attempt = await this.limits.ask(to, 'stream', () => this.ask(asked));
    if (attempt === 'full') return this.postpone(job, token, FULL_WAIT_MS + FULL_SPREAD_MS * Math.random());
    if (attempt !== 'open' && 'waitMs' in attempt) {
      await this.recorder.notAsked(asked, new TransferError('callback_rate_limited'));
      return this.postpone(job, token, attempt.waitMs);
    }
    const result = attempt === 'open' ? new TransferError('callback_circuit_open') : judge(attempt);
    if (!(result instanceof TransferError)) {
      this.metrics.countCallback('ok');
      return this.recorder.answered(asked, attempt as Attempt, result);
    }

    this.metrics.countCallback(result.code);
    const { retry } = REASONS[result.code];
    const delayMs = retryDelayMs(asked.attempt, retry === 'never' ? 'slow' : retry, Math.random);
    if (attempt === 'open') await this.recorder.notAsked(asked, result);
    else await this.recorder.failed(asked, attempt, result, isReplay ? null : new Date(Date.now() + delayMs));
    // The job fails, and BullMQ tries again after the pause.
    throw new AttemptFailed(result, delayMs);
  }

  private ask({ stream, entryPoint, callbackUrl, webhookId }: Asked): Promise<Attempt> {
    const question = {
      appid: stream.projectId,
      entryPoint: entryPoint.name,
      streamName: stream.name,
      streamId: stream.id,
      startedAt: stream.createdAt.toISOString(),
    };
    return this.sender.send(callbackUrl, entryPoint, webhookId, question);
  }

  /** Later, and not counted as an attempt. */
  private async postpone(job: Job, token: string | undefined, ms: number): Promise<never> {
    await job.moveToDelayed(Date.now() + ms, token);
    throw new DelayedError();
  }
}

/** What an attempt came to: where to forward to, or why nowhere. */
export function judge({ body, failure }: Attempt): CallbackAnswer | TransferError {
  if (failure) return failure;
  try {
    return parseCallbackAnswer(body ?? '');
  } catch (error) {
    if (error instanceof TransferError) return error;
    throw error;
  }
}
