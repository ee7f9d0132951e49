import { Injectable, Logger } from '@nestjs/common';
import { createHash, createHmac } from 'node:crypto';
import { Env } from '#libs/config';
import { CallbackClient } from '../callback/callback.client.js';
import { PushSettingsService } from '../push/push-settings.service.js';
import { isFields, type Fields } from './protocol.js';

export type Hook = 'connect' | 'ConnectionStatusEvent' | 'publishStream' | 'unPublishStream' | 'StreamStatusEvent';

/** What a customer's application said to a hook. */
export interface HookAnswer {
  /** It forbids what was about to be done. */
  isRefused: boolean;
  body: Fields;
}

const NO_ANSWER: HookAnswer = { isRefused: false, body: {} };
/** Forbidden: the vendor's way for an application to say no. */
const REFUSED = 403;

/** Flashphoner's REST hooks: the entry point's application is told, and for some of them asked, what publishers do. */
@Injectable()
export class RestHooks {
  private readonly logger = new Logger(RestHooks.name);
  /** Tells our machines apart without telling their names. */
  private readonly nodeId: string;

  constructor(
    private readonly settings: PushSettingsService,
    private readonly client: CallbackClient,
    env: Env,
  ) {
    this.nodeId = createHash('sha256').update(env.NODE_ID).digest('hex').slice(0, 32);
  }

  /** Never throws for what the application does. `failOnError`: an application that cannot be asked is one that says no. */
  async call(entryPointId: string, hook: Hook, fields: Fields, failOnError = false): Promise<HookAnswer> {
    const { appUrl, hookSecret } = await this.settings.of(entryPointId);
    if (appUrl === null) return NO_ANSWER;
    const payload = JSON.stringify({ nodeId: this.nodeId, ...fields });
    const headers: Record<string, string> = hookSecret === null ? {} : { authorization: `WCS ${createHmac('md5', hookSecret).update(payload).digest('hex')}` };
    const { status, body, failure } = await this.client.post(`${appUrl.replace(/\/$/, '')}/${hook}`, payload, headers);
    if (failure === null) return { isRefused: false, body: readBody(body) };
    this.logger.log(`hook ${hook} of entry point ${entryPointId}: ${failure.code}`);
    return { isRefused: status === REFUSED || failOnError, body: {} };
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
