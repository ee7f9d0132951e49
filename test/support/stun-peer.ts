// A publisher's side of ICE, byte by byte (RFC 8489, RFC 8445): for what no well-behaved client does.
import { createHmac, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';

const COOKIE = 0x2112a442;
/** RFC 6347, section 4.1. */
const DTLS_HEADER_BYTES = 13;

export interface CheckOptions {
  ufrag: string;
  pwd: string;
  /** Nominates the path (USE-CANDIDATE). */
  nominates?: boolean;
  /** Believes that the other side leads. */
  isControlled?: boolean;
  /** Has no more than its credentials, which RFC 8445 does not allow. */
  isBare?: boolean;
}

function attribute(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

/** A Binding request with these credentials. */
export function bindingRequest(options: CheckOptions): Buffer {
  const { ufrag, pwd, nominates = false, isControlled = false, isBare = false } = options;
  const rest = [
    attribute(0x0024, Buffer.from([0x6e, 0, 1, 0xff])),
    attribute(isControlled ? 0x8029 : 0x802a, randomBytes(8)),
    ...(nominates ? [attribute(0x0025, Buffer.alloc(0))] : []),
  ];
  const attributes = Buffer.concat([
    attribute(0x0006, Buffer.from(isBare ? `${ufrag}:` : `${ufrag}:peer`)),
    ...(isBare ? [] : rest),
  ]);
  const head = Buffer.alloc(20);
  head.writeUInt16BE(1, 0);
  head.writeUInt16BE(attributes.length + 24, 2);
  head.writeUInt32BE(COOKIE, 4);
  randomBytes(12).copy(head, 8);
  const integrity = createHmac('sha1', pwd).update(head).update(attributes).digest();
  return Buffer.concat([head, attributes, attribute(0x0008, integrity)]);
}

/** What came back: the STUN type in hexadecimal (`101` is a success, `111` an error), `dtls`, or `media` (SRTP, SRTCP). */
function kindOf(data: Buffer): string {
  const [first = 0] = data;
  if (first <= 3) return data.readUInt16BE(0).toString(16);
  return first >= 128 ? 'media' : 'dtls';
}

export class StunPeer {
  /** What came, with its time (performance.now()). */
  readonly heard: { kind: string; bytes: number; at: number; data: Buffer }[] = [];
  sentBytes = 0;
  /** What becomes of a DTLS record. */
  onRecord: (record: Buffer) => void = () => undefined;
  /** What becomes of any packet. */
  onPacket: (packet: Buffer) => void = () => undefined;

  private constructor(
    private readonly socket: Socket,
    private readonly port: number,
    private readonly address: string,
  ) {
    socket.on('error', () => undefined);
    socket.on('message', (data) => {
      const kind = kindOf(data);
      this.heard.push({ kind, bytes: data.length, at: performance.now(), data });
      if (kind === 'dtls') this.onRecord(data);
      this.onPacket(data);
    });
  }

  /** @param candidate value of an `a=candidate` line */
  static async open(candidate: string): Promise<StunPeer> {
    const [, , , , address = '', port = ''] = candidate.split(' ');
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return new StunPeer(socket, Number(port), address);
  }

  get localPort(): number {
    return this.socket.address().port;
  }

  send(data: Buffer): void {
    this.sentBytes += data.length;
    this.socket.send(data, this.port, this.address);
  }

  check(options: CheckOptions): void {
    this.send(bindingRequest(options));
  }

  count(kind: string): number {
    return this.heard.filter((packet) => packet.kind === kind).length;
  }

  /** The first DTLS record, and what was sent again of it: behind a header that counts records, it is the same. */
  copiesOfRecord(): { at: number; data: Buffer }[] {
    const first = this.heard.find(({ kind }) => kind === 'dtls');
    const content = first?.data.subarray(DTLS_HEADER_BYTES);
    return this.heard.filter(({ kind, data }) => kind === 'dtls' && content?.equals(data.subarray(DTLS_HEADER_BYTES)));
  }

  /** Bytes that came, of this kind or of all. */
  bytes(kind?: string): number {
    return this.heard.reduce((sum, packet) => sum + (kind === undefined || packet.kind === kind ? packet.bytes : 0), 0);
  }

  close(): void {
    this.socket.close();
  }
}
