import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import type { Request } from 'express';
import { createHash, timingSafeEqual } from 'node:crypto';
import { Env } from '#libs/config';
import type { Caller } from './caller.js';
import { Logins } from './logins.js';
import { RequestScheme } from './request-scheme.js';
import { Schemes } from './schemes.js';

/** METRICS_TOKEN as a Bearer token: for Prometheus, which must not have an operator's secret. */
@Injectable()
export class MetricsTokenStrategy extends PassportStrategy(RequestScheme, 'metrics-token') {
  constructor(
    schemes: Schemes,
    private readonly env: Env,
    private readonly logins: Logins,
  ) {
    super((request: Request) => request.path === '/metrics' && bearerToken(request) !== undefined);
    schemes.add('metrics-token', this);
  }

  /** Guessing it is as little use as guessing a customer's secret. */
  async validate(request: Request): Promise<Caller | false> {
    const { METRICS_TOKEN: expected } = this.env;
    const token = bearerToken(request);
    const fits = expected !== undefined && token !== undefined && timingSafeEqual(sha256(token), sha256(expected));
    return this.logins.attempt(
      request.ip,
      'METRICS_TOKEN',
      async () => fits && { customerId: '', role: 'operator', credentialId: '', limitKey: 'metrics', bySession: false },
    );
  }
}

const bearerToken = (request: Request): string | undefined =>
  /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
