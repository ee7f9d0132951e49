import { Injectable, Logger } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Env } from '#libs/config';
import { PipelineFiles, readJson } from './pipeline-files.js';
import { exitsWithin, identify, isRunning, type ProcessIdentity, signal } from './process-identity.js';

/** How long the worker before us may take to finish the answers at hand and its pending writes. */
const HAND_OVER_MS = 10_000;
const EXIT_MS = 5000;

interface Lock extends ProcessIdentity {
  nodeId: string;
}

/** RUN_DIR: where a worker's pipelines have their sockets. It belongs to one worker at a time, which `worker.lock` names. */
@Injectable()
export class RunDir {
  /** Absolute: a worker that starts elsewhere finds the pipelines again. */
  readonly path: string;
  private readonly logger = new Logger(RunDir.name);
  private readonly lockFile: string;
  private readonly nodeId: string;
  private isHeld = false;

  constructor(env: Env) {
    this.path = resolve(env.RUN_DIR);
    this.nodeId = env.NODE_ID;
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    this.lockFile = join(this.path, 'worker.lock');
  }

  newFiles(): PipelineFiles {
    return new PipelineFiles(this.path, randomUUID());
  }

  /** The files of every pipeline that was started here and not removed. */
  pipelines(): PipelineFiles[] {
    const names = readdirSync(this.path).flatMap((file) => /^(.+)\.(sock|pid)$/.exec(file)?.[1] ?? []);
    return [...new Set(names)].map((name) => new PipelineFiles(this.path, name));
  }

  /** Removes the logs and folders of pipelines that are no more. */
  removeLeftovers(): void {
    const current = new Set(this.pipelines().flatMap(({ log, folder }) => [log, folder]));
    for (const file of readdirSync(this.path)) {
      const path = join(this.path, file);
      if (/\.(log|files)$/.test(file) && !current.has(path)) rmSync(path, { recursive: true, force: true });
    }
  }

  /** Users of the pipelines that run here. */
  usersTaken(): Set<number> {
    return new Set(this.pipelines().flatMap((files) => files.user ?? []));
  }

  /**
   * Makes the directory ours. A worker of the same node that still runs hands its pipelines over first (an upgrade: it
   * serves until now); one that has not done so after `handOverMs` is killed, and its pipelines go on. Rejects when the
   * directory belongs to a running worker of another node.
   */
  async acquire(handOverMs = HAND_OVER_MS): Promise<void> {
    const self = identify(process.pid);
    if (!self) throw new Error('this process is not in /proc');
    while (!this.tryLock({ ...self, nodeId: this.nodeId })) {
      const owner = readJson<Lock>(this.lockFile);
      if (!owner || !isRunning(owner)) {
        this.removeLock(owner);
        continue;
      }
      if (owner.nodeId !== this.nodeId || owner.pid === process.pid) {
        throw new Error(
          `RUN_DIR ${this.path} belongs to the running worker of node "${owner.nodeId}" (process ${owner.pid}): give each worker a RUN_DIR of its own`,
        );
      }
      await this.askToHandOver(owner, handOverMs);
    }
    this.isHeld = true;
  }

  release(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    rmSync(this.lockFile, { force: true });
  }

  private tryLock(lock: Lock): boolean {
    const temporary = join(this.path, `worker.lock.${randomUUID()}`);
    writeFileSync(temporary, JSON.stringify(lock), { mode: 0o600 });
    try {
      // Fails when there is a lock; and nobody ever reads half of one.
      linkSync(temporary, this.lockFile);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      return false;
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  /** Removes the lock of `owner`, who is no more, and not one that somebody else has taken in between. */
  private removeLock(owner: Lock | null): void {
    const taken = join(this.path, `worker.lock.${randomUUID()}`);
    try {
      renameSync(this.lockFile, taken);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    const found = readJson<Lock>(taken);
    if (found && isRunning(found) && found.pid !== owner?.pid) linkSync(taken, this.lockFile);
    rmSync(taken, { force: true });
  }

  private async askToHandOver(owner: Lock, deadlineMs: number): Promise<void> {
    this.logger.log(`taking over from worker process ${owner.pid}`);
    signal(owner, 'SIGUSR2');
    if (await exitsWithin(owner, deadlineMs)) return;
    this.logger.warn(
      `worker process ${owner.pid} did not hand over within ${deadlineMs} ms and is killed; its pipelines go on`,
    );
    signal(owner, 'SIGKILL');
    if (!(await exitsWithin(owner, EXIT_MS)))
      throw new Error(`worker process ${owner.pid} holds RUN_DIR ${this.path} and cannot be ended`);
  }
}
