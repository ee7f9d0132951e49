import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { STATUS_CODES } from 'node:http';
import type { Logger } from '#libs/config';
import { Prisma } from '#libs/db';
import type { FieldError, ProblemOptions } from './problem.js';
import { isUnavailable } from './unavailable.js';

const RETRY_AFTER_S = '5';
/** What Kong answers in front of Agora's API, and Agora's clients look for. */
const NO_ROUTE = 'no Route matched with those values';
/** A path with an empty appid or entry point never matches a route, and Agora's answer to it is 400. */
const EMPTY_PARAMETER = /^\/v1\/projects\/(?:(\/fls|\/?$)|[^/]+\/fls\/entry_points\/\/)/;

/** The errors of a vendor's API, which its clients know. */
export interface ErrorForm {
  isFor: (request: Request) => boolean;
  /** A JSON body. */
  write: (request: Request, status: number, message: string) => object;
}

interface Problem extends ProblemOptions {
  status: number;
  message: string;
}

/** Turns every error into the one shape of DESIGN.md: application/problem+json, with `message` for Agora's clients. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  /** @param forms errors of other shapes, for the paths of vendors' APIs. */
  constructor(
    private readonly logger: Logger,
    private readonly forms: readonly ErrorForm[] = [],
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    const requestId = String(response.getHeader('X-Request-ID') ?? '');
    const problem = toProblem(error, request);
    if (problem.status === 500) this.logger.error({ requestId, err: error }, 'request failed');
    else if (problem.status === 503 && !(error instanceof HttpException))
      this.logger.warn({ requestId, err: error }, 'unavailable');
    if (response.headersSent || response.destroyed) {
      response.end();
      return;
    }
    const form = this.forms.find(({ isFor }) => isFor(request));
    const body = form?.write(request, problem.status, problem.message) ?? {
      status: problem.status,
      title: STATUS_CODES[problem.status] ?? 'Error',
      detail: problem.detail ?? problem.message,
      message: problem.message,
      requestId,
      ...(problem.code === undefined ? {} : { code: problem.code }),
      ...(problem.errors === undefined ? {} : { errors: problem.errors }),
    };
    response.statusCode = problem.status;
    for (const [name, value] of Object.entries({ ...standardHeaders(problem.status), ...problem.headers }))
      response.setHeader(name, value);
    response.setHeader('Content-Type', form ? 'application/json' : 'application/problem+json');
    response.setHeader('Cache-Control', 'no-store');
    response.end(JSON.stringify(body));
  }
}

function toProblem(error: unknown, request: Request): Problem {
  if (error instanceof HttpException) return fromHttpException(error, request);
  if (error instanceof Prisma.PrismaClientKnownRequestError) {
    if (error.code === 'P2002') return { status: 409, message: 'There is one with this name already.' };
    if (error.code === 'P2025') return { status: 404, message: 'It does not exist.' };
  }
  if (isUnavailable(error)) {
    return {
      status: 503,
      message: 'The service cannot do this at the moment.',
      detail: 'A part of the service is unavailable at the moment. Try again soon.',
    };
  }
  const status = clientErrorStatus(error);
  if (status !== undefined) return fromClientError(status);
  return {
    status: 500,
    message: 'An internal error occurred.',
    detail: 'Our fault. Quote the requestId when you report it.',
  };
}

function fromHttpException(error: HttpException, request: Request): Problem {
  const status = error.getStatus();
  if (status === 404 && error.message === `Cannot ${request.method} ${request.url}`) return unknownRoute(request);
  const given = error.getResponse();
  if (typeof given === 'string') return { status, message: given };
  const { message, detail, code, errors, headers } = given as Partial<Problem>;
  return { status, message: typeof message === 'string' ? message : error.message, detail, code, errors, headers };
}

function unknownRoute(request: Request): Problem {
  const empty = EMPTY_PARAMETER.exec(request.path);
  if (empty !== null && request.path !== '/v1/projects/') {
    const field = empty[1] === undefined ? 'entry_point' : 'appid';
    const errors: FieldError[] = [{ field, message: 'must not be empty' }];
    return { status: 400, message: `${field} must not be empty`, errors };
  }
  return { status: 404, message: NO_ROUTE, detail: 'No such path, or not with this method.' };
}

/** Errors of body-parser and of Express's path decoding carry a 4xx status. */
function clientErrorStatus(error: unknown): number | undefined {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}

function fromClientError(status: number): Problem {
  if (status === 413)
    return { status, message: 'The body is too large.', detail: 'A request body may have 64 KiB at most.' };
  if (status === 415) return { status, message: 'The body must be sent as it is, without a Content-Encoding.' };
  return { status: 400, message: 'The request could not be read.', detail: 'The path or the body is damaged.' };
}

function standardHeaders(status: number): Record<string, string> {
  if (status === 401) return { 'WWW-Authenticate': 'Basic realm="manycast", charset="UTF-8"' };
  if (status === 503 || status === 429) return { 'Retry-After': RETRY_AFTER_S };
  return {};
}
