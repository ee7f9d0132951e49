// A sender's side of SRTP (RFC 3711) with AES-128 in counter mode and HMAC-SHA1, for packets that a library would refuse to send.
import { createCipheriv, createHmac } from 'node:crypto';

const TAG_BYTES = 10;
const HALF = 0x8000;

interface Keys {
  cipher: Buffer;
  auth: Buffer;
  salt: Buffer;
}

const keystream = (key: Buffer, iv: Buffer, bytes: number): Buffer =>
  createCipheriv('aes-128-ctr', key, iv).update(Buffer.alloc(bytes));

/** Section 4.3.1. */
function derived(master: Buffer, label: number, bytes: number): Buffer {
  const iv = Buffer.alloc(16);
  master.copy(iv, 0, 16, 30);
  iv.writeUInt8(iv.readUInt8(7) ^ label, 7);
  return keystream(master.subarray(0, 16), iv, bytes);
}

const keysOf = (master: Buffer, label: number): Keys => ({
  cipher: derived(master, label, 16),
  auth: derived(master, label + 1, 20),
  salt: derived(master, label + 2, 14),
});

/** Section 4.1.1. */
function encrypt({ cipher, salt }: Keys, packet: Buffer, from: number, ssrc: number, index: number): Buffer {
  const iv = Buffer.alloc(16);
  salt.copy(iv);
  iv.writeUInt32BE((iv.readUInt32BE(4) ^ ssrc) >>> 0, 4);
  const high = Math.floor(index / 65_536);
  iv.writeUInt32BE((iv.readUInt32BE(8) ^ high) >>> 0, 8);
  iv.writeUInt16BE(iv.readUInt16BE(12) ^ (index % 65_536), 12);
  return Buffer.concat([
    packet.subarray(0, from),
    createCipheriv('aes-128-ctr', cipher, iv).update(packet.subarray(from)),
  ]);
}

const tagOf = ({ auth }: Keys, parts: Buffer[]): Buffer =>
  parts
    .reduce((hmac, part) => hmac.update(part), createHmac('sha1', auth))
    .digest()
    .subarray(0, TAG_BYTES);

function headerBytes(packet: Buffer): number {
  const first = packet.readUInt8(0);
  const fixed = 12 + 4 * (first & 15);
  const extension = (first & 16) !== 0 && packet.length >= fixed + 4 ? 4 + 4 * packet.readUInt16BE(fixed + 2) : 0;
  return Math.min(packet.length, fixed + extension);
}

export class SrtpSender {
  readonly #rtpKeys: Keys;
  readonly #rtcpKeys: Keys;
  readonly #indexes = new Map<number, number>();
  #rtcpIndex = 0;

  /** @param master key and salt, 30 bytes. */
  constructor(master: Buffer) {
    this.#rtpKeys = keysOf(master, 0);
    this.#rtcpKeys = keysOf(master, 3);
  }

  /** At least 12 bytes, of whatever content. */
  rtp(packet: Buffer): Buffer {
    const ssrc = packet.readUInt32BE(8);
    const index = this.#indexOf(ssrc, packet.readUInt16BE(2));
    const body = encrypt(this.#rtpKeys, packet, headerBytes(packet), ssrc, index);
    const roc = Buffer.alloc(4);
    roc.writeUInt32BE(Math.floor(index / 65_536));
    return Buffer.concat([body, tagOf(this.#rtpKeys, [body, roc])]);
  }

  /** At least 8 bytes, of whatever content. */
  rtcp(packet: Buffer): Buffer {
    this.#rtcpIndex += 1;
    const trailer = Buffer.alloc(4);
    trailer.writeUInt32BE((0x8000_0000 | this.#rtcpIndex) >>> 0);
    const body = Buffer.concat([encrypt(this.#rtcpKeys, packet, 8, packet.readUInt32BE(4), this.#rtcpIndex), trailer]);
    return Buffer.concat([body, tagOf(this.#rtcpKeys, [body])]);
  }

  /** As a receiver guesses it (section 3.3.1); it does not go below zero. */
  #indexOf(ssrc: number, seq: number): number {
    const last = this.#indexes.get(ssrc) ?? 0;
    let index = seq;
    if (last > HALF) {
      const distance = ((seq - (last % 65_536) + 65_536 + HALF) % 65_536) - HALF;
      index = last + distance;
    }
    this.#indexes.set(ssrc, Math.max(last, index));
    return index;
  }
}
