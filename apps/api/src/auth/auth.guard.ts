import { type CanActivate, Injectable, NotFoundException, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import type { Request, Response } from 'express';
import { Env } from '#libs/config';
import { refuse } from '../http/problem.js';
import { OPERATOR_ONLY, PUBLIC, type AuthenticatedRequest } from './caller.js';
import { onlyScheme } from './only-scheme.js';
import { SignatureRefused } from './hmac.js';
import { foreignOrigin, NO_HEADER, requireOwnOrigin } from './own-origin.js';
import { RequestLimit } from './request-limit.js';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Passport with these strategies, in this order, and the errors that our clients know. */
function schemes(names: string | string[]): CanActivate {
  const Guard = class extends AuthGuard(names) {
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
  };
  return new Guard();
}

/** Guards every route that does not say it is public: who forgets a decorator has closed a door, not opened one. */
@Injectable()
export class CallerGuard implements CanActivate {
  private readonly basic = schemes('basic');
  private readonly any = schemes(['session-cookie', 'metrics-token', 'hmac', 'basic']);
  private readonly others = new Map<string, CanActivate>();

  constructor(
    private readonly reflector: Reflector,
    private readonly limit: RequestLimit,
    private readonly env: Env,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    const isPublic = this.reflector.getAllAndOverride<boolean>(PUBLIC, targets);
    if (isPublic) return true;
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    await this.schemeOf(request).canActivate(context);
    await this.limit.consume(request.user, context.switchToHttp().getResponse<Response>());
    if (request.user.bySession && !SAFE.has(request.method)) requireOwnPage(request, this.env.PUBLIC_URL);
    if (this.reflector.getAllAndOverride<boolean>(OPERATOR_ONLY, targets) && request.user.role !== 'operator') {
      // The same words as the router's own, so that the filter answers as for a path that does not exist.
      throw new NotFoundException(`Cannot ${request.method} ${request.url}`);
    }
    return true;
  }

  /** No strategy is asked that can only say no. */
  private schemeOf(request: Request): CanActivate {
    const only = onlyScheme(request);
    if (only === undefined) return /^basic /i.test(request.headers.authorization ?? '') ? this.basic : this.any;
    const guard = this.others.get(only) ?? schemes(only);
    this.others.set(only, guard);
    return guard;
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
