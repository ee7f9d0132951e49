import { describe, expect, it } from 'vitest';
import type { OrderedPacket } from '#libs/rtp';
import { H264Depayloader } from './depayloader.js';
import { avc, packetize, ppsOf, sliceOf, spsOf } from '../../../../../../test/support/h264.js';
import {
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

describe('H264Depayloader', () => {
  describe('parameter sets that change', () => {
    const big = spsOf({ columns: 40, rows: 30 });
    const otherPps = ppsOf(0, 0, '1');
    const configs = (units: Buffer[][]): (string | null)[] =>
      run(packetize(units)).map(({ config }) => (config ? `${config.width} ${config.record.toString('hex')}` : null));
    const config = (width: number, sps: Buffer, ...pps: Buffer[]): string =>
      `${width} ${decoderConfigurationRecord([sps], pps).toString('hex')}`;

    it.each<[string, Buffer[][], (string | null)[]]>([
      ['the same again: nothing', [KEY_UNIT, KEY_UNIT], [config(320, SPS, PPS), null]],
      [
        'another size',
        [KEY_UNIT, [INTER], [big, PPS, IDR], [INTER]],
        [config(320, SPS, PPS), null, config(640, big, PPS), null],
      ],
      [
        'a size that waits for its key frame',
        [KEY_UNIT, [big, otherPps, INTER], [INTER], [IDR]],
        [config(320, SPS, PPS), null, null, config(640, big, otherPps)],
      ],
      [
        'only the picture parameter set',
        [KEY_UNIT, [SPS, otherPps, IDR]],
        [config(320, SPS, PPS), config(320, SPS, otherPps)],
      ],
      [
        'only that, between key frames: with the frame it comes before',
        [KEY_UNIT, [otherPps, INTER], [INTER]],
        [config(320, SPS, PPS), config(320, SPS, otherPps), null],
      ],
      [
        'one more',
        [KEY_UNIT, [ppsOf(1, 0), sliceOf({ pps: 1 })]],
        [config(320, SPS, PPS), config(320, SPS, PPS, ppsOf(1, 0))],
      ],
      [
        'other ids: only those in use are in the record',
        [KEY_UNIT, [spsOf({ id: 1, columns: 40 }), ppsOf(1, 1), INTER], [sliceOf({ idr: true, pps: 1 })], [IDR]],
        [config(320, SPS, PPS), null, config(640, spsOf({ id: 1, columns: 40 }), ppsOf(1, 1)), config(320, SPS, PPS)],
      ],
    ])('%s', (_, units, expected) => {
      expect(configs(units)).toEqual(expected);
    });

    it('are not forgotten with the frame that brought them', () => {
      const packets = packetize([KEY_UNIT, [big, PPS, IDR], [INTER], [IDR]]);
      const endOfSecond = packets.findIndex(({ time }) => time === 80) - 1;
      const units = run(packets.filter((_, i) => i !== endOfSecond));
      expect(shape(units)).toBe('0kc 3kc');
      expect(units[1]?.config).toMatchObject({ width: 640, height: 480 });
    });
  });

  describe('a lost packet', () => {
    const units = [
      KEY_UNIT,
      [INTER],
      [INTER, SECOND_SLICE],
      [INTER],
      [SEI, ...KEY_UNIT],
      [INTER],
      [INTER],
      KEY_UNIT,
      [INTER],
    ];
    const SEI_TYPE = 6;

    it('that held nothing but information beside the picture is not missed', () => {
      const packets = packetize(units).filter(({ payload }) => ((payload[0] as number) & 0x1f) !== SEI_TYPE);
      expect(run(packets).map(({ time }) => time / 40)).toEqual(units.map((_, unit) => unit));
    });

    it.each([false, true])('takes its frame, and all to the next key frame (aggregates: %s)', (aggregate) => {
      const packets = packetize(units, { aggregate });
      for (let i = 1; i < packets.length; i += 1) {
        const { payload, time } = packets[i] as OrderedPacket;
        // It goes alone: the key frame behind it is whole.
        if (((payload[0] as number) & 0x1f) === SEI_TYPE) continue;
        const lostTime = time / 40;
        const came = run(packets.filter((_, k) => k !== i)).map(({ time, data }) => ({ unit: time / 40, data }));
        const resume = lostTime === 8 ? 9 : ([4, 7].find((key) => key > lostTime) ?? 9);
        expect(came.map(({ unit }) => unit)).toEqual(
          units.flatMap((_, unit) => (unit < lostTime || unit >= resume ? [unit] : [])),
        );
        for (const { unit, data } of came)
          expect(data).toEqual(avc((units[unit] as Buffer[]).filter((nal) => nal !== SPS && nal !== PPS)));
      }
    });

    it('before a key frame without parameter sets makes it useless only where they may have been in it', () => {
      const before = (units: Buffer[][], fmtp: string): string =>
        shape(
          run(
            packetize(units).filter(({ time }) => time !== 40),
            new H264Depayloader(fmtp),
          ),
        );
      expect(before([[IDR], [INTER], [IDR]], SPROP)).toBe('0kc 2k');
      expect(before([KEY_UNIT, [INTER], [IDR], KEY_UNIT], '')).toBe('0kc 3k');
    });

    it('is noticed, a repeated one is not', () => {
      const depayloader = new H264Depayloader('');
      const packets = packetize([KEY_UNIT, [INTER], [INTER], [INTER]]);
      expect(
        shape(
          run(
            packets.flatMap((packet) => [packet, packet]),
            depayloader,
          ),
        ),
      ).toBe('0kc 1p 2p 3p');
      expect(depayloader.isLost).toBe(false);
      run([{ ...packets.at(-1)!, sequence: 30_000, payload: Buffer.alloc(0) }], depayloader);
      expect(depayloader.isLost).toBe(true);
    });
  });
});
