import { Injectable } from '@nestjs/common';
import type { Prisma } from '#libs/db';
import { type Quotas, QuotaService } from '../tenants/customer/quotas.js';
import { CallbackCircuits, type Destination, type NotAsked } from './callback-circuits.js';
import type { Attempt } from './callback.client.js';
import { CallbackQuota } from './callback-quota.js';

/** What a request to a customer's server is for; each has its own part of the customer's quota (CallbackQuota). */
export type Purpose = 'stream' | 'publisher' | 'other';

/** A destination, and the quotas of its customer where they have been read already. */
type Asked = Destination & { quotas?: Prisma.JsonValue };

/** Whether a customer's server may be asked now: there is room, it is not known to be dead, and the quota is not used up. */
@Injectable()
export class CallbackLimits {
  constructor(
    private readonly circuits: CallbackCircuits,
    private readonly quota: CallbackQuota,
    private readonly quotas: QuotaService,
  ) {}

  /** Makes the request, or says why not. The quota is asked last, so that what is not asked for another reason does not count. */
  ask(to: Asked, purpose: Purpose, request: () => Promise<Attempt>): Promise<Attempt | NotAsked> {
    return this.circuits.run(to, () => this.consume(to, purpose), request);
  }

  /** Makes a request of purpose `other` whatever is known of its server: for who tries out whether it is back. */
  async tryOut(to: Asked, request: () => Promise<Attempt>): Promise<Attempt | Exclude<NotAsked, 'open'>> {
    const waitMs = await this.consume(to, 'other');
    return waitMs > 0 ? { waitMs } : this.circuits.inRoom(to, request);
  }

  /** Counts one request. 0 when it may be made, else how long it must wait, ms. */
  async consume({ customerId, appid, quotas }: Omit<Asked, 'url'>, purpose: Purpose): Promise<number> {
    const own: Quotas = quotas === undefined ? (await this.quotas.ofProject(appid)).quotas : this.quotas.of({ quotas });
    const consumer = { customerId, quotas: own };
    if (purpose === 'stream') return this.quota.consume(consumer);
    return purpose === 'publisher' ? this.quota.consumeForPublisher(consumer) : this.quota.consumeForOthers(consumer);
  }
}
