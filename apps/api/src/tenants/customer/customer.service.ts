import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { Prisma, PrismaService, SecretBox, type Customer } from '#libs/db';
import type { Caller } from '../../auth/caller.js';
import { Credentials } from '../../auth/credentials.js';
import { Purge } from '../../retention/purge.js';
import { toPage } from '../../http/page.js';
import {
  toCustomerResponse,
  type CreateCustomer,
  type CustomerPage,
  type CustomerResponse,
  type NewCredentialResponse,
  type QuotaChanges,
  type UpdateCustomer,
} from './customer.dto.js';
import { issueCredential } from './issue-credential.js';
import { countRunningStreams, QuotaService } from './quotas.js';

/** The tenants. Operators see and change all; a customer sees itself. */
@Injectable()
export class CustomerService {
  constructor(
    private readonly prisma: PrismaService,
    private readonly box: SecretBox,
    private readonly quotas: QuotaService,
    private readonly purge: Purge,
    private readonly credentials: Credentials,
  ) {}

  async list(limit: number, cursor: string | undefined): Promise<CustomerPage> {
    const found = await this.prisma.customer.findMany({
      where: { deletedAt: null, id: cursor === undefined ? undefined : { gt: cursor } },
      orderBy: { id: 'asc' },
      take: limit + 1,
    });
    const { rows, nextCursor } = toPage(found, limit);
    return { customers: await this.withUsage(rows), nextCursor };
  }

  async get(caller: Caller, customerId: string): Promise<CustomerResponse> {
    const [response] = await this.withUsage([await this.find(caller, customerId)]);
    return response as CustomerResponse;
  }

  /** A customer with its first secret, which is shown this once. */
  async create({
    name,
    role,
    quotas,
  }: CreateCustomer): Promise<{ customer: CustomerResponse; credential: NewCredentialResponse }> {
    const id = randomBytes(16).toString('hex');
    return this.prisma.$transaction(async (tx) => {
      const row = await tx.customer.create({ data: { id, name, role, quotas: merged({}, quotas) } });
      const credential = await issueCredential(tx, this.box, id, { label: 'first' });
      return { customer: toCustomerResponse(row, this.quotas.of(row), { projects: 0, streams: 0 }), credential };
    });
  }

  async change(caller: Caller, customerId: string, { name, quotas }: UpdateCustomer): Promise<CustomerResponse> {
    const row = await this.find(caller, customerId);
    await this.prisma.customer.update({ where: { id: row.id }, data: { name, quotas: merged(row.quotas, quotas) } });
    return this.get(caller, customerId);
  }

  /** With all that is its own; refused while a stream of its runs, and for the operator who asks. */
  async remove(caller: Caller, customerId: string): Promise<void> {
    await this.find(caller, customerId);
    if (customerId === caller.customerId) throw new ConflictException('You cannot delete yourself.');
    const deletedAt = new Date();
    await this.prisma.$transaction(async (tx) => {
      // A stream or a project that just begins holds a share of these locks.
      await tx.$queryRaw`SELECT 1 FROM customers WHERE id = ${customerId} FOR UPDATE`;
      await tx.$queryRaw`SELECT 1 FROM projects WHERE customer_id = ${customerId} ORDER BY id FOR UPDATE`;
      if ((await countRunningStreams(tx, customerId)) > 0)
        throw new ConflictException('Streams of this customer are running; end them first.');
      await tx.customer.update({ where: { id: customerId }, data: { deletedAt } });
      await tx.project.updateMany({ where: { customerId, deletedAt: null }, data: { deletedAt } });
      // And the sessions at the dashboard that were begun with them.
      await tx.credential.deleteMany({ where: { customerId } });
    });
    this.credentials.forget(customerId);
    this.purge.begin();
  }

  async find(caller: Caller, customerId: string): Promise<Customer> {
    const isVisible = caller.role === 'operator' || caller.customerId === customerId;
    const row = isVisible ? await this.prisma.customer.findFirst({ where: { id: customerId, deletedAt: null } }) : null;
    if (row === null) throw new NotFoundException('This customer does not exist.');
    return row;
  }

  private async withUsage(rows: Customer[]): Promise<CustomerResponse[]> {
    const usage = await this.prisma.$queryRaw<{ id: string; projects: number; streams: number }[]>`
      SELECT customers.id, (SELECT count(*)::int FROM projects WHERE customer_id = customers.id AND deleted_at IS NULL) AS projects,
        (SELECT count(*)::int FROM streams WHERE customer = customers.id AND state <> 'ended') AS streams
      FROM unnest(${rows.map(({ id }) => id)}::text[]) AS customers(id)`;
    const of = new Map(usage.map(({ id, projects, streams }) => [id, { projects, streams }]));
    return rows.map((row) =>
      toCustomerResponse(row, this.quotas.of(row), of.get(row.id) ?? { projects: 0, streams: 0 }),
    );
  }
}

/** Absent keeps, null gives back the service's default. */
function merged(stored: Prisma.JsonValue, changes: QuotaChanges = {}): Prisma.InputJsonObject {
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  const all = Object.entries({ ...(stored as Record<string, number>), ...Object.fromEntries(given) });
  return Object.fromEntries(all.filter(([, value]) => value !== null)) as Prisma.InputJsonObject;
}
