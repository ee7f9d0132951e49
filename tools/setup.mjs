// npm run setup: installs and builds whatever is missing. `npm run setup -- --tests` adds what only the tests need.
import { loadDotEnv, runMain } from './lib/main.mjs';
import { setUp } from './lib/setup.mjs';
import { say, since } from './lib/terminal.mjs';

await runMain(async () => {
  const started = performance.now();
  loadDotEnv();
  /** @type {('core' | 'demo' | 'tests')[]} */
  const uses = process.argv.includes('--tests') ? ['core', 'demo', 'tests'] : ['core', 'demo'];
  await setUp({ uses });
  say(`Set up (${since(started)}). Next: npm start`);
});
