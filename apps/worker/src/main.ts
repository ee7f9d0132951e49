/** A worker node: takes streams and runs a pipeline process for each. */
import { NestFactory } from '@nestjs/core';
import { createLogger, endInTime, loadEnv, misspeltVariables, nestLogger } from '#libs/config';
import { closeMemory } from '#libs/process/sandbox';
import { lastResort } from '#libs/process';
import { WorkerModule } from './worker.module.js';
import { WorkerService } from './worker.service.js';

const env = loadEnv();
const logger = createLogger('worker', env.LOG_LEVEL);
for (const warning of misspeltVariables()) logger.warn(warning);
const resort = lastResort(logger);
// MASTER_KEYS are in it, and pipelines may be processes of the same user.
if (!closeMemory()) logger.warn('the memory of this process is open to other processes of its user');
const app = await NestFactory.createApplicationContext(WorkerModule, {
  logger: nestLogger(logger),
  abortOnError: false,
});
const service = app.get(WorkerService);
// Its streams go on without it, and the next worker of this node adopts them.
resort.serve({ end: () => service.leaveRunning() });
app.enableShutdownHooks(['SIGTERM', 'SIGINT']);
endInTime(logger, env.DRAIN_MS);
process.once('SIGUSR2', () => {
  service.leaveRunning().then(
    () => process.exit(0),
    (error: unknown) => {
      logger.error({ err: error }, 'not everything was left in order');
      process.exit(1);
    },
  );
});
