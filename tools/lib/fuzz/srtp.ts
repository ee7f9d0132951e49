// A sender's side of SRTP (RFC 3711, RFC 7714) of its own, for packets that a library would refuse to send, and as a second opinion on ours.
import { createCipheriv, createHmac } from 'node:crypto';

export interface SrtpProfile {
  /** As DTLS numbers it (RFC 5764, section 4.1.2; RFC 7714, section 14.2). */
  id: number;
  name: string;
  keyBytes: number;
  saltBytes: number;
  tagBytes: number;
  isGcm: boolean;
}

export const SRTP_PROFILES: SrtpProfile[] = [
  { id: 7, name: 'SRTP_AEAD_AES_128_GCM', keyBytes: 16, saltBytes: 12, tagBytes: 16, isGcm: true },
  { id: 8, name: 'SRTP_AEAD_AES_256_GCM', keyBytes: 32, saltBytes: 12, tagBytes: 16, isGcm: true },
  { id: 1, name: 'SRTP_AES128_CM_SHA1_80', keyBytes: 16, saltBytes: 14, tagBytes: 10, isGcm: false },
];
export const SHA1_80 = SRTP_PROFILES[2] as SrtpProfile;

const HALF = 0x8000;
const AUTH_BYTES = 20;
const RTCP_HEAD_BYTES = 8;

interface Keys {
  cipher: Buffer;
  auth: Buffer;
  salt: Buffer;
}

/** What is to be protected: `head` is only signed, as is `extra`, which is thought behind the packet. */
interface Parts {
  ssrc: number;
  index: number;
  head: Buffer;
  body: Buffer;
  extra: Buffer;
}

const bitsOf = (key: Buffer): string => `aes-${8 * key.length}`;

const counter = (key: Buffer, iv: Buffer, data: Buffer): Buffer =>
  createCipheriv(`${bitsOf(key)}-ctr`, key, iv).update(data);

/** Section 4.3.1. */
function derived(profile: SrtpProfile, master: Buffer, label: number, bytes: number): Buffer {
  const iv = Buffer.alloc(16);
  master.copy(iv, 0, profile.keyBytes);
  iv.writeUInt8(iv.readUInt8(7) ^ label, 7);
  return counter(master.subarray(0, profile.keyBytes), iv, Buffer.alloc(bytes));
}

const keysOf = (profile: SrtpProfile, master: Buffer, label: number): Keys => ({
  cipher: derived(profile, master, label, profile.keyBytes),
  auth: derived(profile, master, label + 1, AUTH_BYTES),
  salt: derived(profile, master, label + 2, profile.saltBytes),
});

/** RFC 3711, section 4.1.1; RFC 7714, section 8.1: the same, but two bytes earlier and without a counter. */
function ivOf({ isGcm }: SrtpProfile, { salt }: Keys, { ssrc, index }: Parts): Buffer {
  const iv = Buffer.alloc(isGcm ? 12 : 16);
  salt.copy(iv);
  const at = isGcm ? 2 : 4;
  iv.writeUInt32BE((iv.readUInt32BE(at) ^ ssrc) >>> 0, at);
  iv.writeUInt32BE((iv.readUInt32BE(at + 4) ^ Math.floor(index / 65_536)) >>> 0, at + 4);
  iv.writeUInt16BE(iv.readUInt16BE(at + 8) ^ (index % 65_536), at + 8);
  return iv;
}

function sealed(profile: SrtpProfile, keys: Keys, parts: Parts): { body: Buffer; tag: Buffer } {
  const { head, body, extra } = parts;
  const iv = ivOf(profile, keys, parts);
  if (profile.isGcm) {
    const cipher = createCipheriv(`${bitsOf(keys.cipher)}-gcm` as 'aes-128-gcm', keys.cipher, iv);
    cipher.setAAD(Buffer.concat([head, extra]));
    const encrypted = Buffer.concat([cipher.update(body), cipher.final()]);
    return { body: encrypted, tag: cipher.getAuthTag() };
  }
  const encrypted = counter(keys.cipher, iv, body);
  const tag = createHmac('sha1', keys.auth).update(head).update(encrypted).update(extra).digest();
  return { body: encrypted, tag: tag.subarray(0, profile.tagBytes) };
}

function headerBytes(packet: Buffer): number {
  const first = packet.readUInt8(0);
  const fixed = 12 + 4 * (first & 15);
  const extension = (first & 16) !== 0 && packet.length >= fixed + 4 ? 4 + 4 * packet.readUInt16BE(fixed + 2) : 0;
  return Math.min(packet.length, fixed + extension);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export class SrtpSender {
  readonly #profile: SrtpProfile;
  readonly #rtpKeys: Keys;
  readonly #rtcpKeys: Keys;
  readonly #indexes = new Map<number, number>();
  #rtcpIndex = 0;

  /** @param master key and salt. */
  constructor(master: Buffer, profile = SHA1_80) {
    this.#profile = profile;
    this.#rtpKeys = keysOf(profile, master, 0);
    this.#rtcpKeys = keysOf(profile, master, 3);
  }

  /** At least 12 bytes, of whatever content. */
  rtp(packet: Buffer): Buffer {
    const ssrc = packet.readUInt32BE(8);
    const index = this.#indexOf(ssrc, packet.readUInt16BE(2));
    const from = headerBytes(packet);
    const head = packet.subarray(0, from);
    const extra = this.#profile.isGcm ? Buffer.alloc(0) : word(Math.floor(index / 65_536));
    const { body, tag } = sealed(this.#profile, this.#rtpKeys, {
      ssrc,
      index,
      head,
      body: packet.subarray(from),
      extra,
    });
    return Buffer.concat([head, body, tag]);
  }

  /** At least 8 bytes, of whatever content. `isPlain`: it is signed, and not encrypted. */
  rtcp(packet: Buffer, { isPlain = false, index = this.#rtcpIndex + 1 } = {}): Buffer {
    this.#rtcpIndex = index;
    const from = isPlain ? packet.length : RTCP_HEAD_BYTES;
    const head = packet.subarray(0, from);
    const extra = word((isPlain ? 0 : 0x8000_0000) | index);
    const parts = { ssrc: packet.readUInt32BE(4), index, head, body: packet.subarray(from), extra };
    const { body, tag } = sealed(this.#profile, this.#rtcpKeys, parts);
    return Buffer.concat([head, body, ...(this.#profile.isGcm ? [tag, extra] : [extra, tag])]);
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
