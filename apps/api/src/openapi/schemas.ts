// The shapes of requests and answers, as JSON Schema 2020-12 (OpenAPI 3.1).

/** A JSON Schema. */
export type Schema = Record<string, unknown>;

export const text = (description?: string, more: Schema = {}): Schema => ({ type: 'string', ...(description ? { description } : {}), ...more });
export const whole = (description?: string, more: Schema = {}): Schema => ({ type: 'integer', ...(description ? { description } : {}), ...more });
export const decimal = (description?: string): Schema => ({ type: 'number', ...(description ? { description } : {}) });
export const flag = (description?: string): Schema => ({ type: 'boolean', ...(description ? { description } : {}) });
export const listOf = (items: Schema, more: Schema = {}): Schema => ({ type: 'array', items, ...more });
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
export function orNull(schema: Schema): Schema {
  if ('$ref' in schema) return { oneOf: [schema, { type: 'null' }] };
  const values = Array.isArray(schema.enum) ? { enum: [...(schema.enum as unknown[]), null] } : {};
  return { ...schema, ...values, type: [...new Set([schema.type, 'null'].flat())] };
}
/** An answer: every property is there, and no other. */
export const record = (properties: Record<string, Schema>, optional: Record<string, Schema> = {}): Schema => ({
  type: 'object',
  properties: { ...properties, ...optional },
  required: Object.keys(properties),
  additionalProperties: false,
});
/** A request: what is required is named, and nothing unknown is taken. */
export const body = (properties: Record<string, Schema>, required: string[] = []): Schema => ({
  type: 'object',
  properties,
  ...(required.length > 0 ? { required } : {}),
  additionalProperties: false,
});
const time = (description?: string): Schema => text(description, { format: 'date-time' });
const id = text('', { format: 'uuid' });
const enumOf = (values: string[], description?: string): Schema => ({ type: 'string', enum: values, ...(description ? { description } : {}) });

const quotas = {
  projects: whole('Projects.', { minimum: 0 }),
  entryPoints: whole('Entry points in each project.', { minimum: 1 }),
  streams: whole('Streams at the same time.', { minimum: 0 }),
  transfersPerStream: whole('Transfers of one stream at the same time.', { minimum: 0, maximum: 50 }),
  callbacksPerMinute: whole('Callbacks per minute.', { minimum: 1 }),
};

const optionProperties: Record<string, Schema> = {
  muted: flag("Silence in place of the stream's audio."),
  paused: flag('Not forwarded for now.'),
  tlsVerify: flag("Verify the platform's certificate (rtmps); true unless switched off."),
  flashVer: text("What we claim to be in RTMP's connect.", { pattern: '^[ -~]{1,128}$' }),
  sendMetadata: flag('Send onMetaData; true unless switched off.'),
  sound: {
    oneOf: [record({ file: text('Name of a WAV file in the media folder of the project.'), loop: flag('For ever, or once.') }), { type: 'null' }],
    description: 'Replaces the audio.',
  },
  width: whole('Width of an encoded picture; needs a height.', { minimum: 16, maximum: 3840, multipleOf: 2 }),
  height: whole('Height of an encoded picture; alone, it keeps the aspect ratio.', { minimum: 16, maximum: 2160, multipleOf: 2 }),
  fps: whole('Pictures per second.', { minimum: 1, maximum: 60 }),
  keyFrameInterval: whole('Pictures between two key frames.', { minimum: 1, maximum: 600 }),
  bitrate: whole('kbit/s.', { minimum: 50, maximum: 20_000 }),
  bufferStartMs: whole('Stream time gathered before the first frame is sent, ms.', { minimum: 0, maximum: 10_000 }),
  bufferMaxMs: whole('The most stream time that may wait for a slow platform, ms.', { minimum: 500, maximum: 60_000 }),
  bufferPollMs: whole('With a bufferStartMs: frames leave as evenly as they were made, looked after this often, ms.', { minimum: 10, maximum: 1000 }),
  bufferRefills: whole('How often a buffer that ran empty is filled again; no limit when absent.', { minimum: 0, maximum: 1_000_000 }),
  reconnectAttempts: whole('Attempts in a row before the transfer is given up; no limit when absent.', { minimum: 0, maximum: 10_000 }),
  reconnectIntervalMs: whole('The same pause before every attempt, ms, instead of one that grows.', { minimum: 100, maximum: 600_000 }),
};
const nullable = Object.fromEntries(Object.entries(optionProperties).map(([name, schema]) => [name, name === 'sound' ? schema : orNull(schema)]));

