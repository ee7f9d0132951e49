// Customers, projects, entry points, credentials, sessions at the dashboard.
import type { Answer } from '../app.js';
import { ask, type Calls, fls, idOf, live, PAGE, page, running, type Way } from './call.js';
import type { Installation, Tenant } from './installation.js';

/** An index finds parts of names; where that seems dearer, the names of all projects of a customer are read, of which the quota says how many there are. */
const NAMES = { buffers: 2500, because: 'parts of the names of 2,000 projects' };
/** Projects and running streams are counted for each row. */
const USAGES = { buffers: 10 * PAGE, because: `counts of ${PAGE} customers` };
const USAGE = 'streams that run are counted';

let names = 0;
const newName = (): string => `name-${(names += 1)}`;

/** A project of its own. */
export const newProject = async (by: Tenant): Promise<string> =>
  (await by.call('POST', '/v1/projects', { name: 'Made' }).then((answer) => answer.body as { appid: string })).appid;

const newEntryPoint = async (by: Tenant): Promise<string> => {
  const name = newName();
  await by.call('POST', fls(by, `entry_points?id=${name}`));
  return name;
};

/** A customer that the operator has made, as `<id>/<its second credential>`. */
const newCustomer = async (_: Tenant, { operator }: Installation): Promise<string> => {
  const made = await operator.call('POST', '/v1/customers', { name: 'Made' });
  const { customerId: id } = made.body as { customerId: string };
  const second = await operator.call('POST', `/v1/customers/${id}/credentials`, { label: 'second' });
  return `${id}/${idOf(second)}`;
};
const ofMade = (method: string, path: string, body?: unknown): Way => ({
  make: newCustomer,
  run: (_, made, { operator }) => {
    const [customer = '', credential = ''] = made.split('/');
    return operator.call(method, path.replace('{customer}', customer).replace('{credential}', credential), body);
  },
});

const signIn = (by: Tenant, { api }: Installation): Promise<Answer> =>
  api.anonymous(
    'POST',
    '/session',
    { customerId: by.id, customerSecret: by.secret },
    { 'content-type': 'application/json', 'x-manycast': 'dashboard' },
  );
