// Flashphoner's API.
import { body, flag, listOf, orNull, record, text, whole, type Schema } from '../schema.js';

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
const picture = Object.fromEntries(
  ['width', 'height', 'fps', 'keyFrameInterval', 'bitrate'].map((name) => [name, { type: ['integer', 'string'] }]),
);

export const FLASHPHONER: Record<string, Schema> = {
  PushSettings: record({
    ...pushSettings,
    republish: listOf(record({ url: text(), parameters: { type: 'object', additionalProperties: text() } })),
    appUrl: orNull(text('Base URL of the REST hooks.')),
    hasHookSecret: flag(),
  }),
  UpdatePushSettings: {
    ...body({
      ...Object.fromEntries(Object.entries(pushSettings).map(([name, schema]) => [name, orNull(schema)])),
      republish: orNull(
        listOf(
          body(
            {
              url: text('Server and application; the stream name follows.'),
              parameters: { type: 'object', additionalProperties: text() },
            },
            ['url'],
          ),
          { maxItems: 10 },
        ),
      ),
      appUrl: orNull(text('http:// or https://, without a query.')),
      hookSecret: orNull(text('Signs the hooks; never shown again.', { minLength: 8, maxLength: 256 })),
    }),
    description: "Absent keeps, null returns to the service's default.",
  },
  RestApiError: record({
    exception: text(),
    reason: text(),
    path: text(),
    error: text(),
    message: text(),
    timestamp: whole(),
    status: whole(),
  }),
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
  PushStartup: {
    ...vendor({
      ...place,
      streamName: text(),
      rtmpUrl: text(),
      rtmpTransponderFullUrl: flag(),
      rtmpFlashVersion: text(),
      ...picture,
      options: { type: 'object' },
    }),
    required: ['streamName', 'rtmpUrl'],
  },
  PushFilter: vendor({ ...place, streamName: text(), rtmpUrl: text() }),
  PushId: { ...vendor({ mediaSessionId: text() }), required: ['mediaSessionId'] },
  PushSound: {
    ...vendor({
      mediaSessionId: text(),
      soundFile: text('Name of a WAV file in the media folder of the project.'),
      loop: flag(),
    }),
    required: ['mediaSessionId', 'soundFile'],
  },
};
