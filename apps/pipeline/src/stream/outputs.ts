import { AllowList } from '#libs/net';
import type { Out, PipelineSettings, TransferFigures, TransferStatus, WantedTransfer } from '#libs/protocol';
import { videoProfile } from '#libs/transfer';
import { Branches } from '../encode/branches.js';
import { Sounds } from '../encode/sounds.js';
import { Output } from '../output/output.js';
import type { Send } from './events.js';
import type { Hub } from './hub.js';
import { PipelineError } from './pipeline-error.js';

/** What outputs need of the stream's input. */
export interface OutputsContext {
  send: Send;
  requestKeyframe: () => void;
  hasVideo: () => boolean;
  /** Folder of the project's sound files. */
  mediaDir: () => string;
}

/** A stream's outputs: which there are, and which frames each of them gets. */
export class Outputs {
  private readonly branches: Branches<Output>;
  private readonly sounds: Sounds;
  private readonly outputs = new Map<string, Output>();
  /** Removed ones that still say goodbye. */
  private readonly leaving = new Set<Promise<void>>();

  constructor(
    private readonly hub: Hub,
    private readonly context: OutputsContext,
  ) {
    this.sounds = new Sounds(context.mediaDir);
    this.branches = new Branches<Output>(hub, {
      requestKeyframe: context.requestKeyframe,
      onWarning: (message) => context.send('log', { level: 'warn', message }),
      onGivenUp: (output, message) => output.failWithoutFrames(`its encoder failed: ${message}`),
    });
  }

  /** Makes, changes and removes outputs until they are as wanted. */
  set(wanted: WantedTransfer[], { allowedPrivateHosts }: PipelineSettings): void {
    const ids = new Set(wanted.map(({ id }) => id));
    for (const [id, output] of this.outputs) if (!ids.has(id)) this.remove(id, output);
    const allowList = AllowList.parse(allowedPrivateHosts);
    for (const transfer of wanted) {
      try {
        this.setOne(transfer, allowList);
      } catch (error) {
        this.fail(transfer.id, (error as Error).message);
      }
    }
  }

  private setOne(transfer: WantedTransfer, allowList: AllowList): void {
    const profile = videoProfile(transfer.options);
    const known = this.outputs.get(transfer.id);
    if (known) {
      known.update(transfer);
      return this.branches.attach(known, profile);
    }
    const output: Output = new Output(transfer, {
      allowList,
      requestKeyframe: () => this.branches.requestKeyframe(output),
      // What a removed one says comes with its last figures.
      onStatus: (status) => this.outputs.get(transfer.id) === output && this.context.send('transfer', status),
      hasVideo: this.context.hasVideo,
      isReorderingKnown: () => this.hub.isReorderingKnown,
      openSound: (file, loop) => this.sounds.open(file, loop),
    });
    this.outputs.set(transfer.id, output);
    this.branches.attach(output, profile);
    output.start();
  }

  private remove(id: string, output: Output): void {
    this.outputs.delete(id);
    const missed = this.branches.missedBy(output);
    this.branches.detach(output);
    const closed = output.close('removed').then(() => {
      const figures = output.figures();
      this.context.send('transfer', {
        ...output.snapshot,
        figures: { ...figures, droppedFrames: figures.droppedFrames + missed },
      });
    });
    this.letGo(id, closed);
  }

  /** The end of the stream waits for it. */
  private letGo(id: string, closing: Promise<void>): void {
    const gone = closing
      .catch((error: unknown) =>
        this.context.send('log', {
          level: 'error',
          message: `transfer ${id} was not closed: ${(error as Error).message}`,
        }),
      )
      .finally(() => this.leaving.delete(gone));
    this.leaving.add(gone);
  }

  /** One transfer that cannot be made must not cost the others; with the next change of any it is tried again. */
  private fail(id: string, message: string): void {
    this.context.send('log', { level: 'error', message: `transfer ${id}: ${message}` });
    const output = this.outputs.get(id);
    this.outputs.delete(id);
    if (output) {
      this.branches.detach(output);
      this.letGo(id, output.close('removed'));
    }
    const nothing = { attempts: 0, liveAt: null };
    this.context.send('transfer', {
      ...nothing,
      ...output?.snapshot,
      id,
      state: 'failed',
      reason: 'service_error',
      detail: message,
      nextRetryAt: null,
    });
  }

  /** Ends a transfer's wait for its next attempt. */
  retry(transferId: string): Out<'retryTransfer'> {
    const output = this.outputs.get(transferId);
    if (!output) throw new PipelineError('not_found', 'this transfer is not, or no longer, here');
    output.retryNow();
  }

  /** Platforms refuse B-frames in a live stream or show them in the wrong order: all that pass the frames on get them encoded again, once. */
  orderChanged(reorders: boolean): void {
    const { width, height } = this.hub.keyFrame?.config ?? {};
    const { bitrate } = videoProfile({ height: Math.min(width ?? 1280, height ?? 720) }) ?? {};
    this.branches.setFallback(reorders ? videoProfile({ bitrate }) : null);
    this.context.send('log', {
      level: 'info',
      message: reorders ? 'B-frames: the video is encoded again' : 'no B-frames: the video is passed through',
    });
  }

  statuses(): TransferStatus[] {
    return [...this.outputs.values()].map((output) => output.snapshot);
  }

  /** By the transfers' ids. */
  figures(): Record<string, TransferFigures> {
    const figures: Record<string, TransferFigures> = {};
    for (const output of this.outputs.values()) figures[output.id] = this.figuresOf(output);
    return figures;
  }

  private figuresOf(output: Output): TransferFigures {
    const figures = output.figures();
    return { ...figures, droppedFrames: figures.droppedFrames + this.branches.missedBy(output) };
  }

  /** Closes every output properly, and waits for those that were removed before. */
  async close(): Promise<void> {
    // Together: a platform that still has this connection refuses the publisher's next stream.
    await Promise.all([
      this.branches.close(),
      ...[...this.outputs.values()].map((output) => output.close('stream_ended')),
    ]);
    await Promise.all(this.leaving);
  }
}
