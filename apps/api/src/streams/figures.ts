import { component, decimal, enumOf, orNull, partial, text, whole } from '../openapi/schema.js';

export const InputFigures = component(
  'InputFigures',
  partial(
    {
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
    'Of the publication: live ones, or the last ones after its end.',
  ),
);

export const TransferFigures = component(
  'TransferFigures',
  partial({
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
  }),
);
