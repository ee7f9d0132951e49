import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import type { Request } from 'express';
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { BasicStrategy } from 'passport-http';
import { PrismaService, type Role, SecretBox } from '#libs/db';
import { parseBasic } from './basic.js';
import type { Caller } from './caller.js';

const POSSIBLE_ID = /^[A-Za-z0-9_-]{1,64}$/;

interface KnownCredential {
  id: string;
  secret: string;
  customer: { role: Role } | null;
}

/** HTTP Basic with customer ID and any of the customer's valid secrets. */
@Injectable()
export class CustomerSecretStrategy extends PassportStrategy(BasicStrategy, 'basic') {
  /** What an unknown customer's secret is compared with, so that the time of an answer does not tell who exists. */
  private readonly nobody: KnownCredential;

  constructor(
    private readonly prisma: PrismaService,
    private readonly box: SecretBox,
  ) {
    super({ realm: 'manycast', passReqToCallback: true });
    this.nobody = { id: 'nobody', secret: box.seal(randomBytes(32).toString('hex'), 'credential:nobody'), customer: null };
  }

  /** passport-http has parsed the header too, but loosely; ours decides. False is 401. */
  async validate(request: Request): Promise<Caller | false> {
    const given = parseBasic(request.headers.authorization);
    if (given === undefined) return false;
    const credentials = POSSIBLE_ID.test(given.id) ? await this.validCredentials(given.id) : [];
    const secret = digest(given.secret);
    let caller: Caller | false = false;
    for (const credential of credentials.length > 0 ? credentials : [this.nobody]) {
      const matches = timingSafeEqual(secret, digest(this.box.open(credential.secret, `credential:${credential.id}`)));
      if (matches && credential.customer) caller = { customerId: given.id, role: credential.customer.role };
    }
    return caller;
  }

  private validCredentials(customerId: string): Promise<KnownCredential[]> {
    return this.prisma.credential.findMany({
      where: { customerId, revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: new Date() } }] },
      select: { id: true, secret: true, customer: { select: { role: true } } },
    });
  }
}

/** Equal length for timingSafeEqual, whatever the secrets' lengths. */
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
