import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import type { Request } from 'express';
import { BasicStrategy } from 'passport-http';
import { parseBasic } from './basic.js';
import type { Caller } from './caller.js';
import { Credentials } from './credentials.js';
import { Logins } from './logins.js';
import { Schemes } from './schemes.js';

/** Secrets, tokens and keys are made by POST. */
const RECALLED = new Set(['GET', 'HEAD', 'PATCH']);

/** HTTP Basic with customer ID and any of the customer's valid secrets. */
@Injectable()
export class CustomerSecretStrategy extends PassportStrategy(BasicStrategy, 'basic') {
  constructor(
    schemes: Schemes,
    private readonly credentials: Credentials,
    private readonly logins: Logins,
  ) {
    super({ realm: 'manycast', passReqToCallback: true });
    schemes.add('basic', this, (request) => this.recall(request));
  }

  /** passport-http has parsed the header too, but loosely; ours decides. False is 401. */
  async validate(request: Request): Promise<Caller | false> {
    const given = parseBasic(request.headers.authorization);
    if (given === undefined) return false;
    const { id, secret } = given;
    return this.logins.attempt(request.ip, id, () => this.credentials.verifySecret(id, secret));
  }

  /** Who has just had the right secret, from the same address, is not asked about again; but for what gives access that would outlast a revocation. */
  private recall(request: Request): Caller | undefined {
    if (!RECALLED.has(request.method)) return undefined;
    const given = parseBasic(request.headers.authorization);
    if (given === undefined || !this.logins.isKnown(request.ip, given.id)) return undefined;
    return this.credentials.recall(given.id, given.secret);
  }
}
