import { IsIn, IsInt, IsString, Length, Max, Min } from 'class-validator';
import { Role, type Credential, type Customer } from '#libs/db';
import { IsNested, MayBeAbsent, MayBeAbsentOrNull } from '../../http/validation.js';
import { Describe, propertiesOf } from '../../openapi/request.js';
import {
  component,
  enumOf,
  id,
  listOf,
  orNull,
  pageOf,
  record,
  text,
  time,
  whole,
  type Schema,
  type Shape,
} from '../../openapi/schema.js';

const MAX = 1_000_000;

@Describe("Absent keeps, null gives back the service's default.")
export class QuotaChanges {
  @MayBeAbsentOrNull()
  @IsInt()
  @Min(0)
  @Max(MAX)
  @Describe('Projects.')
  projects?: number | null;

  @MayBeAbsentOrNull()
  @IsInt()
  @Min(1)
  @Max(MAX)
  @Describe('Entry points in each project.')
  entryPoints?: number | null;

  @MayBeAbsentOrNull()
  @IsInt()
  @Min(0)
  @Max(MAX)
  @Describe('Streams at the same time.')
  streams?: number | null;

  @MayBeAbsentOrNull()
  @IsInt()
  @Min(0)
  @Max(50)
  @Describe('Transfers of one stream at the same time.')
  transfersPerStream?: number | null;

  @MayBeAbsentOrNull()
  @IsInt()
  @Min(1)
  @Max(MAX)
  @Describe('Callbacks per minute.')
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

  @MayBeAbsent()
  @IsInt()
  @Min(60)
  @Max(10 * 365 * 86_400)
  @Describe('Seconds from now; absent: it does not expire.')
  expiresIn?: number;
}

export class RotateCredential {
  @MayBeAbsent()
  @IsInt()
  @Min(0)
  @Max(30 * 86_400)
  @Describe('Seconds for which the old secret stays valid beside the new one; 3600 when absent.')
  overlap = 3600;
}

/** A limit is what the operator's settings say, which may be more than can be asked for. */
const withoutMaximum = (schema: Schema<number>): Schema<number> =>
  Object.fromEntries(Object.entries(schema).filter(([keyword]) => keyword !== 'maximum'));
const { transfersPerStream, ...limits } = propertiesOf(QuotaChanges);
const quotas = record({
  projects: withoutMaximum(limits.projects),
  entryPoints: withoutMaximum(limits.entryPoints),
  streams: withoutMaximum(limits.streams),
  transfersPerStream,
  callbacksPerMinute: withoutMaximum(limits.callbacksPerMinute),
});
/** What a customer may have. */
export type Quotas = Shape<typeof quotas>;

const customer = {
  customerId: text('Customer ID of HTTP Basic.'),
  name: text(),
  role: enumOf(Object.values(Role)),
  quotas,
  usage: record({ projects: whole(), streams: whole('That have not ended.') }),
  createdAt: time(),
};
export const CustomerResponse = component('Customer', record(customer));
export type CustomerResponse = Shape<typeof CustomerResponse>;

const credential = {
  id,
  label: text(),
  createdAt: time(),
  lastUsedAt: orNull(time('To the minute.')),
  expiresAt: orNull(time()),
};
export const CredentialResponse = component('Credential', record(credential));
export type CredentialResponse = Shape<typeof CredentialResponse>;

/** The only answer that holds the secret. */
export const NewCredentialResponse = component(
  'NewCredential',
  record({ ...credential, secret: text('Shown this once.') }),
);
export type NewCredentialResponse = Shape<typeof NewCredentialResponse>;

export const NewCustomerResponse = component('NewCustomer', record({ ...customer, credential: NewCredentialResponse }));
export type NewCustomerResponse = Shape<typeof NewCustomerResponse>;

export const CustomerPage = pageOf('customers', CustomerResponse);
export type CustomerPage = Shape<typeof CustomerPage>;

export const CredentialsResponse = record({ credentials: listOf(CredentialResponse) });
export type CredentialsResponse = Shape<typeof CredentialsResponse>;

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
