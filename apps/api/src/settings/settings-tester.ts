import { Injectable } from '@nestjs/common';
import { PrismaService } from '#libs/db';
import { type CallbackAnswer, TransferError } from '#libs/transfer';
import type { Caller } from '../auth/caller.js';
import type { Attempt } from '../callback/callback.client.js';
import { CallbackLimits } from '../callback/callback-limits.js';
import { judge } from '../callback/callback.processor.js';
import { CallbackSender } from '../callback/callback-sender.js';
import { toDelivery, toDeliveryResponse } from '../callback/delivery.js';
import type { EntryPointPath } from '../tenants/owned.js';
import { refuse } from '../http/problem.js';
import { DestinationProber } from './destination-prober.js';
import type { TestTransfer, TestTransferResponse } from './settings.dto.js';
import { requireCallbackUrl, type SettingsRow, SettingsService } from './settings.service.js';

/** Tries an entry point's settings out: a real callback, and on request a real connection to each platform. */
@Injectable()
export class SettingsTester {
  constructor(
    private readonly prisma: PrismaService,
    private readonly settings: SettingsService,
    private readonly sender: CallbackSender,
    private readonly limits: CallbackLimits,
    private readonly prober: DestinationProber,
  ) {}

  async test(
    caller: Caller,
    path: EntryPointPath,
    { streamName, callbackUrl, probe }: TestTransfer,
  ): Promise<TestTransferResponse> {
    const entryPoint = await this.settings.find(caller, path);
    const url = callbackUrl ?? entryPoint.callbackUrl;
    if (url === null)
      throw refuse(409, 'The entry point has no callbackUrl to test.', { code: 'callback_url_missing' });
    requireCallbackUrl(url);
    const webhookId = `msg_test_${Date.now()}`;
    const attempt = await this.limits.tryOut({ appid: path.appid, url }, () =>
      this.ask(entryPoint, url, streamName, webhookId),
    );
    if (attempt === 'full') throw tooManyAtOnce();
    if ('waitMs' in attempt) throw callbacksUsedUp(attempt.waitMs);
    const result = judge(attempt);
    const answer: CallbackAnswer = result instanceof TransferError ? { urls: [], bad: [] } : result;
    const [outcome, detail] = result instanceof TransferError ? [result.code, result.detail ?? null] : ['ok', null];
    const row = await this.prisma.callbackDelivery.create({
      data: toDelivery(
        { stream: null, entryPoint, callbackUrl: url, webhookId, streamName, attempt: 1, kind: 'test' },
        attempt,
        outcome,
        detail,
      ),
    });
    const verdicts = probe ? await this.prober.probeAll(answer.urls, () => this.limits.consumeOther(path.appid)) : [];
    const transfers = answer.urls.map(({ element, url, options }, i) => ({
      element,
      url: url.masked,
      options,
      probe: verdicts[i] ?? null,
    }));
    return { delivery: toDeliveryResponse(row), transfers, bad: answer.bad };
  }

  private ask(
    { id, name, projectId }: SettingsRow,
    callbackUrl: string,
    streamName: string,
    webhookId: string,
  ): Promise<Attempt> {
    const question = {
      appid: projectId,
      entryPoint: name,
      streamName,
      streamId: null,
      startedAt: new Date().toISOString(),
      test: true,
    } as const;
    return this.sender.send(callbackUrl, { id }, webhookId, question);
  }
}

const seconds = (ms: number): number => Math.ceil(ms / 1000);

const tooManyAtOnce = (): Error =>
  refuse(429, 'Too many of your callbacks are in progress.', {
    code: 'too_many_at_once',
    detail: 'Try again when some of them have been answered.',
    headers: { 'Retry-After': '5' },
  });

const callbacksUsedUp = (waitMs: number): Error =>
  refuse(429, 'The callbacks per minute that tests and REST hooks may use are used up.', {
    code: 'quota_exceeded',
    detail: `A test counts as a callback, and each platform that it tries as one more; a fifth of the quota is kept for streams. Wait ${seconds(waitMs)} s, or ask the operator for a higher quota.`,
    headers: { 'Retry-After': String(seconds(waitMs)) },
  });
