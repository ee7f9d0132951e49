// AMF0, the encoding of RTMP commands (Adobe AMF 0 specification). Only what commands of publishers and servers use.

/** A value as commands carry it. */
export type AmfValue = number | boolean | string | null | undefined | AmfValue[] | { [name: string]: AmfValue };

const NUMBER = 0;
const BOOLEAN = 1;
const STRING = 2;
const OBJECT = 3;
const NULL = 5;
const UNDEFINED = 6;
const ECMA_ARRAY = 8;
const OBJECT_END = 9;
const STRICT_ARRAY = 10;
const DATE = 11;
const LONG_STRING = 12;
const UNSUPPORTED = 13;
const XML = 15;
const TYPED_OBJECT = 16;

/** Deeper than any server's answer; a hostile one must not exhaust the stack. */
const MAX_DEPTH = 16;
/** Of one body. An answer has some twenty; 64 KB of the smallest values would take 250 ms to make. */
const MAX_VALUES = 1000;

/** Bytes that are not AMF0. */
export class AmfError extends Error {}

/** The values one after the other, as in a command message's body. */
export function encodeAmf(...values: AmfValue[]): Buffer {
  return Buffer.concat(values.flatMap((value) => encodeValue(value)));
}

/** An object marked as ECMA array: what players expect around onMetaData. */
export function encodeEcmaArray(values: Record<string, AmfValue>): Buffer {
  const head = Buffer.alloc(5);
  head[0] = ECMA_ARRAY;
  head.writeUInt32BE(Object.keys(values).length, 1);
  return Buffer.concat([head, ...encodeProperties(values)]);
}

function encodeValue(value: AmfValue): Buffer[] {
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(9);
    bytes.writeDoubleBE(value, 1);
    return [bytes];
  }
  if (typeof value === 'boolean') return [Buffer.from([BOOLEAN, value ? 1 : 0])];
  if (typeof value === 'string') return encodeString(value);
  if (value === null) return [Buffer.from([NULL])];
  if (value === undefined) return [Buffer.from([UNDEFINED])];
  if (Array.isArray(value)) throw new AmfError('arrays are not sent');
  return [Buffer.from([OBJECT]), ...encodeProperties(value)];
}

function encodeString(text: string): Buffer[] {
  const bytes = Buffer.from(text);
  if (bytes.length <= 0xffff) {
    const head = Buffer.from([STRING, 0, 0]);
    head.writeUInt16BE(bytes.length, 1);
    return [head, bytes];
  }
  const head = Buffer.alloc(5);
  head[0] = LONG_STRING;
  head.writeUInt32BE(bytes.length, 1);
  return [head, bytes];
}

function encodeProperties(values: Record<string, AmfValue>): Buffer[] {
  const properties = Object.entries(values).flatMap(([name, value]) => {
    const bytes = Buffer.from(name);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(bytes.length);
    return [length, bytes, ...encodeValue(value)];
  });
  return [...properties, Buffer.from([0, 0, OBJECT_END])];
}

/** Every value in the body. Throws AmfError for truncated, unknown, too many or too deeply nested data. */
export function decodeAmf(body: Buffer): AmfValue[] {
  const { values, problem } = readAmf(body);
  if (problem !== null) throw new AmfError(problem);
  return values;
}

/** The values up to the first that cannot be read, with what was read of that one if it is an object; `problem` says why it ends there. */
export function readAmf(body: Buffer): { values: AmfValue[]; problem: string | null } {
  const reader = new Reader(body);
  const values: AmfValue[] = [];
  try {
    while (!reader.atEnd) reader.value(0, (value) => values.push(value));
    return { values, problem: null };
  } catch (error) {
    if (!(error instanceof AmfError)) throw error;
    return { values, problem: error.message };
  }
}

class Reader {
  private at = 0;
  private count = 0;

  constructor(private readonly bytes: Buffer) {}

  get atEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  /** Hands the value to `keep`: an object or a list before what it holds is read, all else when it is whole. */
  value(depth: number, keep: (value: AmfValue) => void): void {
    if (depth > MAX_DEPTH) throw new AmfError('nested too deeply');
    this.count += 1;
    if (this.count > MAX_VALUES) throw new AmfError('too many values');
    const marker = this.take(1)[0];
    if (marker === OBJECT || marker === TYPED_OBJECT || marker === ECMA_ARRAY) {
      // A class has no meaning for us, and an array's count is only a hint: the end marker counts.
      if (marker === TYPED_OBJECT) this.take(this.take(2).readUInt16BE());
      if (marker === ECMA_ARRAY) this.take(4);
      this.properties(depth, keep);
    } else if (marker === STRICT_ARRAY) {
      this.list(depth, keep);
    } else {
      keep(this.simple(marker));
    }
  }

  private simple(marker: number | undefined): AmfValue {
    switch (marker) {
      case NUMBER:
        return this.take(8).readDoubleBE();
      case BOOLEAN:
        return this.take(1)[0] !== 0;
      case STRING:
        return this.take(this.take(2).readUInt16BE()).toString();
      case LONG_STRING:
      case XML:
        return this.take(this.take(4).readUInt32BE()).toString();
      case DATE:
        return this.take(10).readDoubleBE();
      case NULL:
        return null;
      case UNDEFINED:
      case UNSUPPORTED:
        return undefined;
      default:
        throw new AmfError(`unknown marker ${marker}`);
    }
  }

  private properties(depth: number, keep: (value: AmfValue) => void): void {
    const result: Record<string, AmfValue> = Object.create(null);
    keep(result);
    for (;;) {
      const name = this.take(this.take(2).readUInt16BE()).toString();
      if (name === '' && this.bytes[this.at] === OBJECT_END) {
        this.at += 1;
        return;
      }
      this.value(depth + 1, (value) => (result[name] = value));
    }
  }

  private list(depth: number, keep: (value: AmfValue) => void): void {
    const count = this.take(4).readUInt32BE();
    const values: AmfValue[] = [];
    keep(values);
    // Each value takes a byte at least: a lying count ends at the end of the data.
    for (let i = 0; i < count; i += 1) this.value(depth + 1, (value) => values.push(value));
  }

  private take(length: number): Buffer {
    if (this.at + length > this.bytes.length) throw new AmfError('ends too early');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}
