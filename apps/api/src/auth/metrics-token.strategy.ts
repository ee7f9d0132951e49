import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import type { Request } from 'express';
import { createHash, timingSafeEqual } from 'node:crypto';
import { Env } from '#libs/config';
import type { Caller } from './caller.js';
import { RequestScheme } from './request-scheme.js';

/** METRICS_TOKEN as a Bearer token: for Prometheus, which shall not have an operator's secret. */
@Injectable()
export class MetricsTokenStrategy extends PassportStrategy(RequestScheme, 'metrics-token') {
  constructor({ METRICS_TOKEN: expected }: Env) {
    super((request: Request) => {
      const token = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
      return expected !== undefined && token !== undefined && request.path === '/metrics' && timingSafeEqual(sha256(token), sha256(expected));
    });
  }

  validate(): Caller {
    return { customerId: '', role: 'operator', credentialId: '', limitKey: 'metrics', bySession: false };
  }
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
