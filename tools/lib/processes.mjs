// Our own long-running processes (API, workers): readable logs, restarts with backoff, an end in order.
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { endWithParent } from './daemon.mjs';
import { formatLog } from './log-format.mjs';
import { ROOT } from './paths.mjs';

// Pauses before the first, second, ... restart in a row; a process that lived for a minute begins anew.
const RESTART_PAUSES_MS = [500, 1_000, 2_000, 5_000, 10_000, 15_000];
const LONGEST_PAUSE_MS = 15_000;
const SETTLED_MS = 60_000;

/**
 * Starts a process and keeps it running until `stop()`.
 *
 * It gets a process group of its own, so that a Ctrl-C on the terminal reaches only us and the order of the end is ours.
 *
 * @param {{name: string, command: string[], env: NodeJS.ProcessEnv, print: (line: string) => void, nameColour?: string,
 *   stopMs?: number}} options
 */
export function keepRunning({ name, command, env, print, nameColour, stopMs = 15_000 }) {
  const stopping = new AbortController();
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let child;
  let failures = 0;
  const report = (level, msg, more = {}) =>
    print(formatLog('manycast', JSON.stringify({ level, time: Date.now(), msg, ...more }), 'magenta'));

  async function runOnce() {
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

  async function loop() {
    while (!stopping.signal.aborted) {
      const started = Date.now();
      const how = await runOnce();
      if (stopping.signal.aborted) return;
      if (Date.now() - started > SETTLED_MS) failures = 0;
      const pause = RESTART_PAUSES_MS[failures++] ?? LONGEST_PAUSE_MS;
      report(50, `${name} ended unexpectedly (${how}); starting it again in ${pause / 1000} s`);
      // The pause ends early when we are told to stop.
      await sleep(pause, undefined, { signal: stopping.signal }).catch((error) => {
        if (error.name !== 'AbortError') throw error;
      });
    }
  }

  const ended = loop();
  return {
    name,
    /** How often it has ended by itself in a row. */
    failures: () => failures,
    async stop() {
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

function killGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/**
 * Ends what our processes left behind on purpose (a pipeline outlives its worker): every pipeline whose socket lies in `runDir`. They get a
 * moment to close their outputs properly. Command lines can be read by everybody; a pipeline's environment only by its own user, if at all.
 *
 * @param {string} runDir
 */
export async function endPipelines(runDir, graceMs = 5_000) {
  const dir = resolve(ROOT, runDir);
  for (const pid of pipelines(dir)) signal(pid, 'SIGTERM');
  for (const deadline = Date.now() + graceMs; Date.now() < deadline && pipelines(dir).length > 0;) await sleep(50);
  for (const pid of pipelines(dir)) signal(pid, 'SIGKILL');
}

/** The pids of the pipelines whose socket lies in `runDir`. */
export const pipelinesOf = (runDir) => pipelines(resolve(ROOT, runDir));

function pipelines(dir) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => commandOf(pid).some((argument) => argument.endsWith('.sock') && dirname(argument) === dir))
    .map(Number);
}

function commandOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch (error) {
    // Gone since it was listed.
    if (['ENOENT', 'ESRCH'].includes(error.code)) return [];
    throw error;
  }
}

function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
