// Every operation of the API. A test drives each of them, and every answer that any test gets is held against this.
import { listOf, orNull, record, ref, text, whole, type Schema } from './schemas.js';

/** One operation. */
export interface Operation {
  method: 'get' | 'post' | 'patch' | 'delete' | 'options';
  path: string;
  tag: string;
  summary: string;
  /** Name of the request body's schema. */
  body?: string;
  query?: Record<string, Schema>;
  headers?: Record<string, Schema>;
  /** Answers but for the ones that all operations share; null: no body. */
  answers: Record<number, Schema | null>;
  /** Refusals beyond the shared ones. */
  refusals?: number[];
  /** Response headers beyond those that all operations share, by status. */
  headersOut?: Record<number, string[]>;
  /** No credentials of a customer. */
  isPublic?: boolean;
  /** Counts against the requests per second although it is public: it tells whose it is by its body. */
  isCounted?: boolean;
  /** Does not exist for customers. */
  isOperators?: boolean;
  /** Of bodies that are not JSON. */
  mediaType?: string;
  requestMediaType?: string;
}

const PROJECT = '/v1/projects/{appid}';
const FLS = `${PROJECT}/fls`;
const ENTRY_POINT = `${FLS}/entry_points/{entryPoint}`;
const STREAM = `${FLS}/streams/{streamId}`;
const TRANSFER = `${STREAM}/transfers/{transferId}`;
const CUSTOMER = '/v1/customers/{customerId}';

const page = { limit: whole('At most so many.', { minimum: 1, maximum: 200, default: 50 }), cursor: text('`nextCursor` of the page before.') };
const pageOf = (name: string, of: string): Schema => record({ [name]: listOf(ref(of)), nextCursor: orNull(text()) });
const streamId = { streamId: text('Only what belongs to this stream.', { format: 'uuid' }) };
const states = text('', { enum: ['starting', 'connecting', 'live', 'reconnecting', 'ended'] });
const ifMatch = { 'If-Match': text('ETag of the settings that the change is meant for.') };
const lastEventId = text('The id of the last message that was read: begin with what happened since, each event once.');
const feed = {
  headers: { 'Last-Event-ID': lastEventId },
  query: { lastEventId, figuresOf: text('Ids of up to 100 streams, separated by commas: figures of these only. Without, of the newest 300 that run.') },
};
const FEED_MESSAGES = 'event; figures, every 2 s; heartbeat; reset, when more was missed than is sent again: read the history';

const session: Operation[] = [
  { method: 'post', path: '/session', tag: 'Dashboard', summary: 'Sign in', body: 'SignIn', answers: { 200: ref('Session') }, refusals: [401, 403, 413, 415, 429], isPublic: true, isCounted: true },
  { method: 'get', path: '/session', tag: 'Dashboard', summary: 'Who is signed in', answers: { 200: ref('Session') }, refusals: [401, 429], isPublic: true },
  { method: 'delete', path: '/session', tag: 'Dashboard', summary: 'Sign out', answers: { 204: null }, isPublic: true },
  { method: 'delete', path: '/session/all', tag: 'Dashboard', summary: 'Sign out everywhere', answers: { 204: null } },
];

