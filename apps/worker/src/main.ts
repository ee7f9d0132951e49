/** A worker node: takes streams and runs a pipeline process for each. */
import { NestFactory } from '@nestjs/core';
import { createLogger, endInTime, loadEnv, misspeltVariables, nestLogger } from '#libs/config';
import { WorkerModule } from './worker.module.js';
import { WorkerService } from './worker.service.js';

const logger = createLogger('worker', loadEnv().LOG_LEVEL);
for (const warning of misspeltVariables()) logger.warn(warning);
process.on('unhandledRejection', (error) => {
  logger.fatal({ err: error }, 'unhandled rejection');
  process.exit(1);
});
const app = await NestFactory.createApplicationContext(WorkerModule, { logger: nestLogger(logger), abortOnError: false });
app.enableShutdownHooks(['SIGTERM', 'SIGINT']);
endInTime(logger);
process.once('SIGUSR2', () => {
  void app
    .get(WorkerService)
    .leaveRunning()
    .finally(() => process.exit(0));
});
