import { describe, expect, it } from 'vitest';
import { Av1Depayloader, type TemporalUnit } from './av1.js';
import type { OrderedPacket } from '#libs/rtp';

type Header = Partial<Omit<OrderedPacket, 'payload'>>;

function packet(payload: string, header: Header = {}): OrderedPacket {
  return {
    sequence: 1,
    timestamp: 1000,
    marker: false,
    time: 0,
    ...header,
    payload: Buffer.from(payload.replaceAll(' ', ''), 'hex'),
  };
}

/** What comes out of a packet, and of the moment after it. */
const pushed = (depayloader: Av1Depayloader, each: OrderedPacket): TemporalUnit[] => [
  ...depayloader.push(each),
  ...depayloader.flush(),
];

/** What comes out, as hex, of packets in order; the last one is marked. */
function units(payloads: string[], first: Header = {}): string[] {
  const depayloader = new Av1Depayloader();
  return payloads.flatMap((payload, i) => {
    const marker = i === payloads.length - 1;
    return pushed(
      depayloader,
      packet(payload, { ...first, sequence: ((first.sequence ?? 1) + i) & 0xffff, marker }),
    ).map(({ data }) => data.toString('hex'));
  });
}

// A sequence header (type 1), a frame (6) and a frame with an extension, in RTP without their sizes; and as a decoder takes them.
const [SEQUENCE, FRAME, LAYERED] = ['08 a1a2', '30 b1b2b3', '34 48 c1'];
const [TD, SEQUENCE_SIZED, FRAME_SIZED, LAYERED_SIZED] = ['1200', '0a02a1a2', '3203b1b2b3', '364801c1'];
const LONG = 'ab'.repeat(300);

