import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pinoHttp } from 'pino-http';
import type { Logger } from '#libs/config';

const SANE_ID = /^[A-Za-z0-9._:@/+=-]{1,128}$/;
/** The session id is what authorises PATCH and DELETE (RFC 9725), so a log line must not hold it. */
const SESSION_PATH = /^(\/whip\/sessions\/).+/;

/** Gives every response an X-Request-ID: the caller's if it is harmless in a header and a log, else ours. */
export function requestId(): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    const given = request.get('x-request-id');
    response.setHeader('X-Request-ID', given !== undefined && SANE_ID.test(given) ? given : randomUUID());
    next();
  };
}

/** One line per request: method, path without query, status, time. Headers and bodies hold secrets and stay out. */
export function httpLog(logger: Logger): RequestHandler {
  return pinoHttp({
    logger,
    genReqId: (_request, response) => String(response.getHeader('X-Request-ID')),
    autoLogging: { ignore: (request) => request.url === '/healthz' || request.url === '/readyz' },
    customLogLevel: (_request, response, error) =>
      error !== undefined || response.statusCode === 500 ? 'error' : response.statusCode > 500 ? 'warn' : 'info',
    serializers: {
      req: (request: { id: string; method: string; url: string }) => ({ id: request.id, method: request.method, path: loggablePath(request.url) }),
      res: (response: { statusCode: number }) => ({ status: response.statusCode }),
    },
    customSuccessMessage: (request: IncomingMessage, response: ServerResponse) => `${request.method} ${response.statusCode}`,
    customErrorMessage: (request: IncomingMessage, response: ServerResponse) => `${request.method} ${response.statusCode}`,
  });
}

/** A path that may be logged. */
export function loggablePath(url: string): string {
  return (url.split('?', 1)[0] ?? '').replace(SESSION_PATH, '$1[session]');
}
