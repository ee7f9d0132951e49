import { Injectable } from '@nestjs/common';
import type { Prisma } from '#libs/db';
import type { Quotas } from '../tenants/customer/customer.dto.js';
import { QuotaService } from '../tenants/customer/quotas.js';
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
  async tryOut(
    { appid, url }: Pick<Destination, 'appid' | 'url'>,
    request: () => Promise<Attempt>,
  ): Promise<Attempt | Exclude<NotAsked, 'open'>> {
    const consumer = await this.quotas.ofProject(appid);
    const waitMs = await this.quota.consumeForOthers(consumer);
    return waitMs > 0 ? { waitMs } : this.circuits.inRoom({ customerId: consumer.customerId, url }, request);
  }

  /** Counts a request of purpose `other` that is made elsewhere. 0 when it may be made, else how long it must wait, ms. */
  async consumeOther(appid: string): Promise<number> {
    return this.quota.consumeForOthers(await this.quotas.ofProject(appid));
  }

  private async consume({ customerId, appid, quotas }: Asked, purpose: Purpose): Promise<number> {
    const own: Quotas = quotas === undefined ? (await this.quotas.ofProject(appid)).quotas : this.quotas.of({ quotas });
    const consumer = { customerId, quotas: own };
    if (purpose === 'stream') return this.quota.consume(consumer);
    return purpose === 'publisher' ? this.quota.consumeForPublisher(consumer) : this.quota.consumeForOthers(consumer);
  }
}