const credential = { id, label: text(), createdAt: time(), lastUsedAt: orNull(time('To the minute.')), expiresAt: orNull(time()) };
const customer = {
  customerId: text('Customer ID of HTTP Basic.'),
  name: text(),
  role: enumOf(['customer', 'operator']),
  quotas: record(quotas),
  usage: record({ projects: whole(), streams: whole('That have not ended.') }),
  createdAt: time(),
};
const stream = {
  id,
  name: text(),
  entryPoint: text(),
  state: enumOf(['starting', 'connecting', 'live', 'reconnecting', 'ended']),
  reason: orNull(ref('Reason')),
  callback: record({ state: enumOf(['none', 'pending', 'answered', 'retrying', 'failed']), reason: orNull(ref('Reason')) }),
  transfers: { type: 'object', additionalProperties: whole(), description: 'How many transfers are in each state.' },
  createdAt: time(),
  startedAt: orNull(time('First media.')),
  endedAt: orNull(time()),
  figures: orNull(ref('InputFigures')),
};
const delivery = {
  id,
  kind: enumOf(['stream', 'test', 'replay', 'stream_auth']),
  streamId: orNull(id),
  attempt: whole('From 1.'),
  url: text('Without the values of its query.'),
  webhookId: orNull(text('The header webhook-id of the request.')),
  streamName: orNull(text('The stream_name that was asked about.')),
  status: orNull(whole('HTTP status, when there was an answer.')),
  outcome: text('`ok`, or the code of the reason.'),
  outcomeText: orNull(text('The sentence of the reason; null for `ok`.')),
  detail: orNull(text()),
  durationMs: whole(),
  timings: { type: 'object', properties: { dnsMs: whole(), connectMs: whole(), tlsMs: whole(), waitMs: whole(), readMs: whole() }, additionalProperties: false },
  answerHead: orNull(text('What the answer was like: the structure of its JSON with known words, and the hosts and applications of good URLs; else its kind, length and known words. All other values are hidden.')),
  createdAt: time(),
  nextAt: orNull(time('When the next attempt is due.')),
};
const restKey = { id, label: text(), createdAt: time(), lastUsedAt: orNull(time('To the minute.')), expiresAt: orNull(time()) };
const secretRow = { id, createdAt: time(), expiresAt: orNull(time()) };
const settings = {
  enabled: flag('Whether streams of this entry point are forwarded.'),
  callbackUrl: orNull(text('Where to ask: POST `{callbackUrl}?entry_point=&stream_name=`.')),
  useLastAnswer: flag('While the callback fails, use the last good answer for the same stream name.'),
  endsOnClose: flag('A publisher that closes its connection (DTLS close_notify) without a DELETE has left: its stream ends at once. Else it is waited for as one that was lost, for a page that is loaded again closes it too.'),
};

const pushSettings: Record<string, Schema> = {
  streamNamePrefix: text('Put before the name at the RTMP server.', { pattern: '^[A-Za-z0-9_.-]{0,32}$' }),
  fullUrl: flag('The last part of rtmpUrl is the name; none is added.'),
  passUrlParameters: flag('Parameters of the URL go into the connect.'),
  sendMetadata: flag('Send onMetaData.'),
  flashVersion: orNull(text('', { pattern: '^[ -~]{1,128}$' })),
  republishEnabled: flag('Republish every stream of this entry point to the servers below.'),
  reconnect: flag(),
  reconnectAttempts: orNull(whole('In a row; null: no limit.', { minimum: 1, maximum: 10_000 })),
  reconnectIntervalMs: orNull(whole('Null: a pause that grows.', { minimum: 100, maximum: 600_000 })),
  bufferEnabled: flag(),
  bufferStartSizeMs: whole('', { minimum: 0, maximum: 10_000 }),
  bufferInitialSizeMs: whole('', { minimum: 500, maximum: 60_000 }),
  bufferPollingTimeMs: whole('', { minimum: 10, maximum: 1000 }),
  bufferMaxBufferings: whole('-1: any number.', { minimum: -1, maximum: 1_000_000 }),
  localAddress: orNull(text('Where RTMP connections come from.')),
  publishersMayPush: flag('A page that publishes with the Web SDK may name an rtmpUrl.'),
};
/** The vendor's clients send more than is documented. */
const vendor = (properties: Record<string, Schema>): Schema => ({ type: 'object', properties });
const place = { appId: text('The project, where a stream name is ambiguous.'), entryPoint: text() };
const picture = Object.fromEntries(['width', 'height', 'fps', 'keyFrameInterval', 'bitrate'].map((name) => [name, { type: ['integer', 'string'] }]));

