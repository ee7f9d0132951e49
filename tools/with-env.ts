// npm run db:migrate, npm run rotate-keys: runs one of our programs with what .env says beside the environment, which wins.
import { spawnSync } from 'node:child_process';
import { loadDotEnv } from './lib/main.ts';

loadDotEnv();
process.exitCode = spawnSync(process.execPath, process.argv.slice(2), { stdio: 'inherit' }).status ?? 1;
