// Runs one long command of the set-up: shows progress, keeps the whole output in a log, and on failure its tail.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { tail } from './daemon.mjs';
import { ROOT, STATE_DIR } from './paths.mjs';
import { startProgress } from './terminal.mjs';

/** An expected failure: its message is all that the person needs, no stack. */
export class StepError extends Error {}

/**
 * @param {{title: string, log: string, command: string[], env?: NodeJS.ProcessEnv, hint?: (output: string) => string,
 *   excerpt?: (output: string) => string, quiet?: (output: string) => boolean}} step
 *   `log` is the name of the log file; `hint` turns the output into what to do now; `excerpt` picks the lines to show
 *   (the last ones by default); `quiet` says whether this failure is one that the caller goes on from.
 */
export async function runStep({ title, log, command, env = process.env, hint, excerpt, quiet }) {
  const dir = join(STATE_DIR, 'logs');
  mkdirSync(dir, { recursive: true });
  const file = join(dir, `${log}.log`);
  const fd = openSync(file, 'w');
  const progress = startProgress(title);
  const child = spawn(String(command[0]), command.slice(1), { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      writeSync(fd, data);
      progress.output(String(data));
    });
  }
  const result = await new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit code ${code}`)));
  });
  closeSync(fd);
  if (result === undefined) {
    progress.end(true);
    return;
  }
  const output = readFileSync(file, 'utf8');
  if (quiet?.(output)) progress.cancel();
  else progress.end(false);
  const shown = (excerpt?.(output) || tail(file, 15)).replace(/^/gm, '  | ');
  const parts = [`${command.join(' ')} failed (${result}).`, shown, `The whole log: ${file}`, hint?.(output)];
  throw Object.assign(new StepError(parts.filter(Boolean).join('\n')), { output });
}
