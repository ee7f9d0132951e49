// Customers, projects and entry points.
import { body, enumOf, flag, id, orNull, record, ref, text, time, whole, type Schema } from '../schema.js';

const quotas = {
  projects: whole('Projects.', { minimum: 0 }),
  entryPoints: whole('Entry points in each project.', { minimum: 1 }),
  streams: whole('Streams at the same time.', { minimum: 0 }),
  transfersPerStream: whole('Transfers of one stream at the same time.', { minimum: 0, maximum: 50 }),
  callbacksPerMinute: whole('Callbacks per minute.', { minimum: 1 }),
};

const credential = {
  id,
  label: text(),
  createdAt: time(),
  lastUsedAt: orNull(time('To the minute.')),
  expiresAt: orNull(time()),
};
const customer = {
  customerId: text('Customer ID of HTTP Basic.'),
  name: text(),
  role: enumOf(['customer', 'operator']),
  quotas: record(quotas),
  usage: record({ projects: whole(), streams: whole('That have not ended.') }),
  createdAt: time(),
};

export const TENANTS: Record<string, Schema> = {
  Session: record({ customerId: text(), name: text(), role: enumOf(['customer', 'operator']) }),
  SignIn: body(
    {
      customerId: text('', { minLength: 1, maxLength: 64 }),
      customerSecret: text('', { minLength: 1, maxLength: 256 }),
    },
    ['customerId', 'customerSecret'],
  ),
  Customer: record(customer),
  NewCustomer: record({ ...customer, credential: ref('NewCredential') }),
  CreateCustomer: body(
    {
      name: text('', { minLength: 1, maxLength: 100 }),
      role: enumOf(['customer', 'operator']),
      quotas: ref('QuotaChanges'),
    },
    ['name'],
  ),
  UpdateCustomer: body({ name: text('', { minLength: 1, maxLength: 100 }), quotas: ref('QuotaChanges') }),
  QuotaChanges: {
    ...body(
      Object.fromEntries(
        Object.entries(quotas).map(([name, schema]) => [name, orNull({ maximum: 1_000_000, ...schema })]),
      ),
    ),
    description: "Absent keeps, null gives back the service's default.",
  },
  Credential: record(credential),
  NewCredential: record({ ...credential, secret: text('Shown this once.') }),
  CreateCredential: body({
    label: text('', { maxLength: 100 }),
    expiresIn: whole('Seconds from now.', { minimum: 60, maximum: 315_360_000 }),
  }),
  Overlap: body({ overlap: whole('Seconds for which the old one stays valid.', { minimum: 0, maximum: 2_592_000 }) }),
  Project: record({
    appid: text('', { pattern: '^[0-9a-f]{32}$' }),
    name: text(),
    hasAuthKey: flag('Whether signed publish URLs are accepted.'),
    createdAt: time(),
  }),
  CreateProject: body({ name: text('', { minLength: 1, maxLength: 100 }) }, ['name']),
  UpdateProject: body({
    name: text('', { minLength: 1, maxLength: 100 }),
    authKey: orNull(
      text('Key of signed publish URLs (`?ts=&sign=`); null refuses them.', { minLength: 8, maxLength: 128 }),
    ),
  }),
  EntryPoint: record({
    name: text(),
    createdAt: time(),
    transfer: record({ enabled: flag(), callbackUrl: orNull(text()) }),
  }),
  EntryPointName: body({ name: text('', { pattern: '^[A-Za-z0-9_-]{1,64}$' }) }),
};
