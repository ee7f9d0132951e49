import { ConflictException } from '@nestjs/common';
import { type HotSql, type Prisma, toJsonb, type Transfer } from '#libs/db';
import { refuse } from '../../http/problem.js';
import { MAX_TRANSFERS_EVER, quotaExceeded } from '../../tenants/customer/quotas.js';

/** The columns of a new transfer. */
export type NewTransferRow = Pick<Transfer, 'id' | 'origin' | 'url' | 'redactedUrl' | 'urlHash'> &
  Partial<Pick<Transfer, 'mediaSessionId' | 'pushUrl'>> & { options: Prisma.InputJsonObject };

/** A transfer that is to be added, and what may keep it out. */
export interface Addition {
  streamId: string;
  transfer: NewTransferRow;
  /** Of its URL, under every master key. */
  hashes: string[];
  transfersPerStream: number;
}

/** What became of it. `ownerNode` runs the stream. */
export interface Added {
  ownerNode: string | null;
  createdAt: Date;
}

type Outcome =
  | { outcome: 'ended' | 'ever' | 'quota' | 'duplicate' }
  | { outcome: 'added'; ownerNode: string | null; createdAt: string };

const ADD = {
  name: 'add_transfer',
  text: 'SELECT add_transfer($1::uuid, $2::jsonb, $3::text[], $4::int, $5::int) AS outcome',
};

/** In one round trip (the function is in the migrations). Throws 409 for a stream that has ended or has this URL already, 403 when it has as many transfers as it may. */
export async function addTransfer(
  sql: HotSql,
  { streamId, transfer, hashes, transfersPerStream }: Addition,
): Promise<Added> {
  const values = [streamId, toJsonb(transfer), hashes, MAX_TRANSFERS_EVER, transfersPerStream];
  const [row] = await sql.write<{ outcome: Outcome }>(`stream ${streamId}`, ADD, values);
  const found = row?.outcome ?? { outcome: 'ended' };
  switch (found.outcome) {
    case 'added':
      return { ownerNode: found.ownerNode, createdAt: new Date(found.createdAt) };
    case 'ended':
      throw new StreamEnded();
    case 'ever':
      throw tooManyEver();
    case 'quota':
      throw quotaExceeded('transfersPerStream', transfersPerStream);
    case 'duplicate':
      throw sameUrl();
  }
}

/** 409. */
export class StreamEnded extends ConflictException {
  constructor() {
    super('This stream has ended.');
  }
}

export const sameUrl = (): Error =>
  refuse(409, 'The stream is forwarded to this URL already.', { code: 'duplicate_url' });

const tooManyEver = (): Error =>
  refuse(403, `A stream has ${MAX_TRANSFERS_EVER} transfers at most, with those that have ended.`, {
    code: 'quota_exceeded',
    detail: 'Change the URL of a transfer instead of adding another, or begin a new stream.',
  });
