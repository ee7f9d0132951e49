import { Injectable, Logger } from '@nestjs/common';
import { createHash, createHmac } from 'node:crypto';
import { Env } from '#libs/config';
import { CallbackClient } from '../../callback/callback.client.js';
import { CallbackLimits } from '../../callback/callback-limits.js';
import { PushSettingsService } from '../republish/push-settings.service.js';
import type { PublishTarget } from '../../streams/publish/publisher.js';
import { isFields, type Fields } from '../sdk/protocol.js';

export type Hook = 'connect' | 'ConnectionStatusEvent' | 'publishStream' | 'unPublishStream' | 'StreamStatusEvent';

/** What a customer's application said to a hook. */
export interface HookAnswer {
  /** Why what was about to be done must not be; null: it may. */
  refusal: string | null;
  body: Fields;
}

const NO_ANSWER: HookAnswer = { refusal: null, body: {} };
/** Forbidden: the vendor's way for an application to say no. */
const REFUSED = 403;
const FORBIDDEN = 'Forbidden by the application';
/** Who causes many hooks must not get past an application that would have said no. */
const CROWDED = 'The application cannot be asked: too many requests to it at once or in this minute. Try again soon.';

/** Flashphoner's REST hooks: the entry point's application is told, and for some of them asked, what publishers do. */
@Injectable()
export class RestHooks {
  private readonly logger = new Logger(RestHooks.name);
  /** Tells our machines apart without telling their names. */
  private readonly nodeId: string;

  constructor(
    private readonly settings: PushSettingsService,
    private readonly client: CallbackClient,
    private readonly limits: CallbackLimits,
    env: Env,
  ) {
    this.nodeId = createHash('sha256').update(env.NODE_ID).digest('hex').slice(0, 32);
  }

  /**
   * Never throws for what the application does. `failOnError`: an application that cannot be asked is one that says no. With quota, room and
   * circuit breaker of the customer's callbacks.
   */
  async call(
    { customerId, projectId, entryPointId }: PublishTarget,
    hook: Hook,
    fields: Fields,
    failOnError = false,
  ): Promise<HookAnswer> {
    const { appUrl, hookSecret } = await this.settings.of(entryPointId);
    if (appUrl === null) return NO_ANSWER;
    const payload = JSON.stringify({ nodeId: this.nodeId, ...fields });
    const headers: Record<string, string> =
      hookSecret === null
        ? {}
        : { authorization: `WCS ${createHmac('md5', hookSecret).update(payload).digest('hex')}` };
    const url = `${appUrl.replace(/\/$/, '')}/${hook}`;
    const to = { customerId, appid: projectId, url };
    const attempt = await this.limits.ask(to, 'other', () => this.client.post(url, payload, headers));
    if (attempt === 'full' || (typeof attempt === 'object' && 'waitMs' in attempt))
      return { refusal: CROWDED, body: {} };
    if (attempt !== 'open' && attempt.failure === null) return { refusal: null, body: readBody(attempt.body) };
    this.logger.log(
      `hook ${hook} of entry point ${entryPointId}: ${attempt === 'open' ? 'its server is not asked for a while' : attempt.failure?.code}`,
    );
    const isRefused = attempt !== 'open' && attempt.status === REFUSED;
    return { refusal: isRefused || failOnError ? FORBIDDEN : null, body: {} };
  }
}

function readBody(body: string | null): Fields {
  try {
    const value: unknown = JSON.parse(body ?? '');
    return isFields(value) ? value : {};
  } catch {
    return {};
  }
}
