import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { Prisma, PrismaService, SecretBox, type Customer } from '#libs/db';
import type { Caller } from '../auth/caller.js';
import { toPage } from '../page.js';
import { toCustomerResponse, type CreateCustomer, type CustomerResponse, type NewCredentialResponse, type QuotaChanges, type UpdateCustomer } from './customer.dto.js';
import { issueCredential } from './issue-credential.js';
import { QuotaService } from './quotas.js';

/** The tenants. Operators see and change all; a customer sees itself. */
@Injectable()
export class CustomerService {
  constructor(
    private readonly prisma: PrismaService,
    private readonly box: SecretBox,
    private readonly quotas: QuotaService,
  ) {}

  async list(limit: number, cursor: string | undefined): Promise<{ customers: CustomerResponse[]; nextCursor: string | null }> {
    const found = await this.prisma.customer.findMany({ where: { id: cursor === undefined ? undefined : { gt: cursor } }, orderBy: { id: 'asc' }, take: limit + 1 });
    const { rows, nextCursor } = toPage(found, limit);
    return { customers: await this.withUsage(rows), nextCursor };
  }

  async get(caller: Caller, customerId: string): Promise<CustomerResponse> {
    const [response] = await this.withUsage([await this.find(caller, customerId)]);
    return response as CustomerResponse;
  }

  /** A customer with its first secret, which is shown this once. */
  async create({ name, role, quotas }: CreateCustomer): Promise<{ customer: CustomerResponse; credential: NewCredentialResponse }> {
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
    const { count } = await this.prisma.customer.deleteMany({
      where: { id: customerId, projects: { none: { streams: { some: { state: { not: 'ended' } } } } } },
    });
    if (count === 0) throw new ConflictException('Streams of this customer are running; end them first.');
  }

  async find(caller: Caller, customerId: string): Promise<Customer> {
    const isVisible = caller.role === 'operator' || caller.customerId === customerId;
    const row = isVisible ? await this.prisma.customer.findUnique({ where: { id: customerId } }) : null;
    if (row === null) throw new NotFoundException('This customer does not exist.');
    return row;
  }

  private async withUsage(rows: Customer[]): Promise<CustomerResponse[]> {
    const usage = await this.prisma.$queryRaw<{ id: string; projects: number; streams: number }[]>`
      SELECT customer_id AS id, count(*)::int AS projects,
        (sum((SELECT count(*) FROM streams WHERE streams.project_id = projects.id AND state <> 'ended')))::int AS streams
      FROM projects WHERE customer_id = ANY(${rows.map(({ id }) => id)}) GROUP BY customer_id`;
    const of = new Map(usage.map(({ id, projects, streams }) => [id, { projects, streams }]));
    return rows.map((row) => toCustomerResponse(row, this.quotas.of(row), of.get(row.id) ?? { projects: 0, streams: 0 }));
  }
}

/** Absent keeps, null gives back the service's default. */
function merged(stored: Prisma.JsonValue, changes: QuotaChanges = {}): Prisma.InputJsonObject {
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  const all = Object.entries({ ...(stored as Record<string, number>), ...Object.fromEntries(given) });
  return Object.fromEntries(all.filter(([, value]) => value !== null)) as Prisma.InputJsonObject;
}
