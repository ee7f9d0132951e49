import { Injectable, Logger } from '@nestjs/common';
import { Env } from '#libs/config';
import type { Figures } from '#libs/protocol';
import { FIGURES_TTL_MS, Registry } from '#libs/queue';

/** As often as each pipeline measures. */
const WRITE_MS = 2000;

/**
 * The newest figures of each stream of this node, which go to Redis together: however many streams there are, a node writes once in two seconds.
 * They are for those who look now: what Redis does not take is not kept.
 */
@Injectable()
export class FiguresBoard {
  private readonly logger = new Logger(FiguresBoard.name);
  private readonly newest = new Map<string, { figures: Figures; at: number }>();
  private timer: NodeJS.Timeout | null = null;
  private isEmptyThere = false;

  constructor(
    private readonly env: Env,
    private readonly registry: Registry,
  ) {}

  /** The first write is after a whole period: pipelines that were just adopted have told theirs by then, and those that the worker before wrote stay until then. */
  start(): void {
    this.timer = setInterval(() => {
      this.write().catch((error: unknown) => this.logger.debug(`figures not written: ${String(error)}`));
    }, WRITE_MS);
  }

  stop(): void {
    if (this.timer) clearInterval(this.timer);
  }

  note(streamId: string, figures: Figures): void {
    this.newest.set(streamId, { figures, at: performance.now() });
  }

  /** The stream is not this node's any more. */
  forget(streamId: string): void {
    this.newest.delete(streamId);
  }

  private async write(): Promise<void> {
    const oldest = performance.now() - FIGURES_TTL_MS;
    // Of a pipeline that says nothing any more.
    for (const [streamId, { at }] of this.newest) if (at < oldest) this.newest.delete(streamId);
    const isEmpty = this.newest.size === 0;
    if (isEmpty && this.isEmptyThere) return;
    this.isEmptyThere = false;
    await this.registry.putFigures(
      this.env.NODE_ID,
      new Map([...this.newest].map(([streamId, { figures }]) => [streamId, figures])),
    );
    this.isEmptyThere = isEmpty;
  }
}
