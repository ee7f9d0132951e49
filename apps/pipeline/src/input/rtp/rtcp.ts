/** Reads and writes RTCP packets (RFC 3550, section 6), as far as a receiver of media needs them. */

/** What a publisher tells us. */
export type RtcpMessage =
  | {
      type: 'sender-report';
      ssrc: number;
      /** The sender's wall clock, ms since 1900; 0 if it has none. */
      ntpMs: number;
      /** The same as reports refer to it: the middle 32 of its 64 bits, units of 1/65536 s. */
      compactNtp: number;
      /** What the RTP clock showed at that time. */
      timestamp: number;
    }
  | { type: 'bye'; ssrc: number }
  /** Answers our receiver reference time (RFC 3611, 4.5). `lastReport` is what we sent, as compact NTP, `delay` how long ago it had come, 1/65536 s. */
  | { type: 'reference-answer'; ssrc: number; lastReport: number; delay: number };

/** What is reported about one source (RFC 3550, 6.4.1). */
export interface ReportBlock {
  ssrc: number;
  /** Since the report before, in 1/256. */
  fractionLost: number;
  /** Less than 0 where packets came twice. */
  cumulativeLost: number;
  /** Sequence number with its cycles, 32 bits. */
  highest: number;
  /** In units of the RTP clock. */
  jitter: number;
  /** Compact NTP of the last sender report, 0 if there was none. */
  lastReport: number;
  /** Since then, 1/65536 s. */
  sinceLastReport: number;
}

const VERSION = 2;
const [SENDER_REPORT, RECEIVER_REPORT, DESCRIPTION, BYE] = [200, 201, 202, 203];
const [TRANSPORT_FEEDBACK, PAYLOAD_FEEDBACK, EXTENDED_REPORT] = [205, 206, 207];
/** Feedback message types: of the transport (RFC 4585, 6.2; draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1) and of the payload (RFC 4585, 6.3). */
const [GENERIC_NACK, TRANSPORT_WIDE, PICTURE_LOSS] = [1, 15, 1];
/** Kinds of XR blocks (RFC 3611, 4.4 and 4.5). */
const [REFERENCE_TIME, REFERENCE_ANSWER] = [4, 5];
const CNAME = 1;
/** From NTP's epoch, 1900, to Unix's. */
const NTP_TO_UNIX_S = 2_208_988_800;
/** RFC 3550, 6.4.1: 24 bits with a sign. */
const [LEAST_LOST, MOST_LOST] = [-0x800000, 0x7fffff];

/** What we understand of a compound packet; from where it is malformed on, the rest is passed over. */
export function parseRtcp(bytes: Buffer): RtcpMessage[] {
  const messages: RtcpMessage[] = [];
  let at = 0;
  while (at + 4 <= bytes.length) {
    const first = bytes[at] as number;
    const end = at + 4 + 4 * bytes.readUInt16BE(at + 2);
    if (first >> 6 !== VERSION || end > bytes.length) break;
    readPacket(bytes.subarray(at, end), first & 0x1f, messages);
    at = end;
  }
  return messages;
}

function readPacket(packet: Buffer, count: number, messages: RtcpMessage[]): void {
  switch (packet[1]) {
    case SENDER_REPORT:
      if (packet.length >= 28) messages.push(readSenderReport(packet));
      return;
    case BYE:
      for (let i = 0; i < count && 8 + 4 * i <= packet.length; i += 1)
        messages.push({ type: 'bye', ssrc: packet.readUInt32BE(4 + 4 * i) });
      return;
    case EXTENDED_REPORT:
      readExtendedReport(packet, messages);
  }
}

function readSenderReport(packet: Buffer): RtcpMessage {
  const [seconds, fraction] = [packet.readUInt32BE(8), packet.readUInt32BE(12)];
  return {
    type: 'sender-report',
    ssrc: packet.readUInt32BE(4),
    ntpMs: seconds * 1000 + (fraction * 1000) / 2 ** 32,
    compactNtp: packet.readUInt32BE(10),
    timestamp: packet.readUInt32BE(16),
  };
}

function readExtendedReport(packet: Buffer, messages: RtcpMessage[]): void {
  let at = 8;
  while (at + 4 <= packet.length) {
    const end = at + 4 + 4 * packet.readUInt16BE(at + 2);
    if (end > packet.length) return;
    for (let sub = at + 4; packet[at] === REFERENCE_ANSWER && sub + 12 <= end; sub += 12) {
      messages.push({
        type: 'reference-answer',
        ssrc: packet.readUInt32BE(sub),
        lastReport: packet.readUInt32BE(sub + 4),
        delay: packet.readUInt32BE(sub + 8),
      });
    }
    at = end;
  }
}

