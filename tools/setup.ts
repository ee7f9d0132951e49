// npm run setup: installs and builds whatever is missing. `npm run setup -- --tests` adds what only the tests need.
import { loadDotEnv, runMain } from './lib/main.ts';
import type { Use } from './lib/packages.ts';
import { setUp } from './lib/setup.ts';
import { say, since } from './lib/terminal.ts';

await runMain(async () => {
  const started = performance.now();
  loadDotEnv();
  const uses: Use[] = process.argv.includes('--tests') ? ['core', 'demo', 'tests'] : ['core', 'demo'];
  await setUp({ uses });
  say(`Set up (${since(started)}). Next: npm start`);
});
