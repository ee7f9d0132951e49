import { IsIn, IsInt, IsString, Length, Max, Min } from 'class-validator';
import { Role, type Credential, type Customer } from '#libs/db';
import { IsNested, MayBeAbsent, MayBeAbsentOrNull } from '../../http/validation.js';
import type { Quotas } from './quotas.js';

const MAX = 1_000_000;

/** Each may be null: back to the service's default. */
export class QuotaChanges implements Partial<Record<keyof Quotas, number | null>> {
  @MayBeAbsentOrNull()
  @IsInt()
  @Min(0)
  @Max(MAX)
  projects?: number | null;

  @MayBeAbsentOrNull()
  @IsInt()
  @Min(1)
  @Max(MAX)
  entryPoints?: number | null;

  @MayBeAbsentOrNull()
  @IsInt()
  @Min(0)
  @Max(MAX)
  streams?: number | null;

  @MayBeAbsentOrNull()
  @IsInt()
  @Min(0)
  @Max(50)
  transfersPerStream?: number | null;

  @MayBeAbsentOrNull()
  @IsInt()
  @Min(1)
  @Max(MAX)
  callbacksPerMinute?: number | null;
}

export class CreateCustomer {
  @IsString()
  @Length(1, 100)
  name: string;

  @MayBeAbsent()
  @IsIn(Object.values(Role))
  role: Role = 'customer';

  @MayBeAbsent()
  @IsNested(() => QuotaChanges)
  quotas?: QuotaChanges;
}

export class UpdateCustomer {
  @MayBeAbsent()
  @IsString()
  @Length(1, 100)
  name?: string;

  @MayBeAbsent()
  @IsNested(() => QuotaChanges)
  quotas?: QuotaChanges;
}

export class CreateCredential {
  @MayBeAbsent()
  @IsString()
  @Length(0, 100)
  label = '';

  /** Seconds from now; absent: it does not expire. */
  @MayBeAbsent()
  @IsInt()
  @Min(60)
  @Max(10 * 365 * 86_400)
  expiresIn?: number;
}

export class RotateCredential {
  /** Seconds for which the old secret stays valid beside the new one. */
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(30 * 86_400)
  overlap = 3600;
}

export interface CustomerResponse {
  customerId: string;
  name: string;
  role: Role;
  quotas: Quotas;
  usage: { projects: number; streams: number };
  createdAt: string;
}

export interface CredentialResponse {
  id: string;
  label: string;
  createdAt: string;
  /** To the minute. */
  lastUsedAt: string | null;
  expiresAt: string | null;
}

/** The only answer that holds the secret. */
export interface NewCredentialResponse extends CredentialResponse {
  secret: string;
}

export function toCustomerResponse(row: Customer, quotas: Quotas, usage: CustomerResponse['usage']): CustomerResponse {
  return { customerId: row.id, name: row.name, role: row.role, quotas, usage, createdAt: row.createdAt.toISOString() };
}

export function toCredentialResponse(row: Credential): CredentialResponse {
  const { id, label, createdAt, lastUsedAt, expiresAt } = row;
  return {
    id,
    label,
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
    expiresAt: expiresAt?.toISOString() ?? null,
  };
}
