// Installs the npm packages and nothing else. tools/run.mjs runs it, on the Node.js that they will bring.
import { loadDotEnv, runMain } from './lib/main.ts';
import { install } from './lib/setup.ts';

await runMain(async () => {
  loadDotEnv();
  await install();
});
