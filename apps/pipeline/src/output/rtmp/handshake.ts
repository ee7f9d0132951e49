import { randomBytes } from 'node:crypto';

const VERSION = 3;
/** Versions from here on are no RTMP, but the letters of other protocols (section 5.2.2). Servers that say another one below it speak RTMP all the same. */
const NO_VERSION = 32;
const HANDSHAKE_BYTES = 1536;

/** What the client says first: C0 and C1 (section 5.2). */
export function clientHello(): Buffer {
  const hello = Buffer.alloc(1 + HANDSHAKE_BYTES);
  hello[0] = VERSION;
  randomBytes(HANDSHAKE_BYTES - 8).copy(hello, 9);
  return hello;
}

/** Gathers a server's S0, S1 and S2. */
export class ServerHello {
  private bytes = Buffer.alloc(0);

  /** Null until all of it has come; then C2, which is to be sent, and what follows S2. Throws when this is no RTMP. */
  push(data: Buffer): { answer: Buffer; rest: Buffer } | null {
    this.bytes = Buffer.concat([this.bytes, data]);
    if ((this.bytes[0] as number) >= NO_VERSION) throw new Error('not RTMP');
    if (this.bytes.length < 1 + 2 * HANDSHAKE_BYTES) return null;
    return { answer: this.bytes.subarray(1, 1 + HANDSHAKE_BYTES), rest: this.bytes.subarray(1 + 2 * HANDSHAKE_BYTES) };
  }
}
