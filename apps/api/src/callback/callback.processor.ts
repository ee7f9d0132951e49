import { Processor, WorkerHost } from '@nestjs/bullmq';
import { Logger } from '@nestjs/common';
import type { Job } from 'bullmq';
import { PrismaService } from '#libs/db';
import { CALLBACKS_QUEUE, type CallbackJob } from '#libs/queue';
import { parseCallbackAnswer, REASONS, retryDelayMs, TransferError, type CallbackAnswer } from '#libs/transfer';
import { CallbackClient, type Attempt } from './callback.client.js';
import { CallbackRecorder, type Asked } from './callback.recorder.js';

/** Waiting costs next to nothing, and a server that hangs must not hold back other customers' callbacks. */
const CONCURRENCY = 200;

/** BullMQ asks for the pause after a failed attempt; the failure itself says how patient to be. */
function backoffStrategy(attemptsMade: number, _type?: string, error?: Error): number {
  const { retry } = error instanceof TransferError ? REASONS[error.code] : { retry: 'fast' as const };
  return retryDelayMs(attemptsMade, retry === 'never' ? 'slow' : retry, Math.random);
}

/** Asks the customer's server where a stream shall go, again and again while the stream lives. */
@Processor(CALLBACKS_QUEUE, { concurrency: CONCURRENCY, settings: { backoffStrategy } })
export class CallbackProcessor extends WorkerHost {
  private readonly logger = new Logger(CallbackProcessor.name);

  constructor(
    private readonly prisma: PrismaService,
    private readonly client: CallbackClient,
    private readonly recorder: CallbackRecorder,
  ) {
    super();
  }

  onModuleInit(): void {
    this.worker.on('error', (error) => this.logger.warn(`queue: ${error.message}`));
  }

  async process(job: Job<CallbackJob>): Promise<void> {
    const stream = await this.prisma.stream.findUnique({
      where: { id: job.data.streamId },
      // Settings are read anew for each attempt: who corrects the URL need not wait for the next stream.
      include: { entryPoint: { select: { id: true, name: true, transferEnabled: true, callbackUrl: true } } },
    });
    if (stream === null || stream.state === 'ended' || stream.callbackState === 'answered') return;
    const { entryPoint } = stream;
    if (!entryPoint.transferEnabled) return this.recorder.nothingToAsk(stream.id, 'transfer_disabled');
    if (entryPoint.callbackUrl === null) return this.recorder.nothingToAsk(stream.id, 'callback_url_missing');
    const asked: Asked = { stream, entryPoint, callbackUrl: entryPoint.callbackUrl, attempt: job.attemptsMade + 1 };
    const attempt = await this.client.post(this.recorder.requestUrl(asked), {
      appid: stream.projectId,
      entryPoint: entryPoint.name,
      streamName: stream.name,
      streamId: stream.id,
      startedAt: stream.createdAt.toISOString(),
    });
    const result = judge(attempt);
    if (result instanceof TransferError) {
      await this.recorder.failed(asked, attempt, result);
      // The job fails, and BullMQ tries again after the pause.
      throw result;
    }
    await this.recorder.answered(asked, attempt, result);
  }
}

function judge({ body, failure }: Attempt): CallbackAnswer | TransferError {
  if (failure) return failure;
  try {
    return parseCallbackAnswer(body ?? '');
  } catch (error) {
    if (error instanceof TransferError) return error;
    throw error;
  }
}
