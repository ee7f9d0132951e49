import type { Env } from '#libs/config';
import type { Prisma } from '#libs/db';
import { refuse } from '../../http/problem.js';

/** A pipeline gives up a session whose publisher does not come after so long (of those that did come, in more). */
const GIVEN_UP_S = 5;

/**
 * Lets a new stream begin only while not too many of the customer's, or of who holds the same publish token, wait for their publisher: each
 * of these holds a slot of a node. To be called under the lock on the customer's row. Throws 429 with Retry-After.
 */
export async function requireConnectedOnes(
  tx: Prisma.TransactionClient,
  env: Env,
  customerId: string,
  proof: string | undefined,
): Promise<void> {
  const limits = { customer: env.WHIP_UNCONNECTED_PER_CUSTOMER, token: env.WHIP_UNCONNECTED_PER_TOKEN };
  if (limits.customer === 0 && limits.token === 0) return;
  const [row] = await tx.$queryRaw<{ customer: number; token: number; oldest: number | null }[]>`
    SELECT count(*)::int AS customer, count(*) FILTER (WHERE proof = ${proof ?? null}::text)::int AS token,
      extract(epoch FROM clock_timestamp() - min(sessions.created_at))::float AS oldest
    FROM streams JOIN projects ON projects.id = streams.project_id JOIN sessions ON sessions.stream_id = streams.id AND sessions.ended_at IS NULL
    WHERE projects.customer_id = ${customerId} AND streams.state <> 'ended' AND streams.state IN ('starting', 'connecting')`;
  if (row === undefined) return;
  const waitS = Math.max(1, Math.ceil(GIVEN_UP_S - (row.oldest ?? 0)));
  if (limits.customer > 0 && row.customer >= limits.customer) throw tooMany(limits.customer, 'of this customer', waitS);
  if (limits.token > 0 && row.token >= limits.token) throw tooMany(limits.token, 'of this publish token', waitS);
}

const tooMany = (limit: number, whose: string, waitS: number): Error =>
  refuse(429, `${limit} streams ${whose} wait for their publisher already.`, {
    code: 'too_many_unconnected',
    detail: 'A stream whose publisher does not connect is ended after some seconds.',
    headers: { 'Retry-After': String(waitS) },
  });
