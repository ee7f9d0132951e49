// Every call that the page makes, by what it is about.
import { pathOf, request } from './client.js';
import type {
  CallbackSecret,
  CallbackTest,
  Credential,
  Customer,
  Delivery,
  EntryPoint,
  HistoryPoint,
  NewCredential,
  NodeStatus,
  Paged,
  Project,
  PublishToken,
  QueueCounts,
  Quotas,
  Role,
  Session,
  Stream,
  StreamEvent,
  StreamState,
  Transfer,
  TransferOptions,
  TransferSettings,
} from './types.js';

export * from './types.js';
export { ApiError, whenSignedOut } from './client.js';

type PageOf = { limit?: number; cursor?: string };
const PROJECT = '/v1/projects/{appid}';
const ENTRY_POINT = `${PROJECT}/fls/entry_points/{entryPoint}`;
const STREAM = `${PROJECT}/fls/streams/{streamId}`;
const CUSTOMER = '/v1/customers/{customerId}';

export const session = {
  get: () => request<Session>('GET', '/session'),
  signIn: (body: { customerId: string; customerSecret: string }) => request<Session>('POST', '/session', { body }),
  signOut: () => request<void>('DELETE', '/session'),
  signOutEverywhere: () => request<void>('DELETE', '/session/all'),
};

export const customers = {
  me: () => request<Customer>('GET', '/v1/me'),
  list: (query: PageOf) => request<Paged & { customers: Customer[] }>('GET', '/v1/customers', { query }),
  create: (body: { name: string; role?: Role; quotas?: Partial<Quotas> }) => request<Customer & { credential: NewCredential }>('POST', '/v1/customers', { body }),
  get: (customerId: string) => request<Customer>('GET', pathOf(CUSTOMER, { customerId })),
  change: (customerId: string, body: { name?: string; quotas?: Partial<Record<keyof Quotas, number | null>> }) =>
    request<Customer>('PATCH', pathOf(CUSTOMER, { customerId }), { body }),
  remove: (customerId: string) => request<void>('DELETE', pathOf(CUSTOMER, { customerId })),
};

export const credentials = {
  list: (customerId: string) => request<{ credentials: Credential[] }>('GET', pathOf(`${CUSTOMER}/credentials`, { customerId })),
  create: (customerId: string, body: { label?: string; expiresIn?: number }) =>
    request<NewCredential>('POST', pathOf(`${CUSTOMER}/credentials`, { customerId }), { body }),
  rotate: (customerId: string, credentialId: string, body: { overlap?: number }) =>
    request<NewCredential>('POST', pathOf(`${CUSTOMER}/credentials/{credentialId}/rotate`, { customerId, credentialId }), { body }),
  revoke: (customerId: string, credentialId: string) =>
    request<void>('DELETE', pathOf(`${CUSTOMER}/credentials/{credentialId}`, { customerId, credentialId })),
};

export const projects = {
  list: (query: PageOf = {}) => request<Paged & { projects: Project[] }>('GET', '/v1/projects', { query: { limit: 200, ...query } }),
  create: (body: { name: string }) => request<Project>('POST', '/v1/projects', { body }),
  change: (appid: string, body: { name?: string; authKey?: string | null }) => request<Project>('PATCH', pathOf(PROJECT, { appid }), { body }),
  remove: (appid: string) => request<void>('DELETE', pathOf(PROJECT, { appid })),
  rotateSigningKey: (appid: string) => request<void>('POST', pathOf(`${PROJECT}/rotate_signing_key`, { appid })),
};

