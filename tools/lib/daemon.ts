// Starts the servers that manycast brings along (PostgreSQL, Redis, nginx) and guarantees their end.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from './errors.ts';
import { which } from './which.ts';

/** A server that runs. */
export interface Daemon {
  pid: number;
  /** How it ended. */
  exited: Promise<string>;
  stop: () => Promise<void>;
}

interface DaemonOptions {
  name: string;
  command: string[];
  logFile: string;
  isReady: () => boolean | Promise<boolean>;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  stopSignal?: NodeJS.Signals;
  readyMs?: number;
  stopMs?: number;
}

/** The last lines of a log file, for error messages. */
export function tail(file: string, lines = 15): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  }
}

/**
 * Starts a server and resolves when `isReady()` says so.
 *
 * The child gets a session of its own, so that a Ctrl-C on the terminal reaches only us and we decide the order of the
 * end; the kernel sends it `stopSignal` if we die without being able to (SIGKILL, crash).
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { name, logFile, isReady, cwd, env, stopSignal = 'SIGTERM', readyMs = 30_000, stopMs = 15_000 } = options;
  const command = [...options.command];
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(String(command[0]), command.slice(1), { cwd, env, detached: true, stdio: ['ignore', log, log] });
  closeSync(log);

  let ended: string | undefined;
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve((ended = error.message)));
    child.once('exit', (code, signal) => resolve((ended = signal ?? `exit code ${code}`)));
  });

  async function stop(): Promise<void> {
    if (ended !== undefined) return;
    child.kill(stopSignal);
    const deadline = AbortSignal.timeout(stopMs);
    await Promise.race([exited, new Promise((resolve) => deadline.addEventListener('abort', resolve))]);
    if (ended !== undefined) return;
    process.kill(-Number(child.pid), 'SIGKILL');
    await exited;
  }

  const deadline = Date.now() + readyMs;
  while (ended === undefined && Date.now() < deadline) {
    if (await isReady()) return { pid: Number(child.pid), exited, stop };
    await sleep(25);
  }
  const why = ended ? `ended while starting (${ended})` : `is not ready after ${readyMs / 1000} s`;
  await stop();
  throw new Error(`${name} ${why}.\n${tail(logFile)}\nIts log: ${logFile}`);
}

/** Puts a command under the kernel's promise to signal it when its parent dies; unchanged where setpriv is missing. */
export function endWithParent(command: string[], signal: NodeJS.Signals): string[] {
  const setpriv = which('setpriv');
  return setpriv ? [setpriv, '--pdeathsig', signal.replace(/^SIG/, ''), '--', ...command] : command;
}
