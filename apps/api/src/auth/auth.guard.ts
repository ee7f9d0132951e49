import { type CanActivate, Injectable, NotFoundException, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request, Response } from 'express';
import { Env } from '#libs/config';
import { refuse } from '../http/problem.js';
import { OPERATOR_ONLY, PUBLIC, type AuthenticatedRequest, type Caller } from './caller.js';
import { onlyScheme } from './only-scheme.js';
import { SignatureRefused } from './hmac.js';
import { foreignOrigin, NO_HEADER, requireOwnOrigin } from './own-origin.js';
import { RequestLimit } from './request-limit.js';
import { Schemes } from './schemes.js';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
const BASIC = ['basic'];
const ANY = ['session-cookie', 'metrics-token', 'hmac', 'basic'];

interface Rule {
  isPublic: boolean;
  isOperators: boolean;
}

/** Guards every route that does not say it is public: who forgets a decorator has closed a door, not opened one. */
@Injectable()
export class CallerGuard implements CanActivate {
  /** By class and handler: a handler may be inherited by several classes, each with a rule of its own. */
  private readonly rules = new Map<object, Map<object, Rule>>();

  constructor(
    private readonly reflector: Reflector,
    private readonly schemes: Schemes,
    private readonly limit: RequestLimit,
    private readonly env: Env,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { isPublic, isOperators } = this.ruleOf(context);
    if (isPublic) return true;
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    request.user = await this.callerOf(request);
    await this.limit.consume(request.user, context.switchToHttp().getResponse<Response>());
    if (request.user.bySession && !SAFE.has(request.method)) requireOwnPage(request, this.env.PUBLIC_URL);
    if (isOperators && request.user.role !== 'operator') {
      // The same words as the router's own, so that the filter answers as for a path that does not exist.
      throw new NotFoundException(`Cannot ${request.method} ${request.url}`);
    }
    return true;
  }

  /** What the handler's decorators, or its class's, say. */
  private ruleOf(context: ExecutionContext): Rule {
    const [controller, handler] = [context.getClass(), context.getHandler()];
    const ofClass = this.rules.get(controller) ?? new Map<object, Rule>();
    const known = ofClass.get(handler);
    if (known !== undefined) return known;
    const says = (what: string): boolean =>
      this.reflector.getAllAndOverride<boolean | undefined>(what, [handler, controller]) === true;
    const rule = { isPublic: says(PUBLIC), isOperators: says(OPERATOR_ONLY) };
    this.rules.set(controller, ofClass.set(handler, rule));
    return rule;
  }

  /** Throws 401 with the sentences that Agora's clients know, and Kong's for a bad signature. */
  private async callerOf(request: Request): Promise<Caller> {
    try {
      const caller = await this.schemes.callerOf(request, schemesOf(request));
      if (caller !== undefined) return caller;
    } catch (error) {
      if (error instanceof SignatureRefused) throw refuse(401, error.message, { detail: `${error.message}.` });
      throw error;
    }
    const { authorization } = request.headers;
    if (/^hmac /i.test(authorization ?? '')) throw refuse(401, 'HMAC signature does not match');
    throw refuse(401, authorization === undefined ? 'Unauthorized' : 'Invalid authentication credentials', {
      detail:
        authorization === undefined
          ? 'Send your customer ID and customer secret by HTTP Basic authentication.'
          : 'The customer ID and the customer secret do not match.',
    });
  }
}

/** No scheme is asked that can only say no. */
function schemesOf(request: Request): readonly string[] {
  const only = onlyScheme(request);
  if (only !== undefined) return [only];
  return /^basic /i.test(request.headers.authorization ?? '') ? BASIC : ANY;
}

/**
 * The cookie is SameSite=Strict already; a header that no foreign page can send without a preflight (which is never
 * granted) is the second lock.
 */
function requireOwnPage(request: Request, publicUrl: string | undefined): void {
  requireOwnOrigin(request, publicUrl);
  if (request.headers['x-manycast'] === undefined) throw foreignOrigin(NO_HEADER);
}