export const entryPoints = {
  list: (appid: string) => request<{ entryPointList: EntryPoint[] }>('GET', pathOf(`${PROJECT}/fls/entry_points`, { appid })),
  create: (appid: string, name: string) => request<EntryPoint>('POST', pathOf(`${PROJECT}/fls/entry_points`, { appid }), { body: { name } }),
  remove: (appid: string, entryPoint: string) => request<void>('DELETE', pathOf(ENTRY_POINT, { appid, entryPoint })),
  settings: (appid: string, entryPoint: string) => request<TransferSettings>('GET', pathOf(`${ENTRY_POINT}/settings/transfer`, { appid, entryPoint })),
  changeSettings: (appid: string, entryPoint: string, body: Partial<TransferSettings>) =>
    request<void>('PATCH', pathOf(`${ENTRY_POINT}/settings/transfer`, { appid, entryPoint }), { body }),
  testCallback: (appid: string, entryPoint: string, body: { streamName?: string; callbackUrl?: string; probe?: boolean }) =>
    request<CallbackTest>('POST', pathOf(`${ENTRY_POINT}/settings/transfer/test`, { appid, entryPoint }), { body }),
  secrets: (appid: string, entryPoint: string) =>
    request<{ secrets: CallbackSecret[] }>('GET', pathOf(`${ENTRY_POINT}/settings/transfer/secrets`, { appid, entryPoint })),
  rotateSecret: (appid: string, entryPoint: string, body: { overlap?: number }) =>
    request<{ secret: string }>('POST', pathOf(`${ENTRY_POINT}/settings/transfer/secrets/rotate`, { appid, entryPoint }), { body }),
  publishToken: (appid: string, entryPoint: string, body: { streamName?: string; expiresIn?: number }) =>
    request<PublishToken>('POST', pathOf(`${ENTRY_POINT}/publish_tokens`, { appid, entryPoint }), { body }),
  deliveries: (appid: string, entryPoint: string, query: PageOf & { streamId?: string }) =>
    request<Paged & { deliveries: Delivery[] }>('GET', pathOf(`${ENTRY_POINT}/callbacks`, { appid, entryPoint }), { query }),
  replay: (appid: string, entryPoint: string, deliveryId: string) =>
    request<void>('POST', pathOf(`${ENTRY_POINT}/callbacks/{deliveryId}/replay`, { appid, entryPoint, deliveryId })),
};

export type StreamFilter = PageOf & { state?: StreamState; entry_point?: string };

export const streams = {
  /** Of one project, or of all customers (operators) when `appid` is null. */
  list: (appid: string | null, query: StreamFilter) =>
    request<Paged & { streams: Stream[] }>('GET', appid === null ? '/v1/streams' : pathOf(`${PROJECT}/fls/streams`, { appid }), { query }),
  get: (appid: string, streamId: string) => request<Stream>('GET', pathOf(STREAM, { appid, streamId })),
  kick: (appid: string, streamId: string) => request<void>('DELETE', pathOf(STREAM, { appid, streamId })),
  thumbnailUrl: (appid: string, streamId: string, version: number) => `${pathOf(`${STREAM}/thumbnail`, { appid, streamId })}?v=${version}`,
};

export const transfers = {
  /** All: a stream has no more, ever. */
  list: (appid: string, streamId: string) => request<Paged & { transfers: Transfer[] }>('GET', pathOf(`${STREAM}/transfers`, { appid, streamId }), { query: { limit: 1000 } }),
  add: (appid: string, streamId: string, body: { url: string } & TransferOptions) =>
    request<Transfer>('POST', pathOf(`${STREAM}/transfers`, { appid, streamId }), { body }),
  change: (appid: string, streamId: string, transferId: string, body: { url?: string } & TransferOptions) =>
    request<Transfer>('PATCH', pathOf(`${STREAM}/transfers/{transferId}`, { appid, streamId, transferId }), { body }),
  remove: (appid: string, streamId: string, transferId: string) =>
    request<void>('DELETE', pathOf(`${STREAM}/transfers/{transferId}`, { appid, streamId, transferId })),
  retry: (appid: string, streamId: string, transferId: string) =>
    request<void>('POST', pathOf(`${STREAM}/transfers/{transferId}/retry`, { appid, streamId, transferId })),
};

export const events = {
  list: (appid: string, query: PageOf & { streamId?: string }) =>
    request<Paged & { events: StreamEvent[] }>('GET', pathOf(`${PROJECT}/fls/events`, { appid }), { query }),
  feedUrl: (appid: string | null) => (appid === null ? '/v1/events/stream' : pathOf(`${PROJECT}/fls/events/stream`, { appid })),
};

export const operator = {
  nodes: () => request<{ nodes: NodeStatus[] }>('GET', '/v1/nodes'),
  queues: () => request<{ queues: QueueCounts[] }>('GET', '/v1/queues'),
  history: (minutes: number) => request<{ points: HistoryPoint[] }>('GET', '/v1/history', { query: { minutes } }),
};
