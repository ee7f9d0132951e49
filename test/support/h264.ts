// H.264 for tests: a bit writer, parameter sets and slices of any size, and a packetizer that does all that RFC 6184 allows.
import type { OrderedPacket } from '#libs/rtp';

/** ue(v) as a string of bits. */
export function ue(value: number): string {
  const code = (value + 1).toString(2);
  return '0'.repeat(code.length - 1) + code;
}

/** A NAL unit of these bits, with the stop bit, and with emulation prevention where it is needed. */
export function nalOf(header: number, bits: string): Buffer {
  const padded = `${bits}1`.padEnd(Math.ceil((bits.length + 1) / 8) * 8, '0');
  const bytes: number[] = [header];
  for (let i = 0; i < padded.length; i += 8) {
    const byte = parseInt(padded.slice(i, i + 8), 2);
    if (byte <= 3 && bytes.at(-1) === 0 && bytes.at(-2) === 0) bytes.push(3);
    bytes.push(byte);
  }
  return Buffer.from(bytes);
}

export interface SpsShape {
  id?: number;
  profile?: number;
  /** After level and id, in high profiles: chroma format and what follows it up to the scaling lists. */
  format?: string;
  order?: string;
  columns?: number;
  rows?: number;
  interlaced?: boolean;
  /** Left, right, top, bottom. */
  crop?: [number, number, number, number];
}

export function spsOf({
  id = 0,
  profile = 66,
  format = '',
  order = ue(0) + ue(0),
  columns = 20,
  rows = 15,
  interlaced = false,
  crop,
}: SpsShape): Buffer {
  const byte = (value: number): string => value.toString(2).padStart(8, '0');
  const size =
    ue(columns - 1) + ue(rows - 1) + (interlaced ? '00' : '1') + '1' + (crop ? `1${crop.map(ue).join('')}` : '0');
  return nalOf(0x67, `${byte(profile)}${byte(0xc0)}${byte(30)}${ue(id)}${format}${ue(0)}${order}${ue(1)}0${size}0`);
}

/** @param more makes it another set with the same ids. */
export const ppsOf = (id: number, spsId: number, more = ''): Buffer =>
  nalOf(0x68, `${ue(id)}${ue(spsId)}00${ue(0)}${more}`);

export interface SliceShape {
  idr?: boolean;
  /** The first macroblock. */
  first?: number;
  pps?: number;
  /** frame_num and pic_order_cnt_lsb, in 4 bits each, as spsOf has them; idr_pic_id. */
  frame?: number;
  order?: number;
  idrId?: number;
  /** Of an interlaced stream: a frame ('0'), or the top or bottom field ('10', '11'). */
  field?: string;
  /** redundant_pic_cnt, where the picture parameter set has it. */
  redundant?: number;
  reference?: boolean;
  body?: Buffer;
}

export function sliceOf({
  idr = false,
  first = 0,
  pps = 0,
  frame = 0,
  order = 0,
  idrId = 0,
  field = '',
  redundant,
  reference = true,
  body = Buffer.from('body'),
}: SliceShape = {}): Buffer {
  const four = (value: number): string => value.toString(2).padStart(4, '0');
  const rest = `${four(frame)}${field}${idr ? ue(idrId) : ''}${four(order)}${redundant === undefined ? '' : ue(redundant)}`;
  return Buffer.concat([
    nalOf((idr ? 5 : 1) | (reference ? (idr ? 0x60 : 0x40) : 0), `${ue(first)}${ue(idr ? 7 : 5)}${ue(pps)}${rest}`),
    body,
  ]);
}

/** A picture parameter set with all that comes before redundant_pic_cnt_present_flag, which is set. */
export const redundantPpsOf = (id: number, spsId: number): Buffer =>
  nalOf(0x68, `${ue(id)}${ue(spsId)}00${ue(0)}${ue(0)}${ue(0)}000${ue(0)}${ue(0)}${ue(0)}001`);

/** A message of another kind, then the recovery point. */
export const RECOVERY_SEI = Buffer.from('060502aabb06013480', 'hex');
export const DELIMITER = Buffer.from('09f0', 'hex');

/** As AVC carries them. */
export function avc(nals: readonly Buffer[]): Buffer {
  return Buffer.concat(
    nals.flatMap((nal) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(nal.length);
      return [length, nal];
    }),
  );
}

/** The payloads of one access unit. @param mtu of a payload, at least 3. @param aggregate small units share a packet. */
export function payloadsOf(nals: readonly Buffer[], mtu: number, aggregate: boolean): Buffer[] {
  const payloads: Buffer[] = [];
  let together: Buffer[] = [];
  const flush = (): void => {
    if (together.length === 1) payloads.push(...together);
    else if (together.length > 1)
      payloads.push(
        Buffer.concat([
          Buffer.from([0x78]),
          ...together.flatMap((nal) => [Buffer.from([nal.length >> 8, nal.length & 0xff]), nal]),
        ]),
      );
    together = [];
  };
  const size = (): number => together.reduce((sum, nal) => sum + 2 + nal.length, 1);
  for (const nal of nals) {
    if (!aggregate || size() + 2 + nal.length > mtu) flush();
    if (nal.length <= mtu) together.push(nal);
    else payloads.push(...fragmentsOf(nal, mtu));
  }
  flush();
  return payloads;
}

/** FU-A. */
export function fragmentsOf(nal: Buffer, mtu: number): Buffer[] {
  const header = nal[0] as number;
  const fragments: Buffer[] = [];
  for (let at = 1; at < nal.length; at += mtu - 2) {
    const flags = (at === 1 ? 0x80 : 0) | (at + mtu - 2 >= nal.length ? 0x40 : 0);
    fragments.push(
      Buffer.concat([Buffer.from([(header & 0x60) | 28, flags | (header & 0x1f)]), nal.subarray(at, at + mtu - 2)]),
    );
  }
  return fragments;
}

export interface PacketizerOptions {
  mtu?: number;
  aggregate?: boolean;
  /** Of the first packet. */
  sequence?: number;
  /** Where the marker is set: on the last packet of each access unit (true), on none, on the last packet of each NAL unit, on every packet. */
  marked?: boolean | 'units' | 'all';
}

/** The packets of access units, 40 ms apart. */
export function packetize(
  units: readonly (readonly Buffer[])[],
  { mtu = 1200, aggregate = false, sequence = 65_530, marked = true }: PacketizerOptions = {},
): OrderedPacket[] {
  let next = sequence;
  return units.flatMap((nals, unit) =>
    payloadsOf(nals, mtu, aggregate).map((payload, i, { length }) => {
      const isEnd = (payload.readUInt8(0) & 0x1f) !== 28 || (payload.readUInt8(1) & 0x40) !== 0;
      const marker = marked === 'all' || (marked === 'units' && isEnd) || (marked === true && i === length - 1);
      const packet = {
        sequence: next,
        timestamp: (4_294_960_000 + unit * 3600) % 2 ** 32,
        marker,
        payload,
        time: unit * 40,
      };
      next = (next + 1) & 0xffff;
      return packet;
    }),
  );
}
