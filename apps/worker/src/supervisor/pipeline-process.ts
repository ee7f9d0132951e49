import { Logger } from '@nestjs/common';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Figures, In, Out, PipelineOp, Snapshot } from '#libs/protocol';
import { ControlConnection, type PipelineEvent } from './control-connection.js';
import { exitsWithin, identify, isRunning, type ProcessIdentity, signal } from './process-identity.js';
import type { PipelineFiles } from './pipeline-files.js';

/** Above the 3 s that a pipeline takes at most to close its outputs (`FINISH_MS` in stream-pipeline.ts). */
const STOP_MS = 4000;
/** From the answer to `stop`, or a signal to one that was asked before, to the end of the process. */
const EXIT_MS = 1000;
/** From a signal to one that was not asked: it closes its outputs first. */
const TERM_MS = 4000;
/** A killed process ends at once, unless the kernel waits for a device. Nothing may follow before: it is waited for, and said so. */
const KILLED_MS = 10_000;
/** A connection that broke without the process is made again for so long: a machine that is short of CPU may need it, and the stream goes on meanwhile. */
const RECONNECT_MS = 10_000;
const POLL_MS = 20;
const KB_PER_MB = 1024;

export type { PipelineEvent };

/**
 * One pipeline process, and the only owner of its socket and its pid: whoever holds this can call it, and end it for
 * certain. A process that is not adopted is ended; one that is ended is gone before anything else happens.
 */
export class PipelineProcess {
  private readonly logger = new Logger(PipelineProcess.name);
  private readonly exit: Promise<void> | undefined;
  private connection: ControlConnection | null = null;
  private eventListener: ((event: PipelineEvent) => void) | null = null;
  private readonly early: PipelineEvent[] = [];
  private goneListener: (() => void) | null = null;
  private isGone = false;
  private isReleased = false;
  private ending: Promise<Figures | null> | null = null;

  /** By what the process ended, a signal or an exit code; null while it runs, and of one that an earlier worker started. */
  how: string | null = null;

  constructor(
    readonly files: PipelineFiles,
    private readonly identity: ProcessIdentity,
    /** Of a child of ours: resolves with `how`, as soon as the system says so. */
    exit?: Promise<string>,
  ) {
    this.exit = exit?.then((how) => {
      this.how = how;
    });
  }

  /**
   * The process that an earlier worker started; null when it has ended, and its files are removed. One of a version that
   * wrote no identity is known by what its `hello` says.
   */
  static async find(files: PipelineFiles, deadlineMs: number): Promise<PipelineProcess | null> {
    const identity = files.readIdentity() ?? (await identityByHello(files, deadlineMs));
    if (identity && isRunning(identity)) return new PipelineProcess(files, identity);
    files.remove();
    return null;
  }

  get pid(): number {
    return this.identity.pid;
  }

  /** Connects, as soon as the process listens. Rejects when it has ended, or said no `hello` within `deadlineMs`. */
  async connect(deadlineMs: number): Promise<Snapshot> {
    const deadline = performance.now() + deadlineMs;
    for (;;) {
      try {
        const { connection, hello } = await ControlConnection.open(
          this.files.socket,
          Math.max(1, deadline - performance.now()),
        );
        this.attach(connection);
        return hello;
      } catch (error) {
        if (!isRunning(this.identity)) throw new Error('the pipeline has ended', { cause: error });
        if (performance.now() >= deadline) throw error;
        await sleep(POLL_MS);
      }
    }
  }

  /** Events from now on, in order, those before first. A `hello` means that the connection was made again: events may be missing. */
  onEvent(listener: (event: PipelineEvent) => void): void {
    this.eventListener = listener;
    for (const event of this.early.splice(0)) listener(event);
  }

  /** Called once when the process has ended without being told to; at once when it has already. */
  onGone(listener: () => void): void {
    this.goneListener = listener;
    if (this.isGone) listener();
  }

  /** Rejects with PipelineError, `no_answer` at the deadline; with Error when there is no connection. */
  async call<Op extends PipelineOp>(op: Op, body: In<Op>, deadlineMs: number): Promise<Out<Op>> {
    if (!this.connection) throw new Error('the pipeline is not connected');
    return this.connection.call(op, body, deadlineMs);
  }

  /**
   * Ends the process: asks it, then SIGTERM, then SIGKILL. Resolves once it has ended, with what it reported last (null when
   * it did not). Later calls wait for the same end.
   */
  end(): Promise<Figures | null> {
    this.ending ??= this.endForCertain(STOP_MS);
    return this.ending;
  }

