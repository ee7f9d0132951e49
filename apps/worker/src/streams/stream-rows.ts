import { Injectable, Logger } from '@nestjs/common';
import { Env } from '#libs/config';
import { endStreamRows, HotSql, Prisma, PrismaService, recordEvent } from '#libs/db';
import { reasonOf } from '#libs/transfer';
import type { Figures, TransferFigures, TransferStatus } from '#libs/protocol';
import { EndJournal, type KeptEnd } from './end-journal.js';

type Tx = Prisma.TransactionClient;

/** A stream whose lease this node has. */
export interface LeasedStream {
  id: string;
  projectId: string;
  /** Of our claim; whoever claims after us has a higher one. */
  epoch: number;
}

/** A stream that was just taken. */
export interface ClaimedStream {
  leased: LeasedStream;
  /** Null when the session that waited has gone. */
  offer: string | null;
  /** Setting of the entry point. */
  endsOnClose: boolean;
}

/** Another owner or an end has come over the stream: nothing of ours may be written any more. */
export class Fenced extends Error {}

/** Of those of the stream's sessions that `where` names. */
export interface SessionsChange {
  where: Prisma.SessionWhereInput;
  /** Only of those that began before this moment of `performance.now()`; compared with their age by the database's clock. */
  begunBefore?: number;
  data: Prisma.SessionUpdateManyMutationInput;
}

/** What happened to a stream since the last write. */
export interface Changes {
  stream: Prisma.StreamUpdateInput;
  /** In their order. */
  sessions: SessionsChange[];
  transfers: TransferStatus[];
  events: { type: string; transferId?: string; data?: Prisma.InputJsonObject }[];
}

const CLAIM = {
  name: 'claim_stream',
  text: `UPDATE streams SET owner_node = $3::text, epoch = epoch + 1, lease_until = clock_timestamp() + $4::int * interval '1 millisecond'
    WHERE id = $1::uuid AND state = 'starting' AND owner_node IS NULL
    RETURNING epoch, project_id AS "projectId", (SELECT offer FROM sessions WHERE sessions.id = $2::text) AS offer,
      (SELECT ends_on_close FROM entry_points WHERE entry_points.id = streams.entry_point_id) AS "endsOnClose"`,
};
const ANSWERED = {
  name: 'stream_answered',
  text: `WITH cleared AS (UPDATE sessions SET offer = NULL WHERE id = $4::text)
    UPDATE streams SET state = 'connecting' WHERE id = $1::uuid AND epoch = $2::int AND owner_node = $3::text AND state = 'starting' RETURNING id`,
};

/** Everything that a worker writes into streams and transfers; each write holds only while the stream is ours. */
@Injectable()
export class StreamRows {
  private readonly logger = new Logger(StreamRows.name);
  private readonly journal: EndJournal;

  constructor(
    private readonly prisma: PrismaService,
    private readonly sql: HotSql,
    private readonly env: Env,
  ) {
    this.journal = new EndJournal(env.RUN_DIR);
  }

  /**
   * Takes a stream that nobody has, with the offer of the session that waits for it; null when somebody has, or it has ended.
   * Lease and epoch by the database's clock.
   */
  async claim(streamId: string, sessionId: string): Promise<ClaimedStream | null> {
    const [claimed] = await this.sql.write<{
      epoch: number;
      projectId: string;
      offer: string | null;
      endsOnClose: boolean | null;
    }>(`stream ${streamId}`, CLAIM, [streamId, sessionId, this.env.NODE_ID, this.env.LEASE_MS]);
    if (!claimed) return null;
    const { epoch, projectId, offer, endsOnClose } = claimed;
    return { leased: { id: streamId, projectId, epoch }, offer, endsOnClose: endsOnClose === true };
  }

  /** Whether the stream waits for a node. */
  async isUnclaimed(streamId: string): Promise<boolean> {
    return (await this.prisma.stream.count({ where: { id: streamId, state: 'starting', ownerNode: null } })) === 1;
  }

  /** The stream is being answered, and its session's offer needed no more: false when its publisher has given up already. One who does so later has the node told. */
  async answered(leased: LeasedStream, sessionId: string): Promise<boolean> {
    const { id, epoch } = leased;
    const begun = await this.sql.write(`stream ${id}`, ANSWERED, [id, epoch, this.env.NODE_ID, sessionId]);
    // What the pipeline said of the session may have been written before.
    return (
      begun.length === 1 ||
      (await this.prisma.stream.count({ where: { ...this.ours(leased), state: { not: 'ended' } } })) === 1
    );
  }

