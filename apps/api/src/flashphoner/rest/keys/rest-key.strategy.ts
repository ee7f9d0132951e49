import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import type { Request } from 'express';
import type { Caller } from '../../../auth/caller.js';
import { Logins } from '../../../auth/logins.js';
import { RequestScheme } from '../../../auth/request-scheme.js';
import { Schemes } from '../../../auth/schemes.js';
import { refuse } from '../../../http/problem.js';
import { restKeyHash, restKeyOf } from './rest-key.js';
import { RestKeys } from './rest-keys.js';

/** A REST key in the path. It alone decides: neither a cookie nor an Authorization header that comes along opens what it does not. */
@Injectable()
export class RestKeyStrategy extends PassportStrategy(RequestScheme, 'rest-key') {
  constructor(
    schemes: Schemes,
    private readonly keys: RestKeys,
    private readonly logins: Logins,
  ) {
    super((request: Request) => restKeyOf(request) !== undefined);
    schemes.add('rest-key', this);
  }

  /** A wrong key counts like a wrong secret. By its hash, so that one page with an old key does not shut out the others behind its address. Throws 401, and 429 after too many. */
  async validate(request: Request): Promise<Caller> {
    const hash = restKeyHash(restKeyOf(request) ?? '');
    const caller = await this.logins.attempt(request.ip, `rest-key:${hash.slice(0, 32)}`, () => this.keys.verify(hash));
    if (!caller)
      throw refuse(401, 'Invalid authentication credentials', {
        detail: 'The REST key of the path is wrong, has expired or was revoked.',
      });
    return caller;
  }
}
