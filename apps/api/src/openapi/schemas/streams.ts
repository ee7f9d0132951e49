// Streams, transfers and events.
import { body, decimal, enumOf, flag, id, orNull, record, ref, text, time, whole, type Schema } from '../schema.js';

const optionProperties: Record<string, Schema> = {
  muted: flag("Silence in place of the stream's audio."),
  paused: flag('Not forwarded for now.'),
  tlsVerify: flag("Verify the platform's certificate (rtmps); true unless switched off."),
  flashVer: text("What we claim to be in RTMP's connect.", { pattern: '^[ -~]{1,128}$' }),
  sendMetadata: flag('Send onMetaData; true unless switched off.'),
  sound: {
    oneOf: [
      record({
        file: text('Name of a WAV file in the media folder of the project.'),
        loop: flag('For ever, or once.'),
      }),
      { type: 'null' },
    ],
    description: 'Replaces the audio.',
  },
  width: whole('Width of an encoded picture; needs a height.', { minimum: 16, maximum: 3840, multipleOf: 2 }),
  height: whole('Height of an encoded picture; alone, it keeps the aspect ratio.', {
    minimum: 16,
    maximum: 2160,
    multipleOf: 2,
  }),
  fps: whole('Pictures per second.', { minimum: 1, maximum: 60 }),
  keyFrameInterval: whole('Pictures between two key frames.', { minimum: 1, maximum: 600 }),
  bitrate: whole('kbit/s.', { minimum: 50, maximum: 20_000 }),
  bufferStartMs: whole('Stream time gathered before the first frame is sent, ms.', { minimum: 0, maximum: 10_000 }),
  bufferMaxMs: whole('The most stream time that may wait for a slow platform, ms.', { minimum: 500, maximum: 60_000 }),
  bufferPollMs: whole('With a bufferStartMs: frames leave as evenly as they were made, looked after this often, ms.', {
    minimum: 10,
    maximum: 1000,
  }),
  bufferRefills: whole('How often a buffer that ran empty is filled again; no limit when absent.', {
    minimum: 0,
    maximum: 1_000_000,
  }),
  reconnectAttempts: whole('Attempts in a row before the transfer is given up; no limit when absent.', {
    minimum: 0,
    maximum: 10_000,
  }),
  reconnectIntervalMs: whole('The same pause before every attempt, ms, instead of one that grows.', {
    minimum: 100,
    maximum: 600_000,
  }),
};
const nullable = Object.fromEntries(
  Object.entries(optionProperties).map(([name, schema]) => [name, name === 'sound' ? schema : orNull(schema)]),
);

const stream = {
  id,
  name: text(),
  entryPoint: text(),
  state: enumOf(['starting', 'connecting', 'live', 'reconnecting', 'ended']),
  reason: orNull(ref('Reason')),
  callback: record({
    state: enumOf(['none', 'pending', 'answered', 'retrying', 'failed']),
    reason: orNull(ref('Reason')),
  }),
  transfers: { type: 'object', additionalProperties: whole(), description: 'How many transfers are in each state.' },
  createdAt: time(),
  startedAt: orNull(time('First media.')),
  endedAt: orNull(time()),
  figures: orNull(ref('InputFigures')),
};

export const STREAMS: Record<string, Schema> = {
  Stream: record(stream, {
    node: orNull(text('Operators only.')),
    appid: text('In lists over all projects.'),
    customerId: text('In lists over all projects.'),
    customerName: text('In lists over all projects.'),
    projectName: text('In lists over all projects.'),
  }),
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
      bytesAcked: orNull(
        whole(
          'As the platform acknowledges in RTMP; null where it does not, or counts in a way of its own. A hint: nothing is decided by it.',
        ),
      ),
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
  UpdateTransfer: {
    ...body({ url: text('rtmp:// or rtmps://'), ...nullable }),
    description: 'Absent keeps, null clears.',
  },
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
};
