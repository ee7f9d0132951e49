import { Injectable } from '@nestjs/common';
import { HotSql, type Prisma } from '#libs/db';

/** What a pipeline needs to know of an output; the URL is sealed. */
export interface TransferRow {
  id: string;
  streamId: string;
  url: string;
  options: Prisma.JsonValue;
}

/** An array is one parameter: the statement is the same for any number of streams. */
const OF_STREAMS = {
  name: 'transfers_of_streams',
  text: `SELECT id, stream_id AS "streamId", url, options FROM transfers
    WHERE stream_id = ANY($1::uuid[]) AND ended_at IS NULL ORDER BY id`,
};

/**
 * The rows of streams' outputs. Each node looks at those of all its streams every few seconds: who asks at the same moment is answered by one
 * query, so that a node costs the database the same with one stream or with hundreds.
 */
@Injectable()
export class TransferRows {
  private asked: { streamIds: Set<string>; rows: Promise<Map<string, TransferRow[]>> } | null = null;

  constructor(private readonly sql: HotSql) {}

  /** Those that have not ended, as they are after this was asked; oldest first. */
  async ofStream(streamId: string): Promise<TransferRow[]> {
    this.asked ??= this.ask();
    this.asked.streamIds.add(streamId);
    return (await this.asked.rows).get(streamId) ?? [];
  }

  private ask(): { streamIds: Set<string>; rows: Promise<Map<string, TransferRow[]>> } {
    const streamIds = new Set<string>();
    // The others ask in the same turn of the loop.
    const rows = new Promise((resolve) => setImmediate(resolve)).then(() => {
      this.asked = null;
      return this.read([...streamIds]);
    });
    return { streamIds, rows };
  }

  private async read(streamIds: string[]): Promise<Map<string, TransferRow[]>> {
    const found = await this.sql.read<TransferRow>(OF_STREAMS, [streamIds]);
    const rows = new Map<string, TransferRow[]>();
    for (const row of found) {
      const others = rows.get(row.streamId);
      if (others === undefined) rows.set(row.streamId, [row]);
      else others.push(row);
    }
    return rows;
  }
}
