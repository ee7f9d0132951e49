import { Injectable, NotFoundException } from '@nestjs/common';
import { Prisma, PrismaService, SecretBox, type Credential } from '#libs/db';
import type { Caller } from '../../auth/caller.js';
import { Credentials } from '../../auth/credentials.js';
import { refuse } from '../../http/problem.js';
import { CustomerService } from './customer.service.js';
import { issueCredential } from './issue-credential.js';
import {
  toCredentialResponse,
  type CreateCredential,
  type CredentialResponse,
  type NewCredentialResponse,
} from './customer.dto.js';

/** More than anybody rotates between; each one costs time at every request. */
const MAX_VALID = 10;

/** A customer's secrets. Shown once, when they are made. */
@Injectable()
export class CredentialService {
  constructor(
    private readonly prisma: PrismaService,
    private readonly box: SecretBox,
    private readonly customers: CustomerService,
    private readonly credentials: Credentials,
  ) {}

  async list(caller: Caller, customerId: string): Promise<CredentialResponse[]> {
    await this.customers.find(caller, customerId);
    const rows = await this.prisma.credential.findMany({ where: { customerId, ...valid() }, orderBy: { id: 'asc' } });
    return rows.map(toCredentialResponse);
  }

  async create(
    caller: Caller,
    customerId: string,
    { label, expiresIn }: CreateCredential,
  ): Promise<NewCredentialResponse> {
    await this.customers.find(caller, customerId);
    const expiresAt = expiresIn === undefined ? null : new Date(Date.now() + expiresIn * 1000);
    return this.prisma.$transaction(async (tx) => {
      await this.requireRoom(tx, customerId);
      return issueCredential(tx, this.box, customerId, { label, expiresAt });
    });
  }

  /** A new secret in the old one's place; the old one stays valid for `overlap` seconds. */
  async rotate(
    caller: Caller,
    customerId: string,
    credentialId: string,
    overlap: number,
  ): Promise<NewCredentialResponse> {
    const { label } = await this.find(caller, customerId, credentialId);
    const until = new Date(Date.now() + overlap * 1000);
    const issued = await this.prisma.$transaction(async (tx) => {
      await this.requireRoom(tx, customerId);
      // Never longer than it had.
      await tx.credential.updateMany({
        where: { id: credentialId, OR: [{ expiresAt: null }, { expiresAt: { gt: until } }] },
        data: { expiresAt: until },
      });
      return issueCredential(tx, this.box, customerId, { label });
    });
    this.credentials.forget(customerId);
    return issued;
  }

  /** The next request with it is 401; at other API processes, within a second. */
  async revoke(caller: Caller, customerId: string, credentialId: string): Promise<void> {
    await this.find(caller, customerId, credentialId);
    await this.prisma.$transaction(async (tx) => {
      await lock(tx, customerId);
      const others = await tx.credential.count({
        where: { customerId, ...valid(), expiresAt: null, id: { not: credentialId } },
      });
      if (others === 0)
        throw refuse(409, 'This is the last secret that does not expire; create another one first.', {
          code: 'last_credential',
        });
      await tx.credential.updateMany({ where: { id: credentialId }, data: { revokedAt: new Date() } });
    });
    this.credentials.forget(customerId);
  }

  private async find(caller: Caller, customerId: string, credentialId: string): Promise<Credential> {
    await this.customers.find(caller, customerId);
    const row = await this.prisma.credential.findFirst({ where: { id: credentialId, customerId, ...valid() } });
    if (row === null) throw new NotFoundException('This credential does not exist.');
    return row;
  }

  private async requireRoom(tx: Prisma.TransactionClient, customerId: string): Promise<void> {
    await lock(tx, customerId);
    if ((await tx.credential.count({ where: { customerId, ...valid() } })) >= MAX_VALID) {
      throw refuse(409, `A customer has ${MAX_VALID} valid secrets at most; revoke one.`, {
        code: 'too_many_credentials',
      });
    }
  }
}

const valid = (): Prisma.CredentialWhereInput => ({
  revokedAt: null,
  OR: [{ expiresAt: null }, { expiresAt: { gt: new Date() } }],
});

const lock = (tx: Prisma.TransactionClient, customerId: string): Promise<unknown> =>
  tx.$queryRaw`SELECT 1 FROM customers WHERE id = ${customerId} FOR NO KEY UPDATE`;
