import { Injectable, Logger } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { Env, logFields } from '#libs/config';
import { PrismaService } from '#libs/db';
import { banned } from '../ban/ban.js';
import { type Attempt, CallbackClient } from '../../callback/callback.client.js';
import { CallbackLimits } from '../../callback/callback-limits.js';
import { toDelivery } from '../../callback/delivery.js';
import { refusalOf, signatureHeaders, verdictOf, type StreamAuth, type StreamAuthQuestion } from './stream-auth.js';

/** What may keep a publisher with a good token out; read together with the token's project. */
export interface AdmissionRules {
  entryPoint: string;
  bannedUntil: Date | null;
  streamAuth: StreamAuth | null;
}

/** Where somebody wants to publish. */
export interface Wanted {
  customerId: string;
  projectId: string;
  entryPointId: string;
  streamName: string;
  admission: AdmissionRules;
}

/** Who wants to. */
export interface Who {
  clientIp: string | undefined;
  host?: string;
  /** For the customer's server. */
  token?: string;
}

/** Lets publishers in, or says why not: their stream's name is banned, or the customer's server says no. */
@Injectable()
export class Admission {
  private readonly logger = new Logger(Admission.name);

  constructor(
    private readonly prisma: PrismaService,
    private readonly client: CallbackClient,
    private readonly limits: CallbackLimits,
    private readonly env: Env,
  ) {}

  /** Throws 403 for a publisher who may not, and 503 when nobody could be asked. Takes STREAM_AUTH_TIMEOUT_MS at most, and the time until there is room at the customer's server. */
  async require(wanted: Wanted, who: Who): Promise<void> {
    const { bannedUntil, streamAuth } = wanted.admission;
    if (bannedUntil !== null) throw banned(bannedUntil);
    if (streamAuth !== null) await this.ask(wanted, streamAuth, who);
  }

  private async ask(wanted: Wanted, auth: StreamAuth, who: Who): Promise<void> {
    const { customerId, projectId: appid } = wanted;
    const to = { customerId, appid, url: auth.url };
    const attempt = await this.limits.ask(to, 'publisher', () => this.post(wanted, auth, who));
    if (attempt === 'open') throw refusalOf('callback_circuit_open');
    if (attempt === 'full') throw refusalOf('callback_timeout', 1000);
    if ('waitMs' in attempt) throw refusalOf('callback_rate_limited', attempt.waitMs);
    const verdict = verdictOf(attempt);
    await this.record(wanted, auth, attempt, verdict);
    if (verdict === 'ok') return;
    this.logger.log(`a publisher at entry point ${wanted.entryPointId} was not let in: ${verdict}`);
    throw refusalOf(verdict);
  }

  private post(
    { admission, streamName }: Wanted,
    { url, secret }: StreamAuth,
    { host, clientIp, token }: Who,
  ): Promise<Attempt> {
    const question: StreamAuthQuestion = {
      host: host ?? '',
      entryPoint: admission.entryPoint,
      streamName,
      clientIp,
      token,
      requestId: logFields().requestId,
    };
    const payload = JSON.stringify(question);
    return this.client.post(url, payload, signatureHeaders(secret, payload), this.env.STREAM_AUTH_TIMEOUT_MS);
  }

  private async record(
    { entryPointId, streamName }: Wanted,
    { url }: StreamAuth,
    attempt: Attempt,
    verdict: string,
  ): Promise<void> {
    const asked = {
      stream: null,
      entryPoint: { id: entryPointId },
      callbackUrl: url,
      webhookId: `msg_auth_${randomUUID()}`,
      streamName,
      attempt: 1,
      kind: 'stream_auth' as const,
    };
    const detail = attempt.failure?.detail ?? null;
    await this.prisma.callbackDelivery.create({ data: toDelivery(asked, attempt, verdict, detail) });
  }
}
