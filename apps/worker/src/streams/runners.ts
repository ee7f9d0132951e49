import { Injectable, Logger } from '@nestjs/common';
import { resolve } from 'node:path';
import { addressRules, Env } from '#libs/config';
import { HotSql, openTransferUrl, SecretBox } from '#libs/db';
import type { TransferOptions } from '#libs/transfer';
import type { PipelineSettings, WantedTransfer } from '#libs/protocol';
import { FiguresBoard } from '../node/figures-board.js';
import { bringSounds } from '../supervisor/pipeline-files.js';
import type { PipelineProcess } from '../supervisor/pipeline-process.js';
import { type LeasedStream, StreamRows } from './stream-rows.js';
import { StreamRunner } from './stream-runner.js';
import { TransferRows } from './transfer-rows.js';

const STREAM_OF_SESSION = {
  name: 'stream_of_session',
  text: 'SELECT stream_id AS "streamId" FROM sessions WHERE id = $1::text',
};

/** The streams of this node, and its slots. */
@Injectable()
export class Runners {
  private readonly logger = new Logger(Runners.name);
  private readonly byStream = new Map<string, StreamRunner>();
  /** Of streams that are not ours any more, while their pipelines end: each still fills its slot. */
  private readonly ending = new Set<StreamRunner>();
  private readonly reserved = new Set<string>();
  /** Takes no new streams. */
  draining = false;

  constructor(
    private readonly env: Env,
    private readonly sql: HotSql,
    private readonly box: SecretBox,
    private readonly figures: FiguresBoard,
    private readonly rows: StreamRows,
    private readonly transfers: TransferRows,
  ) {}

  /** Slots in use, those of streams that are only starting included. */
  get used(): number {
    return new Set([...this.byStream.keys(), ...this.reserved]).size + this.ending.size;
  }

  get all(): StreamRunner[] {
    return [...this.byStream.values()];
  }

  /** Sets a slot aside for a stream; false when there is none. `release` gives it back, unless the stream runs by then. */
  reserve(streamId: string): boolean {
    if (this.draining || this.used >= this.env.NODE_SLOTS) return false;
    this.reserved.add(streamId);
    return true;
  }

  /** Counts a slot as taken, full or not, until it is released: by a pipeline of which we do not know yet what it runs. */
  hold(name: string): void {
    this.reserved.add(name);
  }

  release(streamId: string): void {
    this.reserved.delete(streamId);
  }

  /** Begins to run a stream on this pipeline. */
  add(leased: LeasedStream, pipeline: PipelineProcess): StreamRunner {
    const runner = new StreamRunner(leased, pipeline, {
      rows: this.rows,
      wantedTransfers: (streamId) => this.wantedTransfers(streamId),
      bringFiles: async (files, projectId, transfers) => {
        const options = transfers.map((transfer) => ({ options: transfer.options }));
        await bringSounds(files, this.mediaDir(projectId), options).catch((error: unknown) => {
          // The pipeline says of each sound that is missing that it is.
          this.logger.error(`sounds could not be brought to a pipeline: ${String(error)}`);
        });
      },
      noteFigures: (streamId, figures) => this.figures.note(streamId, figures),
      onLost: (lost) => {
        this.forget(lost);
        this.ending.add(lost);
      },
      onOver: (over) => {
        this.forget(over);
        this.ending.delete(over);
      },
    });
    this.byStream.set(leased.id, runner);
    return runner;
  }

  private forget(runner: StreamRunner): void {
    if (this.byStream.get(runner.id) !== runner) return;
    this.byStream.delete(runner.id);
    this.figures.forget(runner.id);
  }

  get(streamId: string): StreamRunner | undefined {
    return this.byStream.get(streamId);
  }

  /** The stream that a session feeds, if it runs here. */
  async ofSession(sessionId: string): Promise<StreamRunner | undefined> {
    const [session] = await this.sql.read<{ streamId: string }>(STREAM_OF_SESSION, [sessionId]);
    return session ? this.byStream.get(session.streamId) : undefined;
  }

  /** What the pipeline of a project's stream needs to know of this node. */
  settings(projectId: string): PipelineSettings {
    const { env } = this;
    return {
      mediaDir: this.mediaDir(projectId),
      reconnectWindowMs: env.RECONNECT_WINDOW_MS,
      mediaTimeoutMs: env.MEDIA_TIMEOUT_MS,
      keyFrameIntervalMs: env.KEYFRAME_INTERVAL_MS,
      orphanTimeoutMs: env.ORPHAN_TIMEOUT_MS,
      mediaAddresses: env.MEDIA_ADDRESSES.split(',')
        .map((address) => address.trim())
        .filter((address) => address !== ''),
      mediaPortMin: env.MEDIA_PORT_MIN,
      mediaPortMax: env.MEDIA_PORT_MAX,
      stunServer: env.STUN_SERVER ?? null,
      allowedPrivateHosts: addressRules(env),
    };
  }

  private mediaDir(projectId: string): string {
    return resolve(this.env.MEDIA_DIR, projectId);
  }

  /** The rows of a stream's outputs with their whole URLs. One that cannot be opened (a lost key) does not keep back the others. */
  private async wantedTransfers(streamId: string): Promise<WantedTransfer[]> {
    const rows = await this.transfers.ofStream(streamId);
    return rows.flatMap(({ id, url, options }) => {
      try {
        const { target, text } = openTransferUrl(this.box, { streamId, url });
        return [{ id, target, url: text, options: options as TransferOptions }];
      } catch (error) {
        this.logger.error(`the URL of transfer ${id} cannot be opened (MASTER_KEYS?): ${(error as Error).message}`);
        return [];
      }
    });
  }
}
