// What a publisher sends and a receiver answers, byte by byte; and a receiver whose doings are written down.
import { type OrderedPacket, type ReceiverSettings, RtpReceiver } from '#libs/rtp';
import type { Track as TrackFormat } from '#libs/sdp';

export const VIDEO: TrackFormat = {
  kind: 'video',
  codec: 'H264',
  payloadType: 96,
  rtxPayloadType: 97,
  clockRate: 90_000,
  mid: '1',
  nack: true,
  fmtp: '',
};
export const AUDIO: TrackFormat = {
  kind: 'audio',
  codec: 'OPUS',
  payloadType: 111,
  rtxPayloadType: null,
  clockRate: 48_000,
  mid: '0',
  nack: false,
  fmtp: '',
};
export const [MID, TRANSPORT_CC] = [4, 3];
export const SETTINGS: ReceiverSettings = { midExtension: MID, transportCcExtension: TRANSPORT_CC, reducedSize: true };
export const [VIDEO_SSRC, RTX_SSRC, AUDIO_SSRC] = [0xaaaa0001, 0xaaaa0002, 0xbbbb0001];

export interface Fields {
  payloadType?: number;
  sequence?: number;
  timestamp?: number;
  ssrc?: number;
  marker?: boolean;
  mid?: string;
  transport?: number;
  payload?: Buffer | string;
}

export function rtp({
  payloadType = 96,
  sequence = 1,
  timestamp = 0,
  ssrc = VIDEO_SSRC,
  marker = false,
  mid,
  transport,
  payload = 'media',
}: Fields): Buffer {
  const elements: Buffer[] = [];
  if (mid !== undefined) elements.push(Buffer.from([(MID << 4) | (mid.length - 1)]), Buffer.from(mid));
  if (transport !== undefined) elements.push(Buffer.from([(TRANSPORT_CC << 4) | 1, transport >> 8, transport & 0xff]));
  const extension = Buffer.concat(elements);
  const padded = Buffer.alloc(4 * Math.ceil(extension.length / 4));
  extension.copy(padded);
  const head = Buffer.alloc(padded.length > 0 ? 16 : 12);
  head.writeUInt8(padded.length > 0 ? 0x90 : 0x80, 0);
  head.writeUInt8((marker ? 0x80 : 0) | payloadType, 1);
  head.writeUInt16BE(sequence & 0xffff, 2);
  head.writeUInt32BE(timestamp >>> 0, 4);
  head.writeUInt32BE(ssrc, 8);
  if (padded.length > 0) head.writeUInt32BE(0xbede0000 + padded.length / 4, 12);
  return Buffer.concat([head, padded, Buffer.from(payload)]);
}

/** The original's sequence number before its payload, in a stream of its own. */
export const rtx = (original: number, own: number, fields: Fields = {}): Buffer =>
  rtp({
    payloadType: 97,
    sequence: own,
    ssrc: RTX_SSRC,
    ...fields,
    payload: Buffer.concat([Buffer.from([original >> 8, original & 0xff]), Buffer.from('again')]),
  });

export interface Rtcp {
  /** Of the packets in the compound, with the format or count: as 201/1. */
  types: string[];
  packets: Buffer[];
}

export function split(compound: Buffer): Rtcp {
  const packets: Buffer[] = [];
  for (let at = 0; at < compound.length; at += packets.at(-1)?.length ?? 0)
    packets.push(compound.subarray(at, at + 4 * (compound.readUInt16BE(at + 2) + 1)));
  return { types: packets.map((packet) => `${packet[1]}/${(packet[0] as number) & 31}`), packets };
}

export function receiver({
  formats = [AUDIO, VIDEO],
  settings = {},
}: { formats?: TrackFormat[]; settings?: Partial<ReceiverSettings> } = {}) {
  const out: { kind: string; packet: OrderedPacket }[] = [];
  const lost: [string, number][] = [];
  const sent: Rtcp[] = [];
  const made = new RtpReceiver(
    formats,
    { ...SETTINGS, ...settings },
    {
      onPacket: ({ kind }, packet) => out.push({ kind, packet }),
      onLost: ({ kind }, count) => lost.push([kind, count]),
      send: (rtcp) => sent.push(split(rtcp)),
    },
  );
  /** Into a buffer that is used again, as the socket's is. */
  const used = Buffer.alloc(2000);
  const push = (packet: Buffer, arrival: number, now = arrival): void => {
    packet.copy(used);
    made.rtp(used.subarray(0, packet.length), arrival, now);
    used.fill(0xee);
  };
  const sequences = (): number[] => out.map(({ packet }) => packet.sequence);
  const feedback = (type: string): Buffer[] =>
    sent.flatMap(({ types, packets }) => packets.filter((_, i) => types[i] === type));
  return { receiver: made, out, lost, sent, push, sequences, feedback };
}

/** Video that has begun: packets 1 to `count`, 10 ms apart. */
export function running(count = 3, options: Parameters<typeof receiver>[0] = {}): ReturnType<typeof receiver> {
  const made = receiver({ ...options, settings: { transportCcExtension: null, ...options.settings } });
  for (let i = 1; i <= count; i += 1) made.push(rtp({ sequence: i, timestamp: 900 * i }), 1000 + 10 * i);
  return made;
}

export const senderReport = (ssrc: number, ntpSeconds: number, timestamp: number): Buffer => {
  const packet = Buffer.alloc(28);
  packet.writeUInt32BE(0x80c80006, 0);
  packet.writeUInt32BE(ssrc, 4);
  packet.writeUInt32BE(Math.floor(ntpSeconds), 8);
  packet.writeUInt32BE(Math.floor((ntpSeconds % 1) * 2 ** 32), 12);
  packet.writeUInt32BE(timestamp >>> 0, 16);
  return packet;
};
export const bye = (ssrc: number): Buffer => {
  const packet = Buffer.from('81cb000100000000', 'hex');
  packet.writeUInt32BE(ssrc, 4);
  return packet;
};
