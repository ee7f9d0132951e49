import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from './errors.ts';
import { ROOT } from './paths.ts';
import { StepError } from './step.ts';
import { colour } from './terminal.ts';

/** Reads `.env` of the checkout, if there is one; what the environment already says wins. */
export function loadDotEnv(): void {
  const file = join(ROOT, '.env');
  if (existsSync(file)) process.loadEnvFile(file);
}

/** Runs a tool's main function: expected failures as their message alone, others with their stack; exit code 1. */
export async function runMain(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const text = error instanceof Error && !(error instanceof StepError) ? error.stack : messageOf(error);
    process.stderr.write(`\n${colour('red', text ?? messageOf(error))}\n`);
    process.exitCode = 1;
  }
}