/** RFC 3550, 6.4.2. At most 31 blocks. */
export function receiverReport(sender: number, blocks: ReportBlock[]): Buffer {
  const packet = start(RECEIVER_REPORT, blocks.length, 8 + 24 * blocks.length);
  packet.writeUInt32BE(sender, 4);
  blocks.forEach((block, i) => {
    const at = 8 + 24 * i;
    packet.writeUInt32BE(block.ssrc, at);
    packet.writeUInt8(block.fractionLost, at + 4);
    packet.writeIntBE(Math.max(LEAST_LOST, Math.min(MOST_LOST, block.cumulativeLost)), at + 5, 3);
    packet.writeUInt32BE(block.highest, at + 8);
    packet.writeUInt32BE(block.jitter, at + 12);
    packet.writeUInt32BE(block.lastReport, at + 16);
    packet.writeUInt32BE(block.sinceLastReport, at + 20);
  });
  return packet;
}

/** The name that every compound packet must carry (RFC 3550, 6.5.1), up to 255 ASCII characters. */
export function sourceDescription(sender: number, cname: string): Buffer {
  // At least one zero ends the list of items, and it ends on a word.
  const packet = start(DESCRIPTION, 1, 8 + 4 * Math.floor((2 + cname.length) / 4 + 1));
  packet.writeUInt32BE(sender, 4);
  packet.writeUInt8(CNAME, 8);
  packet.writeUInt8(cname.length, 9);
  packet.write(cname, 10, 'latin1');
  return packet;
}

/** Our clock, so that the publisher can answer with how long it kept it (RFC 3611, 4.4): who sends nothing learns the round trip only so. @param now performance.now(), ms. */
export function referenceTime(sender: number, now: number): Buffer {
  const packet = start(EXTENDED_REPORT, 0, 20);
  packet.writeUInt32BE(sender, 4);
  packet.writeUInt8(REFERENCE_TIME, 8);
  packet.writeUInt16BE(2, 10);
  const seconds = ntpSeconds(now);
  packet.writeUInt32BE(Math.floor(seconds) >>> 0, 12);
  packet.writeUInt32BE(Math.floor((seconds % 1) * 2 ** 32) >>> 0, 16);
  return packet;
}

/** Our wall clock as reports refer to it, units of 1/65536 s, 32 bits. @param now performance.now(), ms. */
export function compactNtp(now: number): number {
  return Math.floor((ntpSeconds(now) % 65_536) * 65_536) >>> 0;
}

/** Of the clock that is never set: a round trip is measured by it. */
const ntpSeconds = (now: number): number => (performance.timeOrigin + now) / 1000 + NTP_TO_UNIX_S;

/** Asks for lost packets (RFC 4585, 6.2.1). @param sequences 16 bits, in the order in which they were sent. */
export function genericNack(sender: number, media: number, sequences: number[]): Buffer {
  const pairs: { first: number; following: number }[] = [];
  for (const sequence of sequences) {
    const pair = pairs.at(-1);
    const behind = pair ? (sequence - pair.first) & 0xffff : Infinity;
    if (pair && behind <= 16) pair.following |= behind === 0 ? 0 : 1 << (behind - 1);
    else pairs.push({ first: sequence, following: 0 });
  }
  const packet = feedback(TRANSPORT_FEEDBACK, GENERIC_NACK, sender, media, 4 * pairs.length);
  pairs.forEach(({ first, following }, i) => {
    packet.writeUInt16BE(first, 12 + 4 * i);
    packet.writeUInt16BE(following, 14 + 4 * i);
  });
  return packet;
}

/** Asks for a key frame (RFC 4585, 6.3.1). */
export function pictureLoss(sender: number, media: number): Buffer {
  return feedback(PAYLOAD_FEEDBACK, PICTURE_LOSS, sender, media, 0);
}

/** @param content what follows the two SSRCs (draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1), a number of words. */
export function transportWide(sender: number, media: number, content: Buffer): Buffer {
  const packet = feedback(TRANSPORT_FEEDBACK, TRANSPORT_WIDE, sender, media, content.length);
  content.copy(packet, 12);
  return packet;
}

/** RFC 4585, 6.1. @param bytes of the feedback control information. */
function feedback(type: number, format: number, sender: number, media: number, bytes: number): Buffer {
  const packet = start(type, format, 12 + bytes);
  packet.writeUInt32BE(sender, 4);
  packet.writeUInt32BE(media, 8);
  return packet;
}

function start(type: number, count: number, bytes: number): Buffer {
  const packet = Buffer.alloc(bytes);
  packet.writeUInt8((VERSION << 6) | count, 0);
  packet.writeUInt8(type, 1);
  packet.writeUInt16BE(bytes / 4 - 1, 2);
  return packet;
}
