// Our own long-running processes (API, workers): readable logs, restarts with backoff, an end in order.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { endWithParent } from './daemon.ts';
import { codeOf } from './errors.ts';
import { formatLog } from './log-format.ts';
import { ROOT } from './paths.ts';
import type { Style } from './terminal.ts';

// Pauses before the first, second, ... restart in a row; a process that lived for a minute begins anew.
const RESTART_PAUSES_MS = [500, 1_000, 2_000, 5_000, 10_000, 15_000];
const LONGEST_PAUSE_MS = 15_000;
const SETTLED_MS = 60_000;

interface ProcessOptions {
  name: string;
  command: string[];
  env: NodeJS.ProcessEnv;
  print: (line: string) => void;
  nameColour?: Style;
  stopMs?: number;
}

export interface KeptProcess {
  name: string;
  /** How often it has ended by itself in a row. */
  failures: () => number;
  stop: () => Promise<void>;
}

/**
 * Starts a process and keeps it running until `stop()`.
 *
 * It gets a process group of its own, so that a Ctrl-C on the terminal reaches only us and the order of the end is ours.
 */
export function keepRunning(options: ProcessOptions): KeptProcess {
  const { name, command, env, print, nameColour, stopMs = 15_000 } = options;
  const stopping = new AbortController();
  let child: ChildProcess | undefined;
  let failures = 0;
  const report = (level: number, msg: string) =>
    print(formatLog('manycast', JSON.stringify({ level, time: Date.now(), msg }), 'magenta'));

  async function runOnce(): Promise<string> {
    const [program, ...args] = endWithParent(command, 'SIGTERM');
    const begun = spawn(String(program), args, { cwd: ROOT, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    child = begun;
    for (const stream of [begun.stdout, begun.stderr]) {
      createInterface({ input: stream }).on('line', (line) => print(formatLog(name, line, nameColour)));
    }
    return new Promise((resolve) => {
      begun.once('error', (error) => resolve(error.message));
      begun.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
  }

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      const started = Date.now();
      const how = await runOnce();
      if (stopping.signal.aborted) return;
      if (Date.now() - started > SETTLED_MS) failures = 0;
      const pause = RESTART_PAUSES_MS[failures++] ?? LONGEST_PAUSE_MS;
      report(50, `${name} ended unexpectedly (${how}); starting it again in ${pause / 1000} s`);
      // The pause ends early when we are told to stop.
      await sleep(pause, undefined, { signal: stopping.signal }).catch((error: unknown) => {
        if (!(error instanceof Error) || error.name !== 'AbortError') throw error;
      });
    }
  }

  const ended = loop();
  return {
    name,
    failures: () => failures,
    async stop(): Promise<void> {
      stopping.abort();
      if (child?.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      const inTime = await Promise.race([ended.then(() => true), sleep(stopMs, false, { ref: false })]);
      if (inTime) return;
      report(40, `${name} has not ended after ${stopMs / 1000} s: killing it`);
      if (child?.pid !== undefined) killGroup(child.pid);
      await ended;
    },
  };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

/**
 * Ends what our processes left behind on purpose (a pipeline outlives its worker): every pipeline whose socket lies in `runDir`. They get a
 * moment to close their outputs properly. Command lines can be read by everybody; a pipeline's environment only by its own user, if at all.
 */
export async function endPipelines(runDir: string, graceMs = 5_000): Promise<void> {
  const dir = resolve(ROOT, runDir);
  for (const pid of pipelines(dir)) signal(pid, 'SIGTERM');
  for (const deadline = Date.now() + graceMs; Date.now() < deadline && pipelines(dir).length > 0;) await sleep(50);
  for (const pid of pipelines(dir)) signal(pid, 'SIGKILL');
}

/** The pids of the pipelines whose socket lies in `runDir`. */
export const pipelinesOf = (runDir: string): number[] => pipelines(resolve(ROOT, runDir));

function pipelines(dir: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => commandOf(pid).some((argument) => argument.endsWith('.sock') && dirname(argument) === dir))
    .map(Number);
}

function commandOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch (error) {
    // Gone since it was listed.
    if (['ENOENT', 'ESRCH'].includes(codeOf(error))) return [];
    throw error;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}