  /** As `end`, but with no stop request first: for a process that ends by itself now, cannot be asked, or has no stream to lose. */
  async terminate(): Promise<void> {
    this.ending ??= this.endForCertain(null);
    await this.ending;
  }

  /** Ends the process at once: SIGKILL. */
  async kill(): Promise<void> {
    this.ending ??= this.killForCertain().then(() => null);
    await this.ending;
  }

  /** Memory that it has in RAM, MB; null when it has ended. */
  get residentMb(): number | null {
    if (!isRunning(this.identity)) return null;
    try {
      const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
      return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0) / KB_PER_MB;
    } catch (error) {
      if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
      throw error;
    }
  }

  /** Leaves the process running, for the worker after us. */
  release(): void {
    this.isReleased = true;
    this.connection?.close();
    this.connection = null;
  }

  private attach(connection: ControlConnection): void {
    this.connection = connection;
    connection.onEvent((event) => {
      if (this.eventListener) this.eventListener(event);
      else this.early.push(event);
    });
    connection.onClose(() => {
      this.connection = null;
      if (!this.isReleased && !this.ending)
        this.lost(connection).catch((error: unknown) => this.logger.error(`pipeline ${this.pid}: ${String(error)}`));
    });
  }

  /** The connection broke: the process has ended, or only the connection has. One that is not reached again is ended. */
  private async lost({ isDistrusted }: ControlConnection): Promise<void> {
    const hello = isDistrusted ? null : await this.reconnect();
    if (this.isReleased || this.ending) return;
    if (hello) return this.eventListener?.({ event: 'hello', body: hello });
    if (isDistrusted) this.logger.error(`pipeline ${this.pid} sent an invalid message, and is killed`);
    await (isDistrusted ? this.kill() : this.terminate());
    // The system says by what in the same moment; of somebody else's child, never.
    await Promise.race([this.exit, sleep(POLL_MS)]);
    this.isGone = true;
    this.goneListener?.();
  }

  private async reconnect(): Promise<Snapshot | null> {
    try {
      return await this.connect(RECONNECT_MS);
    } catch (error) {
      if (!this.isReleased && !this.ending && isRunning(this.identity))
        this.logger.warn(`pipeline ${this.pid} cannot be reached and is ended: ${String(error)}`);
      return null;
    }
  }

  private async endForCertain(askMs: number | null): Promise<Figures | null> {
    const final = askMs === null ? null : await this.askToStop(askMs);
    // A pipeline without a stream ends when its worker hangs up.
    this.connection?.close();
    this.connection = null;
    const endsByItself = final !== null || askMs === null;
    if (!endsByItself || !(await exitsWithin(this.identity, EXIT_MS)))
      await this.sigterm(askMs === null ? TERM_MS : EXIT_MS);
    this.files.remove();
    return final;
  }

  private async killForCertain(): Promise<void> {
    await this.sigkill();
    this.connection?.close();
    this.connection = null;
    this.files.remove();
  }

  private async askToStop(deadlineMs: number): Promise<Figures | null> {
    try {
      return await this.call('stop', {}, deadlineMs);
    } catch (error) {
      if (isRunning(this.identity)) this.logger.warn(`pipeline ${this.pid} did not stop when asked: ${String(error)}`);
      return null;
    }
  }

  private async sigterm(deadlineMs: number): Promise<void> {
    signal(this.identity, 'SIGTERM');
    if (await exitsWithin(this.identity, deadlineMs)) return;
    this.logger.warn(`pipeline ${this.pid} did not end and is killed`);
    await this.sigkill();
  }

  private async sigkill(): Promise<void> {
    signal(this.identity, 'SIGKILL');
    while (!(await exitsWithin(this.identity, KILLED_MS))) {
      this.logger.error(`pipeline ${this.pid} was killed and is still there: its slot stays taken`);
    }
  }
}

async function identityByHello(files: PipelineFiles, deadlineMs: number): Promise<ProcessIdentity | null> {
  try {
    const { connection, hello } = await ControlConnection.open(files.socket, deadlineMs);
    connection.close();
    return identify(hello.pid);
  } catch (error) {
    // Nobody listens there any more. Anything else cannot be ended, as nobody knows which process it is.
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED' || (error as NodeJS.ErrnoException).code === 'ENOENT')
      return null;
    throw error;
  }
}
