// What every path under /rest-api shares: who may call it from a page, and what its errors look like.
import type { NextFunction, Request, Response } from 'express';
import { STATUS_CODES } from 'node:http';
import { component, record, text, whole, type Shape } from '../../openapi/schema.js';

export const REST_API = '/rest-api';

const CORS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Methods': 'GET, POST, OPTIONS',
  'Access-Control-Allow-Headers': 'Origin, X-Requested-With, Content-Type, Accept, Authorization',
  'Access-Control-Max-Age': '86400',
};

/** Pages of any origin call the server, as the vendor's demo does; a preflight comes without credentials. Never with cookies (Allow-Credentials): they are the dashboard's. */
export function restApiCors(request: Request, response: Response, next: NextFunction): void {
  for (const [name, value] of Object.entries(CORS)) response.setHeader(name, value);
  if (request.method === 'OPTIONS') response.status(200).end();
  else next();
}

export const isRestApi = (request: Request): boolean => request.path.startsWith(`${REST_API}/`);

const EXCEPTIONS: Record<number, string> = { 400: 'BadRequest', 401: 'Unauthorized', 404: 'NotFound', 409: 'Conflict' };

/** An error as Web Call Server writes it: clients look at the status, people at the message. */
export const RestApiError = component(
  'RestApiError',
  record({
    exception: text(),
    reason: text(),
    path: text(),
    error: text(),
    message: text(),
    timestamp: whole(),
    status: whole(),
  }),
);

/** Such an error, of now. */
export function restApiError(request: Request, status: number, message: string): Shape<typeof RestApiError> {
  const error = STATUS_CODES[status] ?? 'Error';
  const exception = `com.flashphoner.rest.server.exception.${EXCEPTIONS[status] ?? 'InternalError'}Exception`;
  return {
    exception,
    reason: `${exception}, ${error}, ${message}`,
    path: request.originalUrl.split('?', 1)[0] ?? '',
    error,
    message,
    timestamp: Date.now(),
    status,
  };
}
