// The scripted pipeline on a machine on which processes start slowly.
import { setTimeout as sleep } from 'node:timers/promises';

await sleep(1000);
await import('./scripted-pipeline.mjs');
