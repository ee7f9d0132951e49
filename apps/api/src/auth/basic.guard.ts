import { Injectable, NotFoundException, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AuthGuard } from '@nestjs/passport';
import type { Request } from 'express';
import { refuse } from '../problem.js';
import { OPERATOR_ONLY, PUBLIC, type Caller } from './caller.js';

/** Guards every route that does not say it is public: who forgets a decorator has closed a door, not opened one. */
@Injectable()
export class BasicGuard extends AuthGuard('basic') {
  constructor(private readonly reflector: Reflector) {
    super();
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride<boolean>(PUBLIC, targets)) return true;
    await super.canActivate(context);
    const request = context.switchToHttp().getRequest<Request & { user: Caller }>();
    if (this.reflector.getAllAndOverride<boolean>(OPERATOR_ONLY, targets) && request.user.role !== 'operator') {
      // The same words as the router's own, so that the filter answers as for a path that does not exist.
      throw new NotFoundException(`Cannot ${request.method} ${request.url}`);
    }
    return true;
  }

  /** Agora's two sentences; Nest would drop the error of a database that is away, and Passport's challenge. */
  override handleRequest<User>(error: unknown, user: User | false, _info: unknown, context: ExecutionContext): User {
    if (error instanceof Error) throw error;
    if (user) return user;
    const given = context.switchToHttp().getRequest<Request>().headers.authorization !== undefined;
    throw refuse(401, given ? 'Invalid authentication credentials' : 'Unauthorized', {
      detail: given ? 'The customer ID and the customer secret do not match.' : 'Send your customer ID and customer secret by HTTP Basic authentication.',
    });
  }
}
