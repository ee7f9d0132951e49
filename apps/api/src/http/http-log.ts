import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { randomUUID } from 'node:crypto';
import { logFields, type Logger, withLogFields } from '#libs/config';

const SANE_ID = /^[A-Za-z0-9._:@/+=-]{1,128}$/;

/** Gives every response, and every log line on the way to it, an X-Request-ID: the caller's if it is harmless in a header and a log, else ours. */
export function requestId(): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    const given = request.get('x-request-id');
    const id = given !== undefined && SANE_ID.test(given) ? given : randomUUID();
    response.setHeader('X-Request-ID', id);
    withLogFields({ requestId: id, ...idsIn(request.path) }, next);
  };
}

/** Asked every few seconds by whoever watches the process. */
const UNLOGGED = new Set(['/healthz', '/readyz', '/metrics']);

/** Who counts requests. */
interface Observer {
  observeRequest: (method: string, route: string, status: number, seconds: number) => void;
}

/** One line per request: method, path without query, status, time. Headers and bodies hold secrets and stay out; `mask` makes what may be logged of a URL. */
export function httpLog(logger: Logger, metrics: Observer, mask: (url: string) => string): RequestHandler {
  return (request: Request, response: Response, next: NextFunction) => {
    const started = performance.now();
    // The socket, on which `close` is emitted, knows nothing of the request.
    const fields = logFields();
    response.once('close', () => {
      const { statusCode } = response;
      metrics.observeRequest(request.method, routeOf(request), statusCode, (performance.now() - started) / 1000);
      if (UNLOGGED.has(request.path)) return;
      const level = statusCode === 500 ? 'error' : statusCode > 500 ? 'warn' : 'info';
      const ms = Math.round((performance.now() - started) * 10) / 10;
      logger[level]({ ...fields, ms }, `${request.method} ${mask(request.originalUrl)} ${statusCode}`);
    });
    next();
  };
}

/** Ids that a path names. */
function idsIn(path: string): { streamId?: string; transferId?: string } {
  const [, streamId, transferId] = /\/streams\/([0-9a-f-]{36})(?:\/transfers\/([0-9a-f-]{36}))?/.exec(path) ?? [];
  return { ...(streamId === undefined ? {} : { streamId }), ...(transferId === undefined ? {} : { transferId }) };
}

/** The route's pattern: a label must not have as many values as there are ids. */
function routeOf(request: Request): string {
  const route = request.route as { path?: unknown } | undefined;
  return typeof route?.path === 'string' ? route.path : 'none';
}
