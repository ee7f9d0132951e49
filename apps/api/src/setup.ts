import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Server } from 'node:http';
import { Env, nestLogger, type Logger } from '#libs/config';
import { bodies } from './body.js';
import { httpLog, requestId } from './http-log.js';
import { ProblemFilter } from './problem.filter.js';
import { validationPipe } from './validation.js';
import { whipCors } from './whip/whip-http.js';

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15_000;
/** Longer than a load balancer keeps an idle connection (60 s, usually), so that it never sends into one we just closed. */
const KEEP_ALIVE_MS = 65_000;

/** Everything around the routes, for main and tests alike. The application is created with `bodyParser: false`. */
export function setup(app: NestExpressApplication, logger: Logger): void {
  const { TRUSTED_PROXIES } = app.get(Env);
  app.useLogger(nestLogger(logger));
  app.set('trust proxy', TRUSTED_PROXIES);
  // Agora: "All request URLs ... are case-sensitive".
  app.set('case sensitive routing', true);
  app.set('etag', false);
  app.disable('x-powered-by');
  app.use(requestId(), httpLog(logger));
  app.use('/whip', whipCors);
  app.use(...bodies());
  app.useGlobalPipes(validationPipe());
  app.useGlobalFilters(new ProblemFilter(logger));
  const server = app.getHttpServer() as Server;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
}
