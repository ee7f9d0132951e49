import { Injectable, NotFoundException, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import type { Request, Response } from 'express';
import { Env } from '#libs/config';
import { refuse } from '../http/problem.js';
import { OPERATOR_ONLY, PUBLIC, type AuthenticatedRequest } from './caller.js';
import { SignatureRefused } from './hmac.js';
import { foreignOrigin, NO_HEADER, requireOwnOrigin } from './own-origin.js';
import { RequestLimit } from './request-limit.js';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Guards every route that does not say it is public: who forgets a decorator has closed a door, not opened one. */
@Injectable()
export class CallerGuard extends AuthGuard(['rest-key', 'session-cookie', 'metrics-token', 'hmac', 'basic']) {
  constructor(
    private readonly reflector: Reflector,
    private readonly limit: RequestLimit,
    private readonly env: Env,
  ) {
    super();
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    const isPublic = this.reflector.getAllAndOverride<boolean>(PUBLIC, targets);
    if (isPublic) return true;
    await super.canActivate(context);
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    await this.limit.consume(request.user, context.switchToHttp().getResponse<Response>());
    if (request.user.bySession && !SAFE.has(request.method)) requireOwnPage(request, this.env.PUBLIC_URL);
    if (this.reflector.getAllAndOverride<boolean>(OPERATOR_ONLY, targets) && request.user.role !== 'operator') {
      // The same words as the router's own, so that the filter answers as for a path that does not exist.
      throw new NotFoundException(`Cannot ${request.method} ${request.url}`);
    }
    return true;
  }

  /** Agora's two sentences, and Kong's for a bad signature; Nest would drop the error of a database that is away. */
  override handleRequest<User>(error: unknown, user: User | false, _info: unknown, context: ExecutionContext): User {
    if (error instanceof SignatureRefused) throw refuse(401, error.message, { detail: `${error.message}.` });
    if (error instanceof Error) throw error;
    if (user) return user;
    const { authorization } = context.switchToHttp().getRequest<Request>().headers;
    if (/^hmac /i.test(authorization ?? '')) throw refuse(401, 'HMAC signature does not match');
    throw refuse(401, authorization === undefined ? 'Unauthorized' : 'Invalid authentication credentials', {
      detail:
        authorization === undefined
          ? 'Send your customer ID and customer secret by HTTP Basic authentication.'
          : 'The customer ID and the customer secret do not match.',
    });
  }
}

/**
 * The cookie is SameSite=Strict already; a header that no foreign page can send without a preflight (which is never
 * granted) is the second lock.
 */
function requireOwnPage(request: Request, publicUrl: string | undefined): void {
  requireOwnOrigin(request, publicUrl);
  if (request.headers['x-manycast'] === undefined) throw foreignOrigin(NO_HEADER);
}
