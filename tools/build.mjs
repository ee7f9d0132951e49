// npm run build: builds everything anew, whatever is there.
import { loadDotEnv, runMain } from './lib/main.mjs';
import { setUp } from './lib/setup.mjs';

await runMain(async () => {
  loadDotEnv();
  await setUp({ force: true });
});
