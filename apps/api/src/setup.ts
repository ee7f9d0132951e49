import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Server } from 'node:http';
import { Env, nestLogger, type Logger } from '#libs/config';
import { bodies } from './http/body.js';
import { httpLog, requestId } from './http/http-log.js';
import { Metrics } from './metrics/metrics.js';
import { ProblemFilter } from './http/problem.filter.js';
import { isRestApi, REST_API, restApiCors, restApiError } from './flashphoner/rest/rest-api.js';
import { maskRestKeys, takeRestKey } from './flashphoner/rest/keys/rest-key.js';
import { limitServer } from './http/server-limits.js';
import { validationPipe } from './http/validation.js';
import { securityHeaders, webPages } from './http/web.js';
import { maskSession, whipCors } from './streams/whip/whip-http.js';

/** A URL's path as it may be logged: without session ids and REST keys, which authorise. */
export const loggablePath = (url: string): string => maskRestKeys(maskSession(url.split('?', 1)[0] ?? ''));

/** Everything around the routes, for main and tests alike. The application is created with `bodyParser: false`. */
export function setup(app: NestExpressApplication, logger: Logger): void {
  const { TRUSTED_PROXIES, DASHBOARD_DIR } = app.get(Env);
  app.useLogger(nestLogger(logger));
  app.set('trust proxy', TRUSTED_PROXIES);
  // Agora: "All request URLs ... are case-sensitive".
  app.set('case sensitive routing', true);
  app.set('etag', false);
  app.disable('x-powered-by');
  // First of all: nothing that follows sees a key in a path.
  app.use(takeRestKey, requestId(), httpLog(logger, app.get(Metrics), loggablePath));
  app.use('/whip', whipCors);
  app.use(securityHeaders, webPages(DASHBOARD_DIR));
  app.use(REST_API, restApiCors);
  app.use(...bodies());
  app.useGlobalPipes(validationPipe());
  app.useGlobalFilters(new ProblemFilter(logger, [{ isFor: isRestApi, write: restApiError }]));
  limitServer(app.getHttpServer() as Server);
}
