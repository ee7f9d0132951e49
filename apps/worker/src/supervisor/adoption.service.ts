import { Injectable, Logger } from '@nestjs/common';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Env } from '#libs/config';
import { PrismaService } from '#libs/db';
import type { Snapshot } from '../pipeline/protocol.js';
import { PipelineClient } from './control-connection.js';
import { PipelineStarter } from './pipeline-starter.js';
import { Runners } from '../streams/runners.js';
import { Fenced, type Held, StreamRows } from '../streams/stream-rows.js';

const HELLO_MS = 2000;
const STOP_MS = 3000;

/** At start: takes back the pipelines that a former worker of this node left running, and tidies up after those that ended. */
@Injectable()
export class AdoptionService {
  private readonly logger = new Logger(AdoptionService.name);

  constructor(
    private readonly env: Env,
    private readonly prisma: PrismaService,
    private readonly rows: StreamRows,
    private readonly starter: PipelineStarter,
    private readonly runners: Runners,
  ) {}

  async adoptAll(): Promise<void> {
    const dir = this.starter.runDir;
    const sockets = readdirSync(dir).filter((name) => name.endsWith('.sock'));
    await Promise.all(sockets.map((name) => this.adopt(join(dir, name))));
    const alive = new Set(readdirSync(dir).filter((name) => name.endsWith('.sock')));
    for (const log of readdirSync(dir).filter((name) => name.endsWith('.log') && !alive.has(name.replace(/log$/, 'sock')))) rmSync(join(dir, log), { force: true });
    await this.endForgotten();
    if (this.runners.used > 0) this.logger.log(`${this.runners.used} running streams adopted`);
  }

  private async adopt(path: string): Promise<void> {
    let found: { client: PipelineClient; hello: Snapshot };
    try {
      found = await PipelineClient.open(path, HELLO_MS, (failure) => failure);
    } catch (error) {
      // Refused: its process is gone. Anything else: it may only be slow, and is left alone.
      if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') rmSync(path, { force: true });
      else this.logger.warn(`a pipeline at ${path} cannot be reached: ${String(error)}`);
      return;
    }
    const { client, hello } = found;
    const held = hello.claim ? await this.stillOurs(hello.claim) : null;
    if (!held) {
      if (hello.claim) await client.call('stop', {}, STOP_MS).catch((error: unknown) => this.logger.warn(String(error)));
      client.disconnect();
      return;
    }
    const runner = this.runners.add(held, client);
    runner.takeOver(hello);
    await runner.syncTransfers().catch((error: unknown) => this.logger.warn(`transfers of stream ${held.id}: ${String(error)}`));
  }

  /** Renewing the lease is the test: it holds only for the owner of this epoch. */
  private async stillOurs({ streamId, epoch }: { streamId: string; epoch: number }): Promise<Held | null> {
    const stream = await this.prisma.stream.findUnique({ where: { id: streamId }, select: { projectId: true } });
    if (!stream) return null;
    const held = { id: streamId, projectId: stream.projectId, epoch };
    return (await this.rows.renew([held])).has(streamId) ? held : null;
  }

  /** Streams that the database gives to this node, but no pipeline runs. */
  private async endForgotten(): Promise<void> {
    const rows = await this.prisma.stream.findMany({
      where: { ownerNode: this.env.NODE_ID, state: { not: 'ended' } },
      select: { id: true, projectId: true, epoch: true },
    });
    for (const held of rows) {
      if (this.runners.get(held.id)) continue;
      await this.rows.end(held, 'pipeline_crashed', null, null).catch((error: unknown) => {
        // Ended or taken by somebody else meanwhile, as it should be.
        if (!(error instanceof Fenced)) throw error;
      });
    }
  }
}