  /** Writes changes in one transaction. Throws Fenced when the stream is not ours any more. */
  async write(leased: LeasedStream, { stream, sessions, transfers, events }: Changes): Promise<void> {
    await this.prisma.$transaction(async (tx) => {
      await this.requireOurs(tx, leased);
      if (Object.keys(stream).length > 0) await tx.stream.update({ where: { id: leased.id }, data: stream });
      for (const { where, begunBefore, data } of sessions) {
        const isOld = begunBefore === undefined ? {} : { createdAt: { lt: await databaseTime(tx, begunBefore) } };
        await tx.session.updateMany({ where: { ...where, ...isOld, streamId: leased.id }, data });
      }
      for (const status of transfers) {
        // What the pipeline said just before it heard that the transfer was removed changes nothing any more.
        await tx.transfer.updateMany({
          where: { id: status.id, streamId: leased.id, endedAt: null },
          data: toRow(status),
        });
        // Its totals come after the API ended the row.
        if (status.figures)
          await tx.transfer.updateMany({
            where: { id: status.id, streamId: leased.id },
            data: figuresOf(status.figures),
          });
      }
      for (const event of events) await recordEvent(tx, { projectId: leased.projectId, streamId: leased.id, ...event });
    });
  }

  /** Ends the stream with all that belongs to it. Throws Fenced when the stream is not ours any more; what fails otherwise is kept in RUN_DIR. */
  async end(leased: LeasedStream, reason: string, detail: string | null, final: Figures | null): Promise<void> {
    try {
      await this.prisma.$transaction(async (tx) => {
        const end = { reason, detail, figures: final?.input, transfers: final?.transfers };
        if ((await endStreamRows(tx, leased.id, end, this.ours(leased))) === null) throw notOurs(leased);
      });
    } catch (error) {
      if (error instanceof Fenced) this.journal.forget(leased.id);
      else this.keepEnd({ held: leased, reason, detail, final });
      throw error;
    }
    this.journal.forget(leased.id);
  }

  /** For a process that may end before Postgres is back: the next worker of this node writes it. */
  keepEnd(end: KeptEnd): void {
    this.journal.keep(end);
  }

  /** Writes the ends that a former worker of this node could not. */
  async writeKeptEnds(): Promise<void> {
    for (const kept of this.journal.read()) {
      const { held: leased, reason, detail, final } = kept;
      try {
        await this.end(leased, reason, detail, final);
      } catch (error) {
        if (error instanceof Fenced) await this.correct(kept);
        else this.logger.warn(`the end of stream ${leased.id} is still not written: ${String(error).slice(0, 200)}`);
      }
    }
  }

  /** The API has ended the stream meanwhile, not knowing why it ended. */
  private async correct({ held: leased, reason, detail, final }: KeptEnd): Promise<void> {
    const figures = final ? { figures: final.input as unknown as Prisma.InputJsonObject } : {};
    await this.prisma.stream.updateMany({
      where: {
        id: leased.id,
        state: 'ended',
        reason: 'node_lost',
        epoch: leased.epoch + 1,
        ownerNode: this.env.NODE_ID,
      },
      data: { reason, reasonDetail: detail, ...figures },
    });
  }

  /** Renews the leases of all these; returns the ids that were still ours. */
  async renew(leased: LeasedStream[]): Promise<Set<string>> {
    const renewed = await this.prisma.$queryRaw<{ id: string }[]>`
      UPDATE streams SET lease_until = clock_timestamp() + ${this.env.LEASE_MS} * interval '1 millisecond'
      FROM unnest(${leased.map(({ id }) => id)}::uuid[], ${leased.map(({ epoch }) => epoch)}::int[]) AS mine(id, epoch)
      WHERE streams.id = mine.id AND streams.epoch = mine.epoch AND owner_node = ${this.env.NODE_ID} AND state <> 'ended'
      RETURNING streams.id`;
    return new Set(renewed.map(({ id }) => id));
  }

  private async requireOurs(tx: Tx, { id, epoch }: LeasedStream): Promise<void> {
    const rows = await tx.$queryRaw<unknown[]>`
      SELECT 1 FROM streams WHERE id = ${id}::uuid AND epoch = ${epoch} AND owner_node = ${this.env.NODE_ID} AND state <> 'ended' FOR UPDATE`;
    if (rows.length === 0) throw notOurs({ id });
  }

  private ours({ id, epoch }: LeasedStream): Prisma.StreamWhereInput {
    return { id, epoch, ownerNode: this.env.NODE_ID };
  }
}

const notOurs = ({ id }: Pick<LeasedStream, 'id'>): Fenced => new Fenced(`stream ${id} is not ours any more`);

/** A moment of this process's `performance.now()` as the database's clock showed it. */
async function databaseTime(tx: Tx, moment: number): Promise<Date> {
  const [row] = await tx.$queryRaw<
    { at: Date }[]
  >`SELECT clock_timestamp() - ${performance.now() - moment} * interval '1 millisecond' AS at`;
  return (row as { at: Date }).at;
}

const figuresOf = (totals: TransferFigures) => ({ figures: totals as unknown as Prisma.InputJsonObject });

function toRow({
  state,
  reason,
  detail,
  attempts,
  nextRetryAt,
  liveAt,
}: TransferStatus): Prisma.TransferUpdateManyMutationInput {
  const known = reasonOf(reason);
  return {
    state,
    reason,
    reasonDetail: detail,
    blame: known?.blame ?? null,
    retryable: known ? known.retry !== 'never' : null,
    attempts,
    nextRetryAt,
    liveAt,
    ...(state === 'ended' ? { endedAt: new Date() } : {}),
  };
}
