// npm run build: builds everything anew, whatever is there.
import { loadDotEnv, runMain } from './lib/main.ts';
import { setUp } from './lib/setup.ts';

await runMain(async () => {
  loadDotEnv();
  await setUp({ force: true });
});
