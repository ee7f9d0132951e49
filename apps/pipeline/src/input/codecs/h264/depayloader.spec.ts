import { describe, expect, it } from 'vitest';
import type { OrderedPacket } from '#libs/rtp';
import type { AccessUnit } from './access-unit.js';
import { H264Depayloader } from './depayloader.js';
import {
  avc,
  DELIMITER,
  fragmentsOf,
  packetize,
  ppsOf,
  RECOVERY_SEI,
  sliceOf,
} from '../../../../../../test/support/h264.js';
import {
  FILLER,
  IDR,
  INTER,
  KEY_UNIT,
  PPS,
  SECOND_SLICE,
  SEI,
  SPROP,
  SPS,
  run,
  shape,
} from '../../../../../../test/support/h264-units.js';
import { decoderConfigurationRecord } from './parameter-sets.js';

const RECORD = decoderConfigurationRecord([SPS], [PPS]);

/** Payloads as hex, each a packet of one access unit; the last one is marked. */
const packetsOf = (payloads: string[], unit = 0): OrderedPacket[] =>
  payloads.map((payload, i) => ({
    sequence: 100 * unit + i,
    timestamp: unit,
    marker: i === payloads.length - 1,
    payload: Buffer.from(payload.replaceAll(' ', ''), 'hex'),
    time: unit * 40,
  }));

