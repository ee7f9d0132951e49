import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './paths.mjs';
import { StepError } from './step.mjs';
import { colour } from './terminal.mjs';

/** Reads `.env` of the checkout, if there is one; what the environment already says wins. */
export function loadDotEnv() {
  const file = join(ROOT, '.env');
  if (existsSync(file)) process.loadEnvFile(file);
}

/** Runs a script's main function: expected failures as their message alone, others with their stack; exit code 1. */
export async function runMain(main) {
  try {
    await main();
  } catch (error) {
    const text = error instanceof StepError ? error.message : error.stack;
    process.stderr.write(`\n${colour('red', text)}\n`);
    process.exitCode = 1;
  }
}