const customers: Operation[] = [
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

const projects: Operation[] = [
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

const BANNED = `${ENTRY_POINT}/admin/banned_streams`;
const STREAM_AUTH = `${FLS}/settings/streamauth/webhook`;
const agora: Operation[] = [
  { method: 'get', path: BANNED, tag: 'Agora', summary: 'Banned stream names', answers: { 200: record({ bannedStreamList: listOf(ref('BannedStream')) }) } },
  { method: 'patch', path: `${BANNED}/{streamName}`, tag: 'Agora', summary: 'Ban a stream name; a stream of this name that runs is ended', body: 'BanStream', answers: { 200: ref('BannedStream') }, refusals: [409] },
  { method: 'delete', path: `${BANNED}/{streamName}`, tag: 'Agora', summary: 'Unban a stream name', answers: { 200: null } },
  { method: 'get', path: `${ENTRY_POINT}/reports/online_streams`, tag: 'Agora', summary: 'Streams that are online', answers: { 200: record({ streamList: listOf(record({ name: text(), startTime: text('First media.', { format: 'date-time' }) })) }) } },
  { method: 'get', path: `${ENTRY_POINT}/reports/online_streams/{streamName}`, tag: 'Agora', summary: 'Since when a stream is online; 404 when it is not', answers: { 200: record({ startTime: text('First media.', { format: 'date-time' }) }) } },
  {
    method: 'get',
    path: `${ENTRY_POINT}/reports/publish_history`,
    tag: 'Agora',
    summary: 'Streams that have ended, the latest end first (1000 at most)',
    query: { start_time: text('RFC 3339; 60 days before end_time when absent.'), end_time: text('RFC 3339; now when absent.'), stream_name: text() },
    answers: { 200: record({ publishHistory: listOf(ref('PublishInfo')) }) },
  },
  { method: 'get', path: STREAM_AUTH, tag: 'Agora', summary: 'Whom to ask before a publisher is let in', answers: { 200: ref('StreamAuth') } },
  { method: 'patch', path: STREAM_AUTH, tag: 'Agora', summary: 'Change it', body: 'UpdateStreamAuth', answers: { 200: ref('StreamAuth') } },
];

const settings: Operation[] = [
  { method: 'get', path: `${ENTRY_POINT}/settings/transfer`, tag: 'Transfer settings', summary: 'Read (as Agora)', answers: { 200: ref('TransferSettings') }, headersOut: { 200: ['ETag'] } },
  {
    method: 'patch',
    path: `${ENTRY_POINT}/settings/transfer`,
    tag: 'Transfer settings',
    summary: 'Change (as Agora)',
    body: 'UpdateTransferSettings',
    headers: ifMatch,
    answers: { 200: ref('TransferSettings') },
    headersOut: { 200: ['ETag'] },
    refusals: [412],
  },
  {
    method: 'post',
    path: `${ENTRY_POINT}/settings/transfer/test`,
    tag: 'Transfer settings',
    summary: 'Send a real callback, and show what would be forwarded',
    body: 'TestTransfer',
    answers: { 200: ref('TestResult') },
    refusals: [409],
  },
  {
    method: 'get',
    path: `${ENTRY_POINT}/settings/transfer/secrets`,
    tag: 'Transfer settings',
    summary: 'Secrets that sign the callbacks, without the secrets',
    answers: { 200: record({ secrets: listOf(ref('CallbackSecret')) }) },
  },
  {
    method: 'post',
    path: `${ENTRY_POINT}/settings/transfer/secrets/rotate`,
    tag: 'Transfer settings',
    summary: 'Make a new signing secret',
    body: 'Overlap',
    answers: { 201: ref('NewCallbackSecret') },
    refusals: [409],
  },
  {
    method: 'get',
    path: `${ENTRY_POINT}/callbacks`,
    tag: 'Transfer settings',
    summary: 'What your server answered, attempt by attempt',
    query: { ...page, ...streamId },
    answers: { 200: pageOf('deliveries', 'Delivery') },
  },
  {
    method: 'post',
    path: `${ENTRY_POINT}/callbacks/{deliveryId}/replay`,
    tag: 'Transfer settings',
    summary: 'Ask again where the stream of a delivery goes',
    answers: { 202: null },
    refusals: [409],
  },
];

const streams: Operation[] = [
  {
    method: 'get',
    path: `${FLS}/streams`,
    tag: 'Streams',
    summary: 'List streams, newest first',
    query: { ...page, entry_point: text(), state: states },
    answers: { 200: pageOf('streams', 'Stream') },
  },
  { method: 'get', path: STREAM, tag: 'Streams', summary: 'A stream', answers: { 200: ref('Stream') } },
  { method: 'delete', path: STREAM, tag: 'Streams', summary: 'End a stream', answers: { 204: null } },
  { method: 'get', path: `${STREAM}/thumbnail`, tag: 'Streams', summary: 'A picture of the last seconds', answers: { 200: text('', { format: 'binary' }) }, mediaType: 'image/jpeg' },
  {
    method: 'get',
    path: `${STREAM}/transfers`,
    tag: 'Transfers',
    summary: 'Where a stream goes, oldest first',
    query: { ...page, limit: whole('At most so many.', { minimum: 1, maximum: 1000, default: 200 }) },
    answers: { 200: pageOf('transfers', 'Transfer') },
  },
  {
    method: 'post',
    path: `${STREAM}/transfers`,
    tag: 'Transfers',
    summary: 'Forward to one more URL',
    body: 'CreateTransfer',
    answers: { 201: ref('Transfer') },
    refusals: [403, 409],
  },
  { method: 'get', path: TRANSFER, tag: 'Transfers', summary: 'A transfer', answers: { 200: ref('Transfer') } },
  {
    method: 'patch',
    path: TRANSFER,
    tag: 'Transfers',
    summary: 'Mute, pause, insert a sound, transcode, or change the URL',
    body: 'UpdateTransfer',
    answers: { 200: ref('Transfer') },
    refusals: [409],
  },
  { method: 'delete', path: TRANSFER, tag: 'Transfers', summary: 'End a transfer', answers: { 204: null } },
  { method: 'post', path: `${TRANSFER}/retry`, tag: 'Transfers', summary: 'Try now instead of at nextRetryAt', answers: { 202: null }, refusals: [409] },
  { method: 'get', path: `${FLS}/events`, tag: 'Events', summary: 'What happened, newest first', query: { ...page, ...streamId }, answers: { 200: pageOf('events', 'Event') } },
  {
    method: 'get',
    path: `${FLS}/events/stream`,
    tag: 'Events',
    summary: `What happens, as it happens (Server-Sent Events: ${FEED_MESSAGES})`,
    ...feed,
    answers: { 200: text() },
    mediaType: 'text/event-stream',
  },
];

const operator: Operation[] = [
  { method: 'get', path: '/v1/nodes', tag: 'Operation', summary: 'Worker nodes (operators)', answers: { 200: record({ nodes: listOf(ref('Node')) }) }, isOperators: true },
  { method: 'get', path: '/v1/queues', tag: 'Operation', summary: 'Jobs (operators)', answers: { 200: record({ queues: listOf(ref('Queue')) }) }, isOperators: true },
  {
    method: 'get',
    path: '/v1/history',
    tag: 'Operation',
    summary: 'A point per minute (operators)',
    isOperators: true,
    query: { minutes: whole('', { minimum: 1, maximum: 1440, default: 60 }) },
    answers: { 200: record({ points: listOf(ref('HistoryPoint')) }) },
  },
  { method: 'get', path: '/v1/streams', tag: 'Operation', summary: 'Streams of all projects (operators)', query: { ...page, state: states }, answers: { 200: pageOf('streams', 'Stream') }, isOperators: true },
  {
    method: 'get',
    path: '/v1/events/stream',
    tag: 'Operation',
    summary: 'What happens in all projects (operators)',
    isOperators: true,
    ...feed,
    answers: { 200: text() },
    mediaType: 'text/event-stream',
  },
  { method: 'get', path: '/metrics', tag: 'Operation', summary: 'For Prometheus (operators, or METRICS_TOKEN)', answers: { 200: text() }, mediaType: 'text/plain', isOperators: true },
  { method: 'get', path: '/healthz', tag: 'Operation', summary: 'The process answers', answers: { 200: ref('Health') }, isPublic: true },
  { method: 'get', path: '/readyz', tag: 'Operation', summary: 'Postgres and Redis answer as well', answers: { 200: ref('Health'), 503: ref('Health') }, isPublic: true },
  { method: 'get', path: '/openapi.json', tag: 'Operation', summary: 'This document', answers: { 200: { type: 'object' } }, isPublic: true },
];

const SDP = 'application/sdp';
const FRAGMENT = 'application/trickle-ice-sdpfrag';
const WHIP = '/whip/{appid}/{entryPoint}/{streamName}';
const SESSION = '/whip/sessions/{session}';
const signedUrl = { token: text('Passed on to the server of settings/streamauth/webhook.'), ts: text('Of a signed publish URL: Unix time, s, up to which it is good.'), sign: text('`md5(authKey + "/{entryPoint}/{streamName}" + ts)`') };
const whip: Operation[] = [
  {
    method: 'post',
    path: WHIP,
    tag: 'WHIP',
    summary: 'Publish (RFC 9725), with a publish token as Bearer token or a signed URL',
    query: signedUrl,
    headers: { 'Manycast-Rtmp-Url': text('An RTMP URL to push to as well, where the settings let publishers do so; Manycast-Rtmp-Error says why it is not.') },
    requestMediaType: SDP,
    answers: { 201: text() },
    mediaType: SDP,
    headersOut: { 201: ['Location', 'ETag', 'Accept-Patch', 'Link', 'Manycast-Rtmp-Error'] },
    refusals: [401, 403, 406, 409, 413, 415, 422, 429, 504],
    isPublic: true,
  },
  { method: 'get', path: WHIP, tag: 'WHIP', summary: 'Reserved by RFC 9725', answers: { 204: null }, isPublic: true },
  { method: 'delete', path: WHIP, tag: 'WHIP', summary: 'End what the same token or signed URL has begun under this name', query: signedUrl, answers: { 200: null }, refusals: [401, 403, 410, 429], isPublic: true },
  { method: 'options', path: WHIP, tag: 'WHIP', summary: 'CORS and ICE servers', answers: { 200: null }, headersOut: { 200: ['Accept-Post', 'Link'] }, isPublic: true },
  {
    method: 'patch',
    path: SESSION,
    tag: 'WHIP',
    summary: 'Candidates, or an ICE restart',
    requestMediaType: FRAGMENT,
    answers: { 200: text(), 204: null },
    mediaType: FRAGMENT,
    headersOut: { 200: ['ETag'] },
    refusals: [409, 410, 412, 413, 415, 422, 428, 429, 504],
    isPublic: true,
  },
  { method: 'get', path: SESSION, tag: 'WHIP', summary: 'Whether the session runs', answers: { 204: null }, refusals: [410, 429], isPublic: true },
  { method: 'delete', path: SESSION, tag: 'WHIP', summary: 'End the session', answers: { 200: null }, refusals: [410, 429], isPublic: true },
  { method: 'options', path: SESSION, tag: 'WHIP', summary: 'CORS', answers: { 200: null }, headersOut: { 200: ['Accept-Patch'] }, isPublic: true },
];

const PUSH = '/rest-api/push';
const push: Operation[] = [
  { method: 'get', path: `${ENTRY_POINT}/settings/push`, tag: 'Flashphoner', summary: 'Settings of republishing', answers: { 200: ref('PushSettings') } },
  { method: 'patch', path: `${ENTRY_POINT}/settings/push`, tag: 'Flashphoner', summary: 'Change them', body: 'UpdatePushSettings', answers: { 200: ref('PushSettings') } },
  { method: 'post', path: `${PUSH}/startup`, tag: 'Flashphoner', summary: 'Republish a running stream', body: 'PushStartup', answers: { 200: ref('Transponder') } },
  { method: 'post', path: `${PUSH}/find`, tag: 'Flashphoner', summary: 'By name and URL', body: 'PushFilter', answers: { 200: listOf(ref('Transponder')) } },
  { method: 'get', path: `${PUSH}/find_all`, tag: 'Flashphoner', summary: 'All', answers: { 200: listOf(ref('Transponder')) } },
  { method: 'post', path: `${PUSH}/find_all`, tag: 'Flashphoner', summary: 'All', body: 'PushFilter', answers: { 200: listOf(ref('Transponder')) } },
  ...['terminate', 'mute', 'unmute', 'sound_off'].map((name): Operation => ({ method: 'post', path: `${PUSH}/${name}`, tag: 'Flashphoner', summary: name, body: 'PushId', answers: { 200: null } })),
  { method: 'post', path: `${PUSH}/sound_on`, tag: 'Flashphoner', summary: 'Insert a sound', body: 'PushSound', answers: { 200: null } },
];

export const OPERATIONS: Operation[] = [...projects, ...settings, ...streams, ...whip, ...push, ...agora, ...customers, ...session, ...operator];