describe('H264Depayloader', () => {
  it('makes access units for AVC, the first with its configuration', () => {
    const [first, second] = run(
      packetize([
        [DELIMITER, SPS, PPS, SEI, IDR],
        [DELIMITER, SEI, INTER, SECOND_SLICE, FILLER],
      ]),
    );
    expect(first).toEqual({
      data: avc([SEI, IDR]),
      keyframe: true,
      time: 0,
      config: { record: RECORD, width: 320, height: 240 },
    });
    expect(second).toEqual({ data: avc([SEI, INTER, SECOND_SLICE, FILLER]), keyframe: false, time: 40 });
  });

  it.each([
    ['too short for its own header', ['1c']],
    ['the rest of a unit that never began', ['3c05 aabb']],
    ['a beginning without an end', ['7c85 8884aabbccddeeff0011223344556677889900']],
    ['a second beginning', ['7c85 8884aabbccddeeff0011223344556677889900', '7c85 8884', '7c45 00']],
    ['another unit amid fragments', ['7c85 8884aabbccddeeff0011223344556677889900', '0601', '7c45 00']],
    ['fragments of two kinds', ['7c85 8884aabbccddeeff0011223344556677889900', '7c41 00']],
    ['a fragmented aggregate', ['7cd8 8884']],
    ['an aggregate of nothing', ['78']],
    ['a length beyond the packet', ['78 0009 6588']],
    ['a length of nothing', ['78 0000 0002 6588']],
    ['half a length', ['78 0002 6588 00']],
    ['the forbidden bit', ['e588 84']],
    ['the forbidden bit in an aggregate', ['78 0003 e58884']],
    ['a slice without bits', ['65']],
    ['a slice of a parameter set that nobody sent', ['65 8840']],
    ['a broken parameter set', ['67 42c0', '65 8884']],
    ['an endless parameter set', [`68 ce${'ff'.repeat(3000)}`, '65 8884']],
  ])('loses a unit of %s, and that only', (_, payloads) => {
    const depayloader = new H264Depayloader(SPROP);
    expect(run(packetsOf(payloads), depayloader)).toEqual([]);
    run(
      [{ sequence: payloads.length, timestamp: 5, marker: false, payload: Buffer.from('0600', 'hex'), time: 0 }],
      depayloader,
    );
    expect(depayloader.isLost).toBe(true);
    const packets = packetize([KEY_UNIT, [INTER]], { sequence: payloads.length + 1 });
    expect(shape(run(packets, depayloader))).toBe('0kc 1p');
    expect(depayloader.isLost).toBe(false);
  });

  it.each([
    ['what is not negotiated', ['79 0000 aabb', '7a', '1d 85', '65 8884aa']],
    ['empty fragments', ['7c85', '7c05 88', '7c05', '7c05 84', '7c45 aa']],
    ['a unit in one fragment', ['7cc5 8884aa']],
    ['unknown units in an aggregate', ['78 0002 00aa 0001 1f 0004 658884aa']],
  ])('passes over %s', (_, payloads) => {
    expect(run(packetsOf(payloads), new H264Depayloader(SPROP)).map(({ data }) => data)).toEqual([
      avc([Buffer.from('658884aa', 'hex')]),
    ]);
  });

  it('gives each unit the time of its first packet, and ends it at a new timestamp where its end is not marked', () => {
    const packets = packetize([KEY_UNIT, [INTER, SECOND_SLICE], [INTER]], { marked: false }).map((packet, i) => ({
      ...packet,
      time: i,
    }));
    const last = { ...packets.at(-1)!, marker: true };
    const depayloader = new H264Depayloader('');
    const units = run(packets.slice(0, -1), depayloader);
    expect(units.map(({ time }) => time)).toEqual([0]);
    expect(run([last], depayloader).map(({ data }) => data)).toEqual([avc([INTER, SECOND_SLICE]), avc([INTER])]);
  });

  it('does not end a unit where only its parameter sets are marked', () => {
    const packets = packetize([[SPS, PPS, RECOVERY_SEI, INTER]]).map((packet) => ({ ...packet, marker: true }));
    expect(run(packets)).toMatchObject([{ data: avc([RECOVERY_SEI, INTER]), keyframe: true }]);
  });

  it('takes bandwidth probes for neither gap nor frame', () => {
    const packets = packetize([KEY_UNIT, [INTER], [INTER]]).flatMap((packet) => [
      packet,
      { ...packet, payload: Buffer.alloc(0), marker: true, timestamp: 7 },
    ]);
    expect(shape(run(packets.map((packet, i) => ({ ...packet, sequence: (65_530 + i) & 0xffff }))))).toBe('0kc 1p 2p');
  });

  it('begins with the parameter sets of the offer', () => {
    expect(run(packetize([[IDR]]), new H264Depayloader(SPROP))[0]?.config?.record).toEqual(RECORD);
    expect(
      run(
        packetize([[IDR]]),
        new H264Depayloader(
          SPROP.replaceAll(';', '; ')
            .toUpperCase()
            .replace(/=.*/, SPROP.slice(SPROP.indexOf('='))),
        ),
      ).length,
    ).toBe(1);
    for (const fmtp of [
      '',
      'sprop-parameter-sets',
      'sprop-parameter-sets=',
      'sprop-parameter-sets=,,,Z,????',
      `x-sprop-parameter-sets=${SPS.toString('base64')},${PPS.toString('base64')}`,
    ]) {
      const depayloader = new H264Depayloader(fmtp);
      expect(run(packetize([[IDR]]), depayloader)).toEqual([]);
      expect(depayloader.isLost).toBe(true);
    }
  });

  it.each<[string, Buffer[][], string]>([
    ['an IDR picture', [[INTER], KEY_UNIT, [INTER]], '1kc 2p'],
    ['a recovery point, as periodic intra refresh has', [[SPS, PPS, INTER], [RECOVERY_SEI, INTER], [INTER]], '1kc 2p'],
    ['no second slice', [[SPS, PPS, sliceOf({ idr: true, first: 9 })], KEY_UNIT], '1kc'],
    ['parameter sets that came before', [[SPS], [PPS], [IDR]], '2kc'],
    ['nothing while parameter sets are missing', [[SPS, IDR], [INTER], [PPS, IDR]], '2kc'],
  ])('begins with %s', (_, units, expected) => {
    expect(shape(run(packetize(units)))).toBe(expected);
  });

  it('is lost until a key frame begins', () => {
    const depayloader = new H264Depayloader('');
    const [sps, pps, first, ...rest] = packetize([KEY_UNIT]) as [OrderedPacket, OrderedPacket, OrderedPacket];
    run([sps, pps], depayloader);
    expect(depayloader.isLost).toBe(true);
    run([first], depayloader);
    expect(depayloader.isLost).toBe(false);
    expect(run(rest, depayloader).length).toBe(1);
  });

  it.each<[string, Buffer]>([
    ['bytes', Buffer.concat([Buffer.from([0x7c, 0x05]), Buffer.alloc(60_000)])],
    ['tiny fragments', Buffer.from([0x7c, 0x05, 1])],
    ['tiny units', Buffer.concat([Buffer.from([0x78]), ...Array.from({ length: 400 }, () => Buffer.from([0, 1, 6]))])],
  ])('does not gather %s without end', (_, payload) => {
    const depayloader = new H264Depayloader(SPROP);
    const start = fragmentsOf(IDR, 1000)[0] as Buffer;
    const first = payload[0] === 0x78 ? Buffer.from('658884', 'hex') : start;
    let sequence = 0;
    const push = (data: Buffer): AccessUnit[] =>
      depayloader.push({ sequence: (sequence += 1) & 0xffff, timestamp: 1, marker: false, payload: data, time: 0 });
    push(first);
    expect(depayloader.isLost).toBe(false);
    for (let i = 0; i < 17_000 && !depayloader.isLost; i += 1) push(payload);
    expect(depayloader.isLost).toBe(true);
    expect(
      depayloader.push({ sequence: (sequence + 1) & 0xffff, timestamp: 2, marker: true, payload: INTER, time: 0 }),
    ).toEqual([]);
  });

  it('keeps records small, whatever parameter sets come', () => {
    const depayloader = new H264Depayloader('');
    const sets = Array.from({ length: 256 }, (_, id) => Buffer.concat([ppsOf(id, 0), Buffer.alloc(1000, id)]));
    const [unit] = run(packetize([[SPS, ...sets, sliceOf({ idr: true, pps: 255 })]]), depayloader);
    expect(unit?.config?.record.length).toBeLessThan(5000);
  });
});
