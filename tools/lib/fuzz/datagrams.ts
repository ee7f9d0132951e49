// What a hostile or broken peer sends to a media port: STUN (RFC 8489), DTLS records, RTCP and noise, right in some ways and wrong in others.
import { createHmac } from 'node:crypto';
import { oneOf, type Random, randomBuffer } from './random.ts';

/** Of the session that is attacked. */
export interface Credentials {
  ufrag: string;
  pwd: string;
}

const COOKIE = 0x2112a442;
const REQUEST = 0x0001;
const SUCCESS = 0x0101;
const USERNAME = 0x0006;
const USE_CANDIDATE = 0x0025;
/** USERNAME, MESSAGE-INTEGRITY, XOR-MAPPED-ADDRESS, PRIORITY, USE-CANDIDATE, FINGERPRINT, ICE-CONTROLLED, ICE-CONTROLLING. */
const ATTRIBUTES = [0x0006, 0x0008, 0x0020, 0x0024, 0x0025, 0x8028, 0x8029, 0x802a];
const SIZES = [0, 1, 3, 4, 7, 8, 12, 19, 20, 21, 257, 513];

function attribute(type: number, value: Buffer, claimed = value.length): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(claimed, 2);
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

function message(random: Random, type: number, attributes: Buffer[], pwd: string | null): Buffer {
  const body = Buffer.concat(attributes);
  const head = Buffer.alloc(20);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(body.length + (pwd === null ? 0 : 24), 2);
  head.writeUInt32BE(COOKIE, 4);
  randomBuffer(random, 12).copy(head, 8);
  if (pwd === null) return Buffer.concat([head, body]);
  return Buffer.concat([head, body, attribute(0x0008, createHmac('sha1', pwd).update(head).update(body).digest())]);
}

/** A proper connectivity check that nominates. */
export const check = (random: Random, { ufrag, pwd }: Credentials): Buffer =>
  message(
    random,
    REQUEST,
    [
      attribute(USERNAME, Buffer.from(`${ufrag}:peer`)),
      attribute(0x0024, Buffer.from([0x6e, 0, 1, 0xff])),
      attribute(USE_CANDIDATE, Buffer.alloc(0)),
    ],
    pwd,
  );

/** Attributes of every type and size, behind a user name that is right or nearly so; some signed, so that they are believed. */
function oddStun(random: Random, { ufrag, pwd }: Credentials): Buffer {
  const names = [`${ufrag}:peer`, ufrag, `${ufrag}:${'x'.repeat(random(700))}`, '', `${ufrag.slice(0, -1)}:`];
  const attributes = [attribute(USERNAME, Buffer.from(names[random(8)] ?? `${ufrag}:peer`))];
  for (let i = random(6); i > 0; i -= 1) {
    const value = randomBuffer(random, oneOf(random, SIZES));
    attributes.push(attribute(oneOf(random, ATTRIBUTES), value, random(8) === 0 ? random(65_536) : value.length));
  }
  const types = [REQUEST, REQUEST, REQUEST, SUCCESS, 0x0111, random(0x400)];
  return message(random, oneOf(random, types), attributes, random(4) === 0 ? null : pwd);
}

export function flipped(random: Random, packet: Buffer): Buffer {
  const copy = Buffer.from(packet);
  for (let i = 1 + random(4); i > 0 && copy.length > 0; i -= 1)
    copy[random(copy.length)] = oneOf(random, [0, 255, random(256)]);
  return copy;
}

const cut = (random: Random, packet: Buffer): Buffer => packet.subarray(0, random(packet.length + 1));

/** @param records of an earlier part of the handshake. */
function oddRecord(random: Random, records: Buffer[]): Buffer {
  const known = records[random(Math.max(1, records.length))];
  if (known && random(3) > 0) return random(3) === 0 ? cut(random, known) : flipped(random, known);
  const record = randomBuffer(random, 13 + random(300));
  record[0] = random(4) === 0 ? 20 + random(44) : 20 + random(4);
  record.writeUInt16BE(0xfefd, 1);
  record.writeUInt16BE(random(2), 3);
  if (random(2) === 0) record.writeUInt16BE(record.length - 13, 11);
  return record;
}

/** RTP or RTCP that nobody has signed. */
function forged(random: Random): Buffer {
  const packet = randomBuffer(random, 12 + (random(2) === 0 ? random(20) : random(1600)));
  packet[0] = 128 + random(64);
  packet[1] = random(2) === 0 ? 192 + random(32) : random(256);
  return packet;
}

/** Any datagram that needs no key of SRTP. */
export function oddDatagram(random: Random, credentials: Credentials, records: Buffer[]): Buffer {
  const kind = random(10);
  if (kind === 0) return randomBuffer(random, random(8) === 0 ? 2000 + random(100) : random(1500));
  if (kind === 1) return flipped(random, check(random, credentials));
  if (kind === 2) return cut(random, check(random, credentials));
  if (kind <= 5) return oddStun(random, credentials);
  if (kind <= 7) return oddRecord(random, records);
  if (kind === 8) return forged(random);
  return flipped(random, oddStun(random, credentials));
}

/** A compound RTCP packet whose blocks, counts and lengths are right or not (RFC 3550, section 6; RFC 4585; RFC 3611). At least 8 bytes. */
export function oddRtcp(random: Random): Buffer {
  const blocks: Buffer[] = [];
  for (let i = 1 + random(4); i > 0; i -= 1) {
    const block = randomBuffer(random, 8 + 4 * random(random(4) === 0 ? 80 : 12));
    block[0] = random(8) === 0 ? random(256) : 128 + random(32);
    block[1] = oneOf(random, [200, 201, 202, 203, 204, 205, 206, 207, random(256)]);
    block.writeUInt16BE(random(6) === 0 ? random(65_536) : block.length / 4 - 1, 2);
    if (random(2) === 0) block.writeUInt32BE(random(4), 4);
    blocks.push(block);
  }
  const compound = Buffer.concat(blocks).subarray(0, 1400);
  compound[1] = 200 + random(8);
  return random(6) === 0 ? compound.subarray(0, Math.max(8, random(compound.length))) : compound;
}
