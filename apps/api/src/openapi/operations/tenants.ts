// Customers, projects, entry points, and who is signed in.
import { PROJECT, FLS, ENTRY_POINT, CUSTOMER, page, pageOf, type Operation } from '../operation.js';
import { listOf, record, ref, text, whole } from '../schema.js';

export const session: Operation[] = [
  { method: 'post', path: '/session', tag: 'Dashboard', summary: 'Sign in', body: 'SignIn', answers: { 200: ref('Session') }, refusals: [401, 403, 413, 415, 429], isPublic: true, isCounted: true },
  { method: 'get', path: '/session', tag: 'Dashboard', summary: 'Who is signed in', answers: { 200: ref('Session') }, refusals: [401, 429], isPublic: true },
  { method: 'delete', path: '/session', tag: 'Dashboard', summary: 'Sign out', answers: { 204: null }, isPublic: true },
  { method: 'delete', path: '/session/all', tag: 'Dashboard', summary: 'Sign out everywhere', answers: { 204: null } },
];

export const customers: Operation[] = [
  { method: 'get', path: '/v1/me', tag: 'Customers', summary: 'Who asks, with quotas and usage', answers: { 200: ref('Customer') } },
  { method: 'get', path: '/v1/customers', tag: 'Customers', summary: 'List customers (operators)', query: page, answers: { 200: pageOf('customers', 'Customer') }, isOperators: true },
  { method: 'post', path: '/v1/customers', tag: 'Customers', summary: 'Add a customer with a first secret (operators)', body: 'CreateCustomer', answers: { 201: ref('NewCustomer') }, isOperators: true },
  { method: 'get', path: CUSTOMER, tag: 'Customers', summary: 'A customer', answers: { 200: ref('Customer') } },
  { method: 'patch', path: CUSTOMER, tag: 'Customers', summary: 'Change name and quotas (operators)', body: 'UpdateCustomer', answers: { 200: ref('Customer') }, isOperators: true },
  { method: 'delete', path: CUSTOMER, tag: 'Customers', summary: 'Delete a customer with all that is its own (operators)', answers: { 204: null }, refusals: [409], isOperators: true },
  { method: 'get', path: `${CUSTOMER}/credentials`, tag: 'Customers', summary: 'Valid secrets, without the secrets', answers: { 200: record({ credentials: listOf(ref('Credential')) }) } },
  { method: 'post', path: `${CUSTOMER}/credentials`, tag: 'Customers', summary: 'Make a secret', body: 'CreateCredential', answers: { 201: ref('NewCredential') }, refusals: [409] },
  {
    method: 'post',
    path: `${CUSTOMER}/credentials/{credentialId}/rotate`,
    tag: 'Customers',
    summary: 'Replace a secret; the old one stays valid for a while',
    body: 'Overlap',
    answers: { 201: ref('NewCredential') },
    refusals: [409],
  },
  { method: 'delete', path: `${CUSTOMER}/credentials/{credentialId}`, tag: 'Customers', summary: 'Revoke a secret at once', answers: { 204: null }, refusals: [409] },
];

export const projects: Operation[] = [
  { method: 'get', path: '/v1/projects', tag: 'Projects', summary: 'List projects', query: { ...page, limit: whole('At most so many.', { minimum: 1, maximum: 1000, default: 1000 }), q: text('Only projects whose name contains this, in upper or lower case.', { maxLength: 100 }) }, answers: { 200: pageOf('projects', 'Project') } },
  { method: 'post', path: '/v1/projects', tag: 'Projects', summary: 'Add a project', body: 'CreateProject', answers: { 201: ref('Project') }, refusals: [403] },
  { method: 'get', path: PROJECT, tag: 'Projects', summary: 'A project', answers: { 200: ref('Project') } },
  { method: 'patch', path: PROJECT, tag: 'Projects', summary: 'Change name or key of signed publish URLs', body: 'UpdateProject', answers: { 200: ref('Project') } },
  { method: 'delete', path: PROJECT, tag: 'Projects', summary: 'Delete a project', answers: { 204: null }, refusals: [409] },
  { method: 'post', path: `${PROJECT}/rotate_signing_key`, tag: 'Projects', summary: 'Make all publish tokens of the project worthless', answers: { 204: null } },
  { method: 'get', path: `${PROJECT}/rest_keys`, tag: 'Flashphoner', summary: 'REST keys of the project, without the keys', answers: { 200: record({ restKeys: listOf(ref('RestKey')) }) } },
  { method: 'post', path: `${PROJECT}/rest_keys`, tag: 'Flashphoner', summary: 'Make a key for /rest-api/push that travels in the path', body: 'CreateRestKey', answers: { 201: ref('NewRestKey') } },
  { method: 'delete', path: `${PROJECT}/rest_keys/{restKeyId}`, tag: 'Flashphoner', summary: 'Revoke a REST key at once', answers: { 204: null } },
  { method: 'get', path: `${FLS}/entry_points`, tag: 'Entry points', summary: 'List entry points', answers: { 200: record({ entryPointList: listOf(ref('EntryPoint')) }) } },
  {
    method: 'post',
    path: `${FLS}/entry_points`,
    tag: 'Entry points',
    summary: 'Add an entry point',
    query: { id: text("The name, in Agora's form.") },
    body: 'EntryPointName',
    answers: { 201: ref('EntryPoint') },
    refusals: [403, 409],
  },
  { method: 'get', path: ENTRY_POINT, tag: 'Entry points', summary: 'An entry point', answers: { 200: ref('EntryPoint') } },
  { method: 'patch', path: ENTRY_POINT, tag: 'Entry points', summary: 'Rename', body: 'EntryPointName', answers: { 200: ref('EntryPoint') }, refusals: [409] },
  { method: 'delete', path: ENTRY_POINT, tag: 'Entry points', summary: 'Delete; `live` stays', answers: { 200: null }, refusals: [409] },
  {
    method: 'post',
    path: `${ENTRY_POINT}/publish_tokens`,
    tag: 'Entry points',
    summary: 'Make a token for a publisher',
    body: 'CreatePublishToken',
    answers: { 201: ref('PublishToken') },
  },
];
