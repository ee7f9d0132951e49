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

/** Every value in the body. Throws AmfError for truncated, unknown or too deeply nested data. */
export function decodeAmf(body: Buffer): AmfValue[] {
  const reader = new Reader(body);
  const values: AmfValue[] = [];
  while (!reader.atEnd) values.push(reader.value(0));
  return values;
}

class Reader {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  get atEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  value(depth: number): AmfValue {
    if (depth > MAX_DEPTH) throw new AmfError('nested too deeply');
    const marker = this.take(1)[0];
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
      case OBJECT:
        return this.properties(depth);
      case TYPED_OBJECT:
        // Its class has no meaning for us.
        this.take(this.take(2).readUInt16BE());
        return this.properties(depth);
      case ECMA_ARRAY:
        // The count is only a hint; the end marker counts.
        this.take(4);
        return this.properties(depth);
      case STRICT_ARRAY:
        return this.list(depth);
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

  private properties(depth: number): Record<string, AmfValue> {
    const result: Record<string, AmfValue> = Object.create(null);
    for (;;) {
      const name = this.take(this.take(2).readUInt16BE()).toString();
      if (name === '' && this.bytes[this.at] === OBJECT_END) {
        this.at += 1;
        return result;
      }
      result[name] = this.value(depth + 1);
    }
  }

  private list(depth: number): AmfValue[] {
    const count = this.take(4).readUInt32BE();
    const values: AmfValue[] = [];
    // Each value takes a byte at least: a lying count ends at the end of the data.
    for (let i = 0; i < count; i += 1) values.push(this.value(depth + 1));
    return values;
  }

  private take(length: number): Buffer {
    if (this.at + length > this.bytes.length) throw new AmfError('ends too early');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}
