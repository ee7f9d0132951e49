/** The API: REST, WHIP signalling, callbacks. */
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { createLogger, endInTime, Env, loadEnv, misspeltVariables, nestLogger } from '#libs/config';
import { lastResort } from '#libs/process';
import { AppModule } from './app.module.js';
import { Metrics } from './metrics/metrics.js';
import { setup } from './setup.js';

const logger = createLogger('api', loadEnv().LOG_LEVEL);
const resort = lastResort(logger);
for (const warning of misspeltVariables()) logger.warn(warning);
const app = await NestFactory.create<NestExpressApplication>(AppModule, {
  bodyParser: false,
  logger: nestLogger(logger),
  abortOnError: false,
});
setup(app, logger);
app.enableShutdownHooks(['SIGTERM', 'SIGINT']);
endInTime(logger);
const { LISTEN_ADDRESS, PORT } = app.get(Env);
await app.listen(PORT, LISTEN_ADDRESS);
const metrics = app.get(Metrics);
resort.serve({ count: (kind) => metrics.countUnhandled(kind), end: () => app.close() });
logger.info(`listening on ${await app.getUrl()}`);
