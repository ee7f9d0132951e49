import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import type { Request } from 'express';
import { rawBody } from '../http/body.js';
import { Credentials, signatureProof } from './credentials.js';
import { readSignature } from './hmac.js';
import { Logins } from './logins.js';
import { RequestScheme } from './request-scheme.js';
import { Schemes } from './schemes.js';

/** Agora's HTTP HMAC authentication, with the same customer ID and secret as HTTP Basic. */
@Injectable()
export class HmacStrategy extends PassportStrategy(RequestScheme, 'hmac') {
  constructor(
    schemes: Schemes,
    private readonly credentials: Credentials,
    private readonly logins: Logins,
  ) {
    super((request: Request) => /^hmac /i.test(request.headers.authorization ?? ''));
    schemes.add('hmac', this);
  }

  /** Throws SignatureRefused, or 429 after too many failures. */
  async validate(request: Request): Promise<object | false> {
    const { method, originalUrl: target, headers } = request;
    const { username, algorithm, signature, texts } = readSignature(
      headers.authorization ?? '',
      { method, target, headers, body: rawBody(request) },
      Date.now(),
    );
    return this.logins.attempt(request.ip, username, () =>
      this.credentials.verify(username, (secret) => {
        // All of them, whichever fits: the time tells nothing.
        const results = texts.map((text) => signatureProof(algorithm, signature, text)(secret));
        return results.includes(true);
      }),
    );
  }
}
