import { Injectable, Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Env } from '#libs/config';
import { PrismaService } from '#libs/db';
import type { Snapshot } from '#libs/protocol';
import { Runners } from '../streams/runners.js';
import { Fenced, type LeasedStream, StreamRows } from '../streams/stream-rows.js';
import type { PipelineFiles } from './pipeline-files.js';
import { PipelineProcess } from './pipeline-process.js';
import { RunDir } from './run-dir.js';

/** A pipeline answers within milliseconds; on a machine that is short of CPU it may take seconds, and its stream goes on meanwhile. */
const HELLO_MS = 10_000;
/** The node takes streams again after so long, though some pipelines have not answered yet. */
const READY_MS = 2000;

/** At start: takes back the pipelines that a former worker of this node left running, and tidies up after those that ended. */
@Injectable()
export class AdoptionService {
  private readonly logger = new Logger(AdoptionService.name);

  constructor(
    private readonly env: Env,
    private readonly prisma: PrismaService,
    private readonly rows: StreamRows,
    private readonly runDir: RunDir,
    private readonly runners: Runners,
  ) {}

  /** Resolves when all are adopted, or have ended; after `READY_MS` what is not goes on by itself. */
  async adoptAll(): Promise<void> {
    const all = this.finish(Promise.all(this.runDir.pipelines().map((files) => this.adopt(files))));
    const isReady = await Promise.race([all.then(() => true), sleep(READY_MS, false, { ref: false })]);
    if (isReady) return;
    this.logger.warn('some pipelines have not answered yet; the node takes streams meanwhile');
    // What could not be adopted for want of the database is left to the leases.
    all.catch((error: unknown) => this.logger.error(`not all pipelines could be adopted: ${String(error)}`));
  }

  private async finish(adoptions: Promise<unknown>): Promise<void> {
    await adoptions;
    this.runDir.removeLeftovers();
    await this.endStreamsWithoutPipeline();
    if (this.runners.used > 0) this.logger.log(`${this.runners.used} running streams adopted`);
  }

  /** Afterwards a runner holds the process, or it has ended: what nobody holds would forward without an end. */
  private async adopt(files: PipelineFiles): Promise<void> {
    this.runners.hold(files.name);
    try {
      const pipeline = await PipelineProcess.find(files, HELLO_MS);
      if (pipeline) await this.adoptProcess(pipeline);
    } finally {
      this.runners.release(files.name);
    }
  }

  private async adoptProcess(pipeline: PipelineProcess): Promise<void> {
    const hello = await this.reach(pipeline);
    if (!hello) return;
    const leased =
      hello.claim &&
      (await this.stillOurs(hello.claim).catch((error: unknown) => {
        // It goes on for the next worker, which may find the database.
        pipeline.release();
        throw error;
      }));
    if (!leased) {
      await pipeline.end();
      return;
    }
    const runner = this.runners.add(leased, pipeline);
    runner.adopted(hello);
    await runner
      .syncTransfers()
      .catch((error: unknown) => this.logger.warn(`transfers of stream ${leased.id}: ${String(error)}`));
  }

  private async reach(pipeline: PipelineProcess): Promise<Snapshot | null> {
    try {
      return await pipeline.connect(HELLO_MS);
    } catch (error) {
      this.logger.warn(`pipeline ${pipeline.pid} cannot be reached and is ended: ${String(error)}`);
      await pipeline.terminate();
      return null;
    }
  }

  /** Renewing the lease is the test: it holds only for the owner of this epoch. */
  private async stillOurs({ streamId, epoch }: { streamId: string; epoch: number }): Promise<LeasedStream | null> {
    const stream = await this.prisma.stream.findUnique({ where: { id: streamId }, select: { projectId: true } });
    if (!stream) return null;
    const leased = { id: streamId, projectId: stream.projectId, epoch };
    return (await this.rows.renew([leased])).has(streamId) ? leased : null;
  }

  /** Streams that the database gives to this node, but no pipeline runs. */
  private async endStreamsWithoutPipeline(): Promise<void> {
    // With the state as a literal, for the partial index.
    const rows = await this.prisma.$queryRaw<LeasedStream[]>`
      SELECT id, project_id AS "projectId", epoch FROM streams WHERE owner_node = ${this.env.NODE_ID} AND state <> 'ended'`;
    for (const leased of rows) {
      if (this.runners.get(leased.id)) continue;
      await this.rows.end(leased, 'pipeline_crashed', null, null).catch((error: unknown) => {
        // Ended or taken by somebody else meanwhile, as it should be.
        if (!(error instanceof Fenced)) throw error;
      });
    }
  }
}