const newCookie = async (by: Tenant, at: Installation): Promise<string> =>
  ((await signIn(by, at)).headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '';
const bySession = (method: string, path: string): Way => ({
  make: newCookie,
  run: (_, cookie, { api }) => api.anonymous(method, path, undefined, { cookie, 'x-manycast': 'dashboard' }),
});

/** Cursors of projects say when theirs was made. */
const projectsAt = (daysAgo: number): string => `cursor=${Date.now() - daysAgo * 86_400_000}.${'0'.repeat(32)}`;
const projects = (query: string): Way['run'] => ask('GET', () => `/v1/projects?limit=${PAGE}&${query}`);

export const tenantCalls: Calls = {
  'get /v1/projects': [
    { what: 'first page', run: projects(''), most: page() },
    { what: 'from the middle', run: projects(projectsAt(500)), most: page() },
    { what: 'the last', run: projects(projectsAt(0.0001)), most: page() },
    { what: 'whose name has a word', run: projects('q=project%2012'), most: NAMES },
    { what: 'whose name has what none has', run: projects('q=nobody'), most: NAMES },
    { what: 'more whose name has a word', run: projects(`q=ab1&${projectsAt(500)}`), most: NAMES },
    { what: 'whose name has a letter', run: projects('q=a'), most: NAMES },
  ],
  'post /v1/projects': [
    { run: ask('POST', () => '/v1/projects', { name: 'Another' }) },
    {
      what: 'with a key',
      run: (by) => by.call('POST', '/v1/projects', { name: 'Another' }, { 'idempotency-key': newName() }),
    },
  ],
  'get /v1/projects/{appid}': [{ run: ask('GET', ({ appid }) => `/v1/projects/${appid}`) }],
  'patch /v1/projects/{appid}': [{ run: ask('PATCH', ({ appid }) => `/v1/projects/${appid}`, { name: 'Renamed' }) }],
  'delete /v1/projects/{appid}': [{ make: newProject, run: ask('DELETE', (_, appid) => `/v1/projects/${appid}`) }],
  'post /v1/projects/{appid}/rotate_signing_key': [
    { make: newProject, run: ask('POST', (_, appid) => `/v1/projects/${appid}/rotate_signing_key`) },
  ],
  'get /v1/projects/{appid}/rest_keys': [{ run: ask('GET', ({ appid }) => `/v1/projects/${appid}/rest_keys`) }],
  'post /v1/projects/{appid}/rest_keys': [
    { make: newProject, run: ask('POST', (_, appid) => `/v1/projects/${appid}/rest_keys`, { label: 'page' }) },
  ],
  'delete /v1/projects/{appid}/rest_keys/{restKeyId}': [
    {
      make: async (by) => idOf(await by.call('POST', `/v1/projects/${by.appid}/rest_keys`, { label: 'page' })),
      run: ask('DELETE', ({ appid }, id) => `/v1/projects/${appid}/rest_keys/${id}`),
    },
  ],
  'get /v1/projects/{appid}/fls/entry_points': [{ run: ask('GET', (by) => fls(by, 'entry_points')), most: page() }],
  'post /v1/projects/{appid}/fls/entry_points': [
    { run: (by) => by.call('POST', fls(by, `entry_points?id=${newName()}`)) },
  ],
  'get /v1/projects/{appid}/fls/entry_points/{entryPoint}': [{ run: ask('GET', (by) => live(by)) }],
  'patch /v1/projects/{appid}/fls/entry_points/{entryPoint}': [
    {
      make: newEntryPoint,
      run: (by, name) => by.call('PATCH', fls(by, `entry_points/${name}`), { name: newName() }),
    },
  ],
  'delete /v1/projects/{appid}/fls/entry_points/{entryPoint}': [
    { make: newEntryPoint, run: ask('DELETE', (by, name) => fls(by, `entry_points/${name}`)) },
  ],
  'post /v1/projects/{appid}/fls/entry_points/{entryPoint}/publish_tokens': [
    { run: ask('POST', (by) => live(by, '/publish_tokens')) },
  ],
  'get /v1/me': [{ run: ask('GET', () => '/v1/me'), most: running(2, USAGE) }],
  'get /v1/customers': [
    { what: 'first page', run: ask('GET', () => `/v1/customers?limit=${PAGE}`), most: USAGES },
    { what: 'from the middle', run: ask('GET', () => `/v1/customers?limit=${PAGE}&cursor=8`), most: USAGES },
    // The big customer is the next of all.
    {
      what: 'the big customer',
      run: (by, _, { big }) => by.call('GET', `/v1/customers?limit=1&cursor=${big.id.slice(0, -1)}`),
      most: running(2, USAGE),
    },
  ],
  'post /v1/customers': [{ run: ask('POST', () => '/v1/customers', { name: 'Another' }) }],
  'get /v1/customers/{customerId}': [
    {
      run: (by, _, { big }) => by.call('GET', `/v1/customers/${by.what === 'operator' ? big.id : by.id}`),
      most: running(2, USAGE),
    },
  ],
  'patch /v1/customers/{customerId}': [ofMade('PATCH', '/v1/customers/{customer}', { name: 'Renamed' })],
  'delete /v1/customers/{customerId}': [ofMade('DELETE', '/v1/customers/{customer}')],
  'get /v1/customers/{customerId}/credentials': [{ run: ask('GET', ({ id }) => `/v1/customers/${id}/credentials`) }],
  'post /v1/customers/{customerId}/credentials': [
    ofMade('POST', '/v1/customers/{customer}/credentials', { label: 'x' }),
  ],
  'post /v1/customers/{customerId}/credentials/{credentialId}/rotate': [
    ofMade('POST', '/v1/customers/{customer}/credentials/{credential}/rotate', { overlap: 60 }),
  ],
  'delete /v1/customers/{customerId}/credentials/{credentialId}': [
    ofMade('DELETE', '/v1/customers/{customer}/credentials/{credential}'),
  ],
  'post /session': [{ run: (by, _, at) => signIn(by, at) }],
  'get /session': [bySession('GET', '/session')],
  'delete /session': [bySession('DELETE', '/session')],
  'delete /session/all': [bySession('DELETE', '/session/all')],
};
