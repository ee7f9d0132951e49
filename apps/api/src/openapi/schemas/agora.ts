// Agora's API beyond transfers.
import { body, flag, orNull, record, text, time, whole, type Schema } from '../schema.js';

export const AGORA: Record<string, Schema> = {
  BannedStream: record({ name: text(), resumeTime: time('From then on the name is free again.') }),
  BanStream: body({ resumeTime: text('RFC 3339; 7 days from now when absent.') }),
  PublishInfo: record({ name: text(), startTime: time('First media.'), endTime: time(), duration: whole('Seconds.') }),
  StreamAuth: record({
    enabled: flag('Whether the server is asked before a publisher is let in.'),
    url: orNull(text()),
    hasSecret: flag(),
  }),
  UpdateStreamAuth: {
    ...body({
      enabled: flag(),
      url: orNull(text('http:// or https://; without a scheme, https://.', { maxLength: 2048 })),
      secret: orNull(
        text('Signs the questions (Agora-Signature, Agora-Signature-V2); never shown again.', {
          minLength: 1,
          maxLength: 256,
        }),
      ),
    }),
    description: 'Absent keeps, null clears.',
  },
};
