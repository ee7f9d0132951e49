import { Logger } from '@nestjs/common';
import type { PublishTarget } from '../../streams/publish/publisher.js';
import type { Hook, HookAnswer, RestHooks } from '../hooks/rest-hooks.js';
import { isFields, type Fields } from './protocol.js';

/** What hooks say of the connection, besides the event itself. */
export interface ConnectionFields {
  appKey: string;
  /** `/ip:port/ip:port`, as the vendor's hooks name a connection. */
  sessionId: string;
  custom: Fields;
}

/** The customer's application, as one connection calls its REST hooks: one after the other. */
export class SdkApplication {
  private readonly logger = new Logger(SdkApplication.name);
  private failOnError = new Set<string>();
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly hooks: RestHooks,
    private readonly connection: () => ConnectionFields,
  ) {}

  /** In order: an application must not be told of an end before the beginning. Without a target nobody is asked, and nothing refused. */
  ask(hook: Hook, target: PublishTarget | null, fields: Fields): Promise<HookAnswer> {
    const answer = this.last.then(() => this.call(hook, target, fields));
    this.last = answer;
    return answer;
  }

  /** As `ask`, for what nobody waits for. */
  report(hook: Hook, target: PublishTarget | null, fields: Fields): void {
    this.ask(hook, target, fields).catch((error: unknown) =>
      this.logger.error(`hook ${hook}: ${String(error).slice(0, 200)}`),
    );
  }

  /** restClientConfig of the application's answer to connect: which hooks must succeed. */
  readPolicies({ restClientConfig }: Fields): void {
    if (!isFields(restClientConfig)) return;
    const failing = Object.entries(restClientConfig).filter(
      ([, policy]) => isFields(policy) && policy.restOnError === 'FAIL',
    );
    this.failOnError = new Set(failing.map(([hook]) => hook));
  }

  private async call(hook: Hook, target: PublishTarget | null, fields: Fields): Promise<HookAnswer> {
    if (target === null) return { refusal: null, body: {} };
    try {
      return await this.hooks.call(target, hook, { ...this.connection(), ...fields }, this.failOnError.has(hook));
    } catch (error) {
      // Ours, not the application's: the database is away. Nobody is kept from publishing by it here.
      this.logger.warn(`hook ${hook}: ${String(error).slice(0, 200)}`);
      return { refusal: null, body: {} };
    }
  }
}
