import { type HotSql, type Prisma, toJsonb, type Transfer } from '#libs/db';
import type { Env } from '#libs/config';
import { banned } from '../../agora/ban/ban.js';
import { quotaExceeded } from '../../tenants/customer/quotas.js';
import { unknownEntryPoint } from '../../tenants/owned.js';
import type { newSession, PublishTarget } from './publisher.js';
import { tooManyOfCustomer, tooManyOfToken } from './unconnected.js';

/** A transfer that a stream has from its first moment. */
export type FirstTransfer = Pick<
  Transfer,
  'id' | 'origin' | 'url' | 'redactedUrl' | 'urlHash' | 'mediaSessionId' | 'pushUrl'
> & { options: Prisma.InputJsonObject };

/** The rows of a stream that begins. */
export interface Beginning {
  target: PublishTarget;
  stream: { id: string; callbackState: 'none' | 'pending'; callbackReason?: string };
  session: ReturnType<typeof newSession>;
  transfers: FirstTransfer[];
  maxStreams: number;
}

type Outcome =
  | { outcome: 'begun' | 'taken' | 'quota' | 'gone' }
  | { outcome: 'unconnected_of_customer' | 'unconnected_of_token'; oldestS: number | null }
  | { outcome: 'banned'; untilMs: number };

/**
 * Its commit does not wait for the disk: the lock of the customer's row is held until a commit is done, and all arrivals of a customer would wait for one write
 * to disk after the other. The node's claim, without which no publisher is answered, waits for it, and for all that was committed before.
 */
const BEGIN = {
  name: 'begin_stream',
  text: `SELECT begin_stream($1::text, $2::jsonb, $3::jsonb, $4::jsonb, $5::int, $6::int, $7::int) AS outcome
    FROM set_config('synchronous_commit', 'off', true)`,
};

/**
 * Writes the rows of a stream that begins, in one round trip (the function is in the migrations). False: a stream of that name runs already. Throws 429
 * when the customer has as many streams as it may, or too many that wait for their publisher, 403 for a banned name, and 404 when the entry point has
 * been deleted meanwhile.
 */
export async function beginStream(
  sql: HotSql,
  env: Env,
  { target, stream, session, transfers, maxStreams }: Beginning,
): Promise<boolean> {
  const { customerId, projectId, entryPointId, streamName: name } = target;
  const limits = { customer: env.WHIP_UNCONNECTED_PER_CUSTOMER, token: env.WHIP_UNCONNECTED_PER_TOKEN };
  const [row] = await sql.write<{ outcome: Outcome }>(`customer ${customerId}`, BEGIN, [
    customerId,
    toJsonb({ ...stream, projectId, entryPointId, name }),
    toJsonb(session),
    toJsonb(transfers),
    maxStreams,
    limits.customer,
    limits.token,
  ]);
  const found = row?.outcome ?? { outcome: 'taken' };
  switch (found.outcome) {
    case 'gone':
      throw unknownEntryPoint();
    case 'quota':
      throw quotaExceeded('streams', maxStreams);
    case 'unconnected_of_customer':
      throw tooManyOfCustomer(limits.customer, found.oldestS);
    case 'unconnected_of_token':
      throw tooManyOfToken(limits.token, found.oldestS);
    case 'banned':
      throw banned(new Date(found.untilMs));
    default:
      return found.outcome === 'begun';
  }
}
