// Bodies and answers of /rest-api/push. The vendor's clients send more than is documented, and numbers as text: push.dto.ts reads them.
import { component, flag, partial, record, text, whole, type Schema, type Shape } from '../../openapi/schema.js';

/** Narrows a stream's name down to one project or entry point; the vendor has neither. */
const place = { appId: text('The project, where a stream name is ambiguous.'), entryPoint: text() };
const size: Schema<number | string> = { type: ['integer', 'string'] };
const anything: Schema<object> = { type: 'object' };
const id = { mediaSessionId: text() };

export const PushStartup = component('PushStartup', {
  ...partial({
    ...place,
    streamName: text(),
    rtmpUrl: text(),
    rtmpTransponderFullUrl: flag(),
    rtmpFlashVersion: text(),
    width: size,
    height: size,
    fps: size,
    keyFrameInterval: size,
    bitrate: size,
    options: anything,
  }),
  required: ['streamName', 'rtmpUrl'],
});

export const PushFilter = component('PushFilter', partial({ ...place, streamName: text(), rtmpUrl: text() }));
export type Filter = Shape<typeof PushFilter>;
export type Place = Pick<Filter, keyof typeof place>;

export const PushId = component('PushId', { ...partial(id), required: ['mediaSessionId'] });

export const PushSound = component('PushSound', {
  ...partial({ ...id, soundFile: text('Name of a WAV file in the media folder of the project.'), loop: flag() }),
  required: ['mediaSessionId', 'soundFile'],
});

/** Answer of startup, find and find_all, in the order of the vendor's documentation. */
export const TransponderResponse = component(
  'Transponder',
  record({
    mediaSessionId: text('', { pattern: '^[0-9a-v]{26}$' }),
    streamName: text('The name on the RTMP server.'),
    rtmpUrl: text(),
    width: whole('0 while not known.'),
    height: whole('0 while not known.'),
    muted: flag(),
    soundEnabled: flag(),
    options: anything,
  }),
);
export type TransponderResponse = Shape<typeof TransponderResponse>;
