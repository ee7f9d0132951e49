/** The API: REST, WHIP signalling, callbacks. */
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { createLogger, endInTime, Env, loadEnv, misspeltVariables, nestLogger } from '#libs/config';
import { AppModule } from './app.module.js';
import { setup } from './setup.js';

const logger = createLogger('api', loadEnv().LOG_LEVEL);
for (const warning of misspeltVariables()) logger.warn(warning);
process.on('unhandledRejection', (error) => {
  logger.fatal({ err: error }, 'unhandled rejection');
  process.exit(1);
});
const app = await NestFactory.create<NestExpressApplication>(AppModule, { bodyParser: false, logger: nestLogger(logger), abortOnError: false });
setup(app, logger);
app.enableShutdownHooks(['SIGTERM', 'SIGINT']);
endInTime(logger);
const { LISTEN_ADDRESS, PORT } = app.get(Env);
await app.listen(PORT, LISTEN_ADDRESS);
logger.info(`listening on ${await app.getUrl()}`);