/** Everything that is named. */
export const SCHEMAS: Record<string, Schema> = {
  Problem: {
    type: 'object',
    description: 'RFC 9457, with `message` for clients of the API that this one is compatible with.',
    properties: {
      status: whole(),
      title: text(),
      detail: text('What to do about it.'),
      message: text('What is wrong.'),
      requestId: text(),
      code: text('Machine-readable reason, where the status alone is ambiguous.'),
      errors: listOf(record({ field: text(), message: text() }), { description: 'Every bad field.' }),
    },
    required: ['status', 'title', 'detail', 'message', 'requestId'],
    additionalProperties: false,
  },
  Reason: record({
    code: text('Machine-readable; never renamed.'),
    text: text('What happened, and the way out.'),
    blame: enumOf(['platform', 'customer', 'publisher', 'operator', 'service', 'nobody']),
    retryable: flag(),
    detail: orNull(text()),
  }),
  Session: record({ customerId: text(), name: text(), role: enumOf(['customer', 'operator']) }),
  SignIn: body({ customerId: text('', { minLength: 1, maxLength: 64 }), customerSecret: text('', { minLength: 1, maxLength: 256 }) }, ['customerId', 'customerSecret']),
  Customer: record(customer),
  NewCustomer: record({ ...customer, credential: ref('NewCredential') }),
  CreateCustomer: body({ name: text('', { minLength: 1, maxLength: 100 }), role: enumOf(['customer', 'operator']), quotas: ref('QuotaChanges') }, ['name']),
  UpdateCustomer: body({ name: text('', { minLength: 1, maxLength: 100 }), quotas: ref('QuotaChanges') }),
  QuotaChanges: {
    ...body(Object.fromEntries(Object.entries(quotas).map(([name, schema]) => [name, orNull({ maximum: 1_000_000, ...schema })]))),
    description: "Absent keeps, null gives back the service's default.",
  },
  Credential: record(credential),
  NewCredential: record({ ...credential, secret: text('Shown this once.') }),
  CreateCredential: body({ label: text('', { maxLength: 100 }), expiresIn: whole('Seconds from now.', { minimum: 60, maximum: 315_360_000 }) }),
  Overlap: body({ overlap: whole('Seconds for which the old one stays valid.', { minimum: 0, maximum: 2_592_000 }) }),
  Project: record({ appid: text('', { pattern: '^[0-9a-f]{32}$' }), name: text(), hasAuthKey: flag('Whether signed publish URLs are accepted.'), createdAt: time() }),
  CreateProject: body({ name: text('', { minLength: 1, maxLength: 100 }) }, ['name']),
  UpdateProject: body({
    name: text('', { minLength: 1, maxLength: 100 }),
    authKey: orNull(text('Key of signed publish URLs (`?ts=&sign=`); null refuses them.', { minLength: 8, maxLength: 128 })),
  }),
  EntryPoint: record({ name: text(), createdAt: time(), transfer: record({ enabled: flag(), callbackUrl: orNull(text()) }) }),
  EntryPointName: body({ name: text('', { pattern: '^[A-Za-z0-9_-]{1,64}$' }) }),
  TransferSettings: record(settings),
  UpdateTransferSettings: { ...body(settings), description: 'Absent keeps, null clears.' },
  TestTransfer: body({
    streamName: text('As if a stream of this name began.', { pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' }),
    callbackUrl: text('Instead of the stored one.'),
    probe: flag('Connect to each URL, up to the accepted publish; nothing is sent. Each counts as a callback; those for which the quota has no room are not tried (`quota_exceeded`).'),
  }),
  TestResult: record({
    delivery: record(delivery),
    transfers: listOf(record({ element: whole(), url: text(), options: ref('TransferOptions'), probe: orNull(ref('Probe')) })),
    bad: listOf(record({ element: whole(), message: text() }), { description: 'Elements of transferUrls that would not be forwarded to.' }),
  }),
  Probe: record({
    stage: enumOf(['address', 'tcp', 'tls', 'rtmp', 'publish', 'ok'], 'How far it came.'),
    ok: flag(),
    code: orNull(text()),
    text: text(),
    detail: orNull(text()),
    ms: whole(),
  }),
  CallbackSecret: record(secretRow),
  NewCallbackSecret: record({ ...secretRow, secret: text('`whsec_...` (Standard Webhooks); shown this once.') }),
  Delivery: record(delivery),
  BannedStream: record({ name: text(), resumeTime: time('From then on the name is free again.') }),
  BanStream: body({ resumeTime: text('RFC 3339; 7 days from now when absent.') }),
  PublishInfo: record({ name: text(), startTime: time('First media.'), endTime: time(), duration: whole('Seconds.') }),
  StreamAuth: record({ enabled: flag('Whether the server is asked before a publisher is let in.'), url: orNull(text()), hasSecret: flag() }),
  UpdateStreamAuth: {
    ...body({ enabled: flag(), url: orNull(text('http:// or https://; without a scheme, https://.', { maxLength: 2048 })), secret: orNull(text('Signs the questions (Agora-Signature, Agora-Signature-V2); never shown again.', { minLength: 1, maxLength: 256 })) }),
    description: 'Absent keeps, null clears.',
  },
  RestKey: record(restKey),
  NewRestKey: record({ ...restKey, key: text('Shown this once.'), baseUrl: text("In the place of a client's base URL: `{baseUrl}/rest-api/push/...`.") }),
  CreateRestKey: body({ label: text('', { maxLength: 100 }), expiresIn: whole('Seconds from now; without, it does not expire.', { minimum: 60, maximum: 315_360_000 }) }),
  CreatePublishToken: body({
    streamName: text('The only stream that may be published with it.', { pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' }),
    expiresIn: whole('Seconds from now.', { minimum: 60, maximum: 31_536_000 }),
  }),
  PublishToken: record({ token: text(), expiresAt: time(), whipUrl: text('Ends with `{stream_name}` when the token is for any.') }),
  Stream: record(stream, { node: orNull(text('Operators only.')), appid: text('In lists over all projects.'), customerId: text('In lists over all projects.'), customerName: text('In lists over all projects.'), projectName: text('In lists over all projects.') }),
  InputFigures: {
    type: 'object',
    description: 'Of the publication: live ones, or the last ones after its end.',
    properties: {
      bitrate: decimal('bit/s'),
      fps: decimal(),
      width: orNull(whole()),
      height: orNull(whole()),
      videoCodec: orNull(text()),
      audioCodec: orNull(text()),
      transcoded: orNull(enumOf(['codec', 'b_frames'], 'Why the pictures are encoded again for every platform.')),
      keyFrameIntervalMs: orNull(decimal()),
      packetsLost: whole(),
      jitterMs: orNull(decimal()),
      rttMs: orNull(decimal()),
      avSkewMs: orNull(decimal()),
    },
  },
  TransferFigures: {
    type: 'object',
    properties: {
      bytesSent: whole(),
      bytesAcked: orNull(whole('As the platform acknowledges in RTMP; null where it does not, or counts in a way of its own. A hint: nothing is decided by it.')),
      bitrate: decimal('bit/s'),
      fps: decimal(),
      videoFrames: whole(),
      audioFrames: whole(),
      droppedFrames: whole(),
      queuedBytes: whole(),
      queuedMs: decimal('Stream time that waits to be sent.'),
      reconnects: whole(),
      liveMs: decimal(),
    },
  },
  TransferOptions: { type: 'object', properties: optionProperties },
  Transfer: record({
    id,
    url: text('Without stream key and credentials.'),
    origin: text('Who wanted it: callback, last_answer, api or push.'),
    state: enumOf(['pending', 'connecting', 'live', 'reconnecting', 'paused', 'ended', 'failed']),
    reason: orNull(ref('Reason')),
    attempts: whole(),
    nextRetryAt: orNull(time()),
    liveAt: orNull(time('When the platform last accepted the publish.')),
    createdAt: time(),
    endedAt: orNull(time()),
    options: ref('TransferOptions'),
    figures: orNull(ref('TransferFigures')),
  }),
  CreateTransfer: body({ url: text('rtmp:// or rtmps://'), ...optionProperties }, ['url']),
  UpdateTransfer: { ...body({ url: text('rtmp:// or rtmps://'), ...nullable }), description: 'Absent keeps, null clears.' },
  Event: record({
    id: text('A number as text; the cursor.'),
    appid: text(),
    type: text('e.g. stream.live, transfer.state, callback.failed'),
    streamId: orNull(id),
    transferId: orNull(id),
    data: {
      type: 'object',
      description: 'What belongs to the type.',
      properties: {
        state: text('The new one.'),
        reason: orNull(text('Machine-readable.')),
        reasonText: text('The sentence to the reason.'),
        detail: orNull(text()),
        url: text('Without stream key and credentials.'),
        urls: whole('How many a callback has named.'),
      },
    },
    at: time(),
  }),
  PushSettings: record({ ...pushSettings, republish: listOf(record({ url: text(), parameters: { type: 'object', additionalProperties: text() } })), appUrl: orNull(text('Base URL of the REST hooks.')), hasHookSecret: flag() }),
  UpdatePushSettings: {
    ...body({
      ...Object.fromEntries(Object.entries(pushSettings).map(([name, schema]) => [name, orNull(schema)])),
      republish: orNull(listOf(body({ url: text('Server and application; the stream name follows.'), parameters: { type: 'object', additionalProperties: text() } }, ['url']), { maxItems: 10 })),
      appUrl: orNull(text('http:// or https://, without a query.')),
      hookSecret: orNull(text('Signs the hooks; never shown again.', { minLength: 8, maxLength: 256 })),
    }),
    description: "Absent keeps, null returns to the service's default.",
  },
  RestApiError: record({ exception: text(), reason: text(), path: text(), error: text(), message: text(), timestamp: whole(), status: whole() }),
  Transponder: record({
    mediaSessionId: text('', { pattern: '^[0-9a-v]{26}$' }),
    streamName: text('The name on the RTMP server.'),
    rtmpUrl: text(),
    width: whole('0 while not known.'),
    height: whole('0 while not known.'),
    muted: flag(),
    soundEnabled: flag(),
    options: { type: 'object' },
  }),
  PushStartup: { ...vendor({ ...place, streamName: text(), rtmpUrl: text(), rtmpTransponderFullUrl: flag(), rtmpFlashVersion: text(), ...picture, options: { type: 'object' } }), required: ['streamName', 'rtmpUrl'] },
  PushFilter: vendor({ ...place, streamName: text(), rtmpUrl: text() }),
  PushId: { ...vendor({ mediaSessionId: text() }), required: ['mediaSessionId'] },
  PushSound: { ...vendor({ mediaSessionId: text(), soundFile: text('Name of a WAV file in the media folder of the project.'), loop: flag() }), required: ['mediaSessionId', 'soundFile'] },
  Node: record({ nodeId: text(), slots: whole(), used: whole(), draining: flag('Takes no new streams.'), cpu: decimal('Of all cores of its machine, 0 to 1.'), version: text(), startedAt: time() }),
  Queue: record({ name: text(), waiting: whole(), active: whole(), delayed: whole(), failed: whole() }),
  HistoryPoint: record({
    at: time('Beginning of the minute.'),
    streams: whole(),
    transfersLive: whole(),
    transfersFailing: whole(),
    arrivals: whole(),
    callbacksOk: whole(),
    callbacksFailed: whole(),
  }),
  Health: record({ status: enumOf(['ok', 'unavailable']) }, { postgres: text(), redis: text() }),
};
