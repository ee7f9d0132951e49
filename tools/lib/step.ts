// Runs one long command of the set-up: shows progress, keeps the whole output in a log, and on failure its tail.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { tail } from './daemon.ts';
import { ROOT, STATE_DIR } from './paths.ts';
import { startProgress } from './terminal.ts';

/** An expected failure: its message is all that the person needs, no stack. */
export class StepError extends Error {
  /** All that the command wrote, where one failed. */
  readonly output: string;

  constructor(message: string, { output = '', ...options }: ErrorOptions & { output?: string } = {}) {
    super(message, options);
    this.output = output;
  }
}

interface Step {
  title: string;
  /** Name of the log file. */
  log: string;
  command: string[];
  env?: NodeJS.ProcessEnv;
  /** Turns the output into what to do now. */
  hint?: (output: string) => string;
  /** Picks the lines to show; the last ones by default. */
  excerpt?: (output: string) => string;
  /** Whether this failure is one that the caller goes on from. */
  quiet?: (output: string) => boolean;
}

/** Throws StepError when the command fails. */
export async function runStep(step: Step): Promise<void> {
  const { title, log, command, env = process.env, hint, excerpt, quiet } = step;
  const dir = join(STATE_DIR, 'logs');
  mkdirSync(dir, { recursive: true });
  const file = join(dir, `${log}.log`);
  const fd = openSync(file, 'w');
  const progress = startProgress(title);
  const child = spawn(String(command[0]), command.slice(1), { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      writeSync(fd, data);
      progress.output(String(data));
    });
  }
  const result = await new Promise<string | undefined>((resolve) => {
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
  throw new StepError(parts.filter(Boolean).join('\n'), { output });
}
