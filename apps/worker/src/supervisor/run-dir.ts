import { Injectable, Logger } from '@nestjs/common';
import { hash, randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Env } from '#libs/config';
import { PipelineFiles } from './pipeline-files.js';
import { exitsWithin, identify, isRunning, type ProcessIdentity, signal } from './process-identity.js';

/** How long the worker before us may take to finish the answers at hand and its pending writes. */
const HAND_OVER_MS = 10_000;
const EXIT_MS = 5000;
/** How long another process may be about to take the lock of one that is no more, and how often that is looked at. */
const TAKE_MS = 10_000;
const POLL_MS = 20;

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
    const lock = { ...self, nodeId: this.nodeId };
    const deadline = performance.now() + TAKE_MS;
    while (!this.tryLock(lock)) {
      const text = read(this.lockFile);
      const owner = text === undefined ? null : runningOwner(text);
      if (owner === null) {
        if (text !== undefined && this.replaceLock(lock, text)) break;
        // Another process is at it, or has just given it back.
        if (performance.now() > deadline)
          throw new Error(`RUN_DIR ${this.path}: its lock is taken, and nobody holds it`);
        await sleep(POLL_MS);
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
    const ours = this.write(lock);
    try {
      return linked(ours, this.lockFile);
    } finally {
      rmSync(ours, { force: true });
    }
  }

  /**
   * Puts ours in the place of a lock whose owner is no more (`stale` is what it says); false when somebody else does, or has. Of several, the one
   * does it that links its claim, which is named after the dead owner; of a claim whose owner has died in turn, the next one. Nobody removes a
   * lock, so no living owner ever loses his.
   */
  private replaceLock(lock: Lock, stale: string): boolean {
    const ours = this.write(lock);
    const claims: string[] = [];
    try {
      for (let dead = stale; ;) {
        const claim = `${this.lockFile}.after-${hash('sha256', dead).slice(0, 16)}`;
        claims.push(claim);
        if (linked(ours, claim)) break;
        const other = read(claim);
        if (other === undefined || runningOwner(other) !== null) return false;
        dead = other;
      }
      // Who had such a claim before has put its own lock there, and then removed the claim.
      const isStale = read(this.lockFile) === stale;
      if (isStale) renameSync(ours, this.lockFile);
      for (const claim of claims) rmSync(claim, { force: true });
      return isStale;
    } finally {
      rmSync(ours, { force: true });
    }
  }

  /** A file of our own that says so: linked or renamed, it is there at once, and nobody ever reads half of it. */
  private write(lock: Lock): string {
    const file = join(this.path, `worker.lock.${randomUUID()}`);
    writeFileSync(file, JSON.stringify(lock), { mode: 0o600 });
    return file;
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

/** The living process that a lock names; null: it is no more, or the lock says nothing that we understand. */
function runningOwner(text: string): Lock | null {
  try {
    const owner = JSON.parse(text) as Lock | null;
    return owner !== null && isRunning(owner) ? owner : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Undefined when the file is not there, or not there any more. */
function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Gives the file another name; false when the name is taken. */
function linked(file: string, name: string): boolean {
  try {
    linkSync(file, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}
