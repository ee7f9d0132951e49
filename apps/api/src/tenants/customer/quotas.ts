import { Injectable } from '@nestjs/common';
import { Env } from '#libs/config';
import { Prisma, PrismaService, type Customer } from '#libs/db';
import { refuse } from '../../http/problem.js';
import type { Quotas } from './customer.dto.js';

export const QUOTA_NAMES = [
  'projects',
  'entryPoints',
  'streams',
  'transfersPerStream',
  'callbacksPerMinute',
] as const satisfies (keyof Quotas)[];

/** Ended ones count: who adds and removes in a loop must not fill the database. */
export const MAX_TRANSFERS_EVER = 1000;

type Tx = Prisma.TransactionClient;

/** Each customer's limits: the service's defaults, and what differs for this one. */
@Injectable()
export class QuotaService {
  private readonly defaults: Quotas;

  constructor(
    private readonly prisma: PrismaService,
    env: Env,
  ) {
    this.defaults = {
      projects: env.QUOTA_PROJECTS,
      entryPoints: env.QUOTA_ENTRY_POINTS,
      streams: env.QUOTA_STREAMS,
      transfersPerStream: env.QUOTA_TRANSFERS_PER_STREAM,
      callbacksPerMinute: env.QUOTA_CALLBACKS_PER_MINUTE,
    };
  }

  of({ quotas }: Pick<Customer, 'quotas'>): Quotas {
    const own = Object.fromEntries(
      QUOTA_NAMES.map((name) => [name, (quotas as Partial<Record<string, unknown>> | null)?.[name]]).filter(
        ([, value]) => typeof value === 'number',
      ),
    );
    return { ...this.defaults, ...(own as Partial<Quotas>) };
  }

  async ofProject(
    appid: string,
    db: Tx | PrismaService = this.prisma,
  ): Promise<{ customerId: string; quotas: Quotas }> {
    const { customer } = await db.project.findUniqueOrThrow({
      where: { id: appid },
      select: { customer: { select: { id: true, quotas: true } } },
    });
    return { customerId: customer.id, quotas: this.of(customer) };
  }

  /**
   * Runs `make` unless the customer has as many as it may. Counted under a lock on the customer's row, so that two
   * requests at once are not both the last that fits. Throws 403 (RFC 9110: understood, refused, no use to repeat).
   */
  async within<T>(
    customerId: string,
    quota: keyof Quotas,
    count: (tx: Tx) => Promise<number>,
    make: (tx: Tx) => Promise<T>,
  ): Promise<T> {
    return this.prisma.$transaction(async (tx) => {
      const [row] = await tx.$queryRaw<
        Pick<Customer, 'quotas'>[]
      >`SELECT quotas FROM customers WHERE id = ${customerId} FOR NO KEY UPDATE`;
      const limit = this.of(row ?? { quotas: {} })[quota];
      if ((await count(tx)) >= limit) throw quotaExceeded(quota, limit);
      return make(tx);
    });
  }
}

const WHAT: Record<keyof Quotas, string> = {
  projects: 'projects',
  entryPoints: 'entry points in a project',
  streams: 'streams at the same time',
  transfersPerStream: 'transfers of a stream at the same time',
  callbacksPerMinute: 'callbacks per minute',
};

/** 403 that names the quota; 429 for streams, whose number goes down by itself. */
export function quotaExceeded(quota: keyof Quotas, limit: number): Error {
  const isPassing = quota === 'streams' || quota === 'callbacksPerMinute';
  return refuse(isPassing ? 429 : 403, `The quota of ${limit} ${WHAT[quota]} is used up.`, {
    code: 'quota_exceeded',
    detail: isPassing
      ? 'End a stream, or ask the operator for a higher quota.'
      : 'Delete what is not needed any more, or ask the operator for a higher quota.',
    ...(isPassing ? { headers: { 'Retry-After': '10' } } : {}),
  });
}

/** The customer's streams that have not ended. With the state as a literal, for the partial index. */
export async function countRunningStreams(db: Tx | PrismaService, customerId: string): Promise<number> {
  const [row] = await db.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int AS count FROM streams WHERE customer = ${customerId} AND state <> 'ended'`;
  return row?.count ?? 0;
}
