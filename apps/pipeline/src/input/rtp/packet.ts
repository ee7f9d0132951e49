/** Header of an RTP packet (RFC 3550, 5.1), and where in the bytes the rest of it lies. */
export interface RtpHeader {
  marker: boolean;
  /** 7 bits. */
  payloadType: number;
  /** 16 bits. */
  sequence: number;
  /** 32 bits. */
  timestamp: number;
  /** Synchronization source, 32 bits. */
  ssrc: number;
  /** The elements of the header extension; both 0 where there is none of a form that we know. */
  extensionStart: number;
  extensionEnd: number;
  /** The elements have headers of two bytes (RFC 8285, 4.3), else of one (4.2). */
  isTwoByte: boolean;
  payloadStart: number;
  /** Before the padding. */
  payloadEnd: number;
}

const FIXED_BYTES = 12;
const VERSION = 2;
const PADDING = 0x20;
const EXTENSION = 0x10;
/** What stands before the elements of a header extension (RFC 8285, 4.2 and 4.3; the last 4 bits of the latter are the application's). */
const ONE_BYTE_FORM = 0xbede;
const TWO_BYTE_FORM = 0x1000;
/** An element of the one-byte form with this id ends the extension (RFC 8285, 4.2). */
const STOP_ID = 15;
const NOT_FOUND = -1;

/** Null for what is no RTP packet. */
export function parseRtp(bytes: Buffer): RtpHeader | null {
  if (bytes.length < FIXED_BYTES) return null;
  const first = bytes[0] as number;
  if (first >> 6 !== VERSION) return null;
  let start = FIXED_BYTES + 4 * (first & 0x0f);
  let extensionStart = 0;
  let extensionEnd = 0;
  let isTwoByte = false;
  if (first & EXTENSION) {
    if (bytes.length < start + 4) return null;
    const form = bytes.readUInt16BE(start);
    const elements = start + 4;
    start = elements + 4 * bytes.readUInt16BE(start + 2);
    isTwoByte = (form & 0xfff0) === TWO_BYTE_FORM;
    if (isTwoByte || form === ONE_BYTE_FORM) {
      extensionStart = elements;
      extensionEnd = start;
    }
  }
  const end = bytes.length - (first & PADDING ? (bytes[bytes.length - 1] as number) : 0);
  if (end < start) return null;
  const second = bytes[1] as number;
  return {
    marker: second >= 0x80,
    payloadType: second & 0x7f,
    sequence: bytes.readUInt16BE(2),
    timestamp: bytes.readUInt32BE(4),
    ssrc: bytes.readUInt32BE(8),
    extensionStart,
    extensionEnd,
    isTwoByte,
    payloadStart: start,
    payloadEnd: end,
  };
}

/** The number in the header extension with this id; null where it is absent or shorter than two bytes. */
export function extensionNumber(bytes: Buffer, header: RtpHeader, id: number): number | null {
  const at = findElement(bytes, header, id);
  return at === NOT_FOUND || elementLength(bytes, header, at) < 2
    ? null
    : bytes.readUInt16BE(at + (header.isTwoByte ? 2 : 1));
}

/** The text in the header extension with this id; null where it is absent. */
export function extensionText(bytes: Buffer, header: RtpHeader, id: number): string | null {
  const at = findElement(bytes, header, id);
  if (at === NOT_FOUND) return null;
  const start = at + (header.isTwoByte ? 2 : 1);
  return bytes.toString('utf8', start, start + elementLength(bytes, header, at));
}

/** Where an element begins that lies in the extension as a whole. */
function findElement(bytes: Buffer, header: RtpHeader, id: number): number {
  const { extensionEnd: end, isTwoByte } = header;
  const headBytes = isTwoByte ? 2 : 1;
  let at = header.extensionStart;
  while (at + headBytes <= end) {
    const first = bytes[at] as number;
    const found = isTwoByte ? first : first >> 4;
    // Id 0 is one byte of padding between elements, whatever else is in that byte.
    if (found === 0) {
      at += 1;
      continue;
    }
    if (!isTwoByte && found === STOP_ID) return NOT_FOUND;
    const next = at + headBytes + elementLength(bytes, header, at);
    if (next > end) return NOT_FOUND;
    if (found === id) return at;
    at = next;
  }
  return NOT_FOUND;
}

function elementLength(bytes: Buffer, header: RtpHeader, at: number): number {
  return header.isTwoByte ? (bytes[at + 1] as number) : ((bytes[at] as number) & 0x0f) + 1;
}
