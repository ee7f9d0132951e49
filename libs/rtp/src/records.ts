import type { ReceiverEvents, RtpFormat } from './types.js';

/** Before the bytes of each record: kind, format and marker, 8 bits each; length, sequence and RTP time, 32 bits each; time, a double. As in native/module.c. */
const HEAD_BYTES = 24;
const [ORDERED_PACKET, LOST_PACKETS] = [0, 1];

/** Calls what the records of one call of the receiver are for, in their order. The packets' payloads lie in `records`. */
export function dispatch<Format extends RtpFormat>(
  records: Buffer,
  formats: Format[],
  events: ReceiverEvents<Format>,
): void {
  for (let at = 0; at < records.length;) {
    const kind = records[at];
    const format = formats[records[at + 1] as number] as Format;
    const length = records.readUInt32LE(at + 4);
    const start = at + HEAD_BYTES;
    at = start + (kind === LOST_PACKETS ? 0 : length);
    if (kind === ORDERED_PACKET) {
      const head = start - HEAD_BYTES;
      events.onPacket(format, {
        sequence: records.readUInt32LE(head + 8),
        timestamp: records.readUInt32LE(head + 12),
        marker: records[head + 2] === 1,
        payload: records.subarray(start, at),
        time: records.readDoubleLE(head + 16),
      });
    } else if (kind === LOST_PACKETS) events.onLost(format, length);
    else events.send(records.subarray(start, at));
  }
}