describe('Av1Depayloader', () => {
  it.each<[string, string[], string]>([
    ['one OBU without a length', [`18 ${FRAME}`], TD + FRAME_SIZED],
    ['two, the last without a length', [`28 03 ${SEQUENCE} ${FRAME}`], TD + SEQUENCE_SIZED + FRAME_SIZED],
    ['three', [`38 03 ${SEQUENCE} 04 ${FRAME} ${LAYERED}`], TD + SEQUENCE_SIZED + FRAME_SIZED + LAYERED_SIZED],
    [
      'any number, each with a length',
      [`08 03 ${SEQUENCE} 04 ${FRAME} 04 ${FRAME} 04 ${FRAME}`],
      TD + SEQUENCE_SIZED + FRAME_SIZED.repeat(3),
    ],
    ['one OBU over two packets', ['58 30 b1', '90 b2b3'], TD + FRAME_SIZED],
    [
      'one over three, with others around',
      [`68 03 ${SEQUENCE} 30`, 'd0 b1b2', `a0 01 b3 ${LAYERED}`],
      TD + SEQUENCE_SIZED + FRAME_SIZED + LAYERED_SIZED,
    ],
    ['several packets without fragments', [`18 ${SEQUENCE}`, `10 ${FRAME}`], TD + SEQUENCE_SIZED + FRAME_SIZED],
    ['a length of two bytes', [`28 ad02 30${LONG} ${LAYERED}`], `${TD}32ac02${LONG}${LAYERED_SIZED}`],
    ['an OBU that has its size already', [`18 ${FRAME_SIZED}`], TD + FRAME_SIZED],
    [
      'temporal delimiters, tile lists and padding left out',
      [`08 01 10 02 4000 02 7800 02 1200 04 ${FRAME}`],
      TD + FRAME_SIZED,
    ],
    ['bandwidth probes in between', [`58 30 b1`, '', '90 b2b3'], TD + FRAME_SIZED],
  ])('makes a temporal unit of %s', (_, payloads, unit) => {
    expect(units(payloads)).toEqual([unit]);
    // Sequence numbers have 16 bits.
    expect(units(payloads, { sequence: 0xffff })).toEqual([unit]);
  });

  it.each([
    ['a length beyond the packet', '28 7f 08a1 30b1'],
    ['fewer OBUs than announced', `38 03 ${SEQUENCE}`],
    ['a length without an end', '08 ffffffffff'],
    ['the rest of an OBU that never began', `98 ${FRAME}`],
    ['a forbidden bit', '18 b0b1'],
    ['a size beyond the OBU', '18 32 7f b1'],
    ['an OBU of nothing', '08 00'],
    ['no OBU', '08'],
  ])('makes nothing of %s, and wants a key frame', (_, payload) => {
    const depayloader = new Av1Depayloader();
    expect(pushed(depayloader, packet(payload, { marker: true }))).toEqual([]);
    expect(depayloader.isLost).toBe(true);
  });

  it('leaves out everything from a lost packet to the next sequence', () => {
    const depayloader = new Av1Depayloader();
    const push = (sequence: number, payload: string, marker = true) =>
      pushed(depayloader, packet(payload, { sequence, timestamp: 1000 * sequence, marker, time: sequence })).map(
        ({ data, keyframe, time }) => [data.toString('hex'), keyframe, time],
      );
    expect(depayloader.isLost).toBe(true);
    // In the middle of a sequence.
    expect(push(1, `10 ${FRAME}`)).toEqual([]);
    expect(push(2, `28 03 ${SEQUENCE} ${FRAME}`)).toEqual([[TD + SEQUENCE_SIZED + FRAME_SIZED, true, 2]]);
    expect(depayloader.isLost).toBe(false);
    expect(push(3, `10 ${FRAME}`)).toEqual([[TD + FRAME_SIZED, false, 3]]);
    expect(push(5, `10 ${FRAME}`)).toEqual([]);
    expect(depayloader.isLost).toBe(true);
    expect(push(6, `10 ${FRAME}`)).toEqual([]);
    expect(push(7, `18 ${FRAME}`)).toEqual([[TD + FRAME_SIZED, true, 7]]);
    // Twice: no loss.
    expect(push(7, `10 ${FRAME}`)).toEqual([]);
    expect(push(8, `10 ${FRAME}`)).toEqual([[TD + FRAME_SIZED, false, 8]]);
    // A fragment whose rest does not come.
    expect(push(9, '50 30 b1')).toEqual([]);
    expect(depayloader.isLost).toBe(true);
  });

  it('ends a unit at a new timestamp where its end is not marked', () => {
    const depayloader = new Av1Depayloader();
    expect(depayloader.push(packet(`18 ${SEQUENCE}`, { sequence: 1, timestamp: 1, time: 5 }))).toEqual([]);
    expect(depayloader.push(packet(`10 ${FRAME}`, { sequence: 2, timestamp: 1, time: 6 }))).toEqual([]);
    const [before, now] = pushed(
      depayloader,
      packet(`10 ${FRAME}`, { sequence: 3, timestamp: 2, marker: true, time: 7 }),
    );
    expect(before).toMatchObject({
      time: 5,
      keyframe: true,
      data: Buffer.from(TD + SEQUENCE_SIZED + FRAME_SIZED, 'hex'),
    });
    expect(now).toMatchObject({ time: 7, keyframe: false, data: Buffer.from(TD + FRAME_SIZED, 'hex') });
  });

  it('goes on with the next sequence where the numbers begin anew', () => {
    const depayloader = new Av1Depayloader();
    const push = (sequence: number): number =>
      pushed(depayloader, packet(`18 ${FRAME}`, { sequence, marker: true })).length;
    expect([100, 40_000, 40_001].map(push)).toEqual([1, 1, 1]);
  });

  it('does not gather small pieces without end', () => {
    const depayloader = new Av1Depayloader();
    expect(depayloader.push(packet(`18 ${SEQUENCE}`))).toEqual([]);
    expect(depayloader.isLost).toBe(false);
    const crumbs = `00${' 01 30'.repeat(600)}`;
    for (let sequence = 2; sequence < 40; sequence += 1) depayloader.push(packet(crumbs, { sequence }));
    expect(depayloader.isLost).toBe(true);
  });

  it('does not gather without end', () => {
    const depayloader = new Av1Depayloader();
    const piece = 'ab'.repeat(60_000);
    for (let sequence = 1; sequence < 200; sequence += 1)
      depayloader.push(packet(`${sequence === 1 ? '58 30' : 'd0'} ${piece}`, { sequence, time: 0 }));
    expect(depayloader.isLost).toBe(true);
  });
});
