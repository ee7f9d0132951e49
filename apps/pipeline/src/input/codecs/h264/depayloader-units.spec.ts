import { describe, expect, it } from 'vitest';
import { H264Depayloader } from './depayloader.js';
import { avc, packetize, RECOVERY_SEI, redundantPpsOf, sliceOf, spsOf } from '../../../../../../test/support/h264.js';
import { INTER, KEY_UNIT, PPS, run, SPS } from '../../../../../../test/support/h264-units.js';

describe('H264Depayloader', () => {
  describe('access units', () => {
    const [first, second, third] = [0, 10, 20].map((macroblock) => sliceOf({ first: macroblock }));
    const slices = [first, second, third] as Buffer[];
    const key = [0, 10, 20].map((macroblock) => sliceOf({ idr: true, first: macroblock }));
    const eight = Array.from({ length: 7 }, (_, i) => slices.map((_, k) => sliceOf({ first: 10 * k, frame: 1 + i })));
    const stream = [[SPS, PPS, ...key], ...eight];

    it.each<[string, Parameters<typeof packetize>[1]]>([
      ['the last packet', { marked: true }],
      ['no packet', { marked: false }],
      ['the last packet of every NAL unit', { marked: 'units' }],
      ['the last packet of every NAL unit, which are in fragments', { marked: 'units', mtu: 8 }],
      ['every packet, which are fragments', { marked: 'all', mtu: 8 }],
      ['every packet, which hold several units', { marked: 'all', aggregate: true, mtu: 30 }],
    ])('are whole, and as many as were sent, whose sender marks %s', (_, how) => {
      const units = run(packetize([...stream, [INTER]], how)).slice(0, stream.length);
      expect(units.map(({ data, time }) => [time / 40, data.toString('hex')])).toEqual(
        stream.map((unit, i) => [i, avc(i === 0 ? key : unit).toString('hex')]),
      );
    });

    it('come with their last packet where that alone is marked; the first three a moment later', () => {
      const depayloader = new H264Depayloader('');
      const came: string[] = [];
      for (const packet of packetize(stream)) {
        const units = depayloader.push(packet).length;
        if (packet.marker)
          came.push(
            units === 1 && !depayloader.isWaiting
              ? 'now'
              : depayloader.isWaiting && depayloader.flush()
                ? 'after a moment'
                : 'never',
          );
      }
      expect(came).toEqual(['after a moment', 'after a moment', 'after a moment', 'now', 'now', 'now', 'now', 'now']);
    });

    it('come one frame later where every slice is marked, and not more', () => {
      const depayloader = new H264Depayloader('');
      const packets = packetize(stream, { marked: 'units' });
      const late = packets.flatMap((packet) => depayloader.push(packet).map(({ time }) => packet.time - time));
      expect(late).toEqual(stream.slice(1).map(() => 40));
    });

    it('are whole again, but for one, of a sender that begins to mark every slice', () => {
      const before = packetize(stream.slice(0, 5));
      const after = packetize(stream, { marked: 'units' }).slice(before.length);
      const units = run([...before, ...after]);
      expect(units.map(({ time }) => time / 40)).toEqual([0, 1, 2, 3, 4, 5, 5, 6]);
      expect(units.at(-1)?.data.toString('hex')).toBe(avc(stream[6] as Buffer[]).toString('hex'));
    });

    const interlaced = spsOf({ interlaced: true });
    /** All in packets of one timestamp, none marked; what comes out of them, each as the numbers of its NAL units. */
    it.each<[string, Buffer[], number[][]]>([
      ['slices of one frame', [SPS, PPS, ...key], [[0, 1, 2]]],
      ['arbitrary slice order', [SPS, PPS, key[2] as Buffer, key[0] as Buffer, key[1] as Buffer], []],
      [
        'another frame_num',
        [SPS, PPS, ...key, sliceOf({ frame: 1 }), sliceOf({ frame: 1, first: 10 })],
        [
          [0, 1, 2],
          [3, 4],
        ],
      ],
      [
        'another frame_num, whose first slice is lost',
        [SPS, PPS, ...key, sliceOf({ frame: 1, first: 10 })],
        [[0, 1, 2], [3]],
      ],
      ['another order count', [SPS, PPS, ...key, sliceOf({ order: 2, reference: false })], [[0, 1, 2], [3]]],
      ['another IDR picture', [SPS, PPS, ...key, sliceOf({ idr: true, idrId: 1 })], [[0, 1, 2], [3]]],
      ['the same numbers, but the first macroblock again', [SPS, PPS, key[0] as Buffer, key[0] as Buffer], [[0], [1]]],
      [
        'units before the second that are of it',
        [SPS, PPS, key[0] as Buffer, RECOVERY_SEI, sliceOf({ frame: 1 })],
        [[0], [1, 2]],
      ],
      [
        'slices that repeat others',
        [SPS, redundantPpsOf(0, 0), sliceOf({ idr: true, redundant: 0 }), sliceOf({ idr: true, redundant: 1 })],
        [[0, 1]],
      ],
      [
        'two fields of one frame',
        [interlaced, PPS, sliceOf({ idr: true, field: '10' }), sliceOf({ field: '11', order: 1 })],
        [[0, 1]],
      ],
      [
        'fields of two frames',
        [interlaced, PPS, sliceOf({ idr: true, field: '10' }), sliceOf({ field: '10', frame: 1 })],
        [[0], [1]],
      ],
      ['headers that are cut off', [SPS, PPS, Buffer.from('658884', 'hex'), Buffer.from('419a', 'hex')], [[0], [1]]],
    ])('with one timestamp are told apart: %s', (_, nals, expected) => {
      const units = run([
        ...packetize([nals], { marked: false }),
        ...packetize([[], [INTER]], { sequence: 65_530 + nals.length, marked: false }),
      ]);
      const sent = nals.filter((nal) => ![7, 8].includes((nal[0] as number) & 0x1f));
      expect(units.map(({ data }) => data.toString('hex'))).toEqual(
        expected.map((numbers) => avc(numbers.map((i) => sent[i] as Buffer)).toString('hex')),
      );
    });

    it('with one timestamp, each marked, do not make a sender one whose markers are wrong', () => {
      const depayloader = new H264Depayloader('');
      const units = [KEY_UNIT, ...Array.from({ length: 8 }, (_, i) => [sliceOf({ frame: i + 1 })])];
      const packets = packetize(units).map((packet) => ({ ...packet, timestamp: Math.floor(packet.time / 80) }));
      const late = packets.flatMap((packet) => depayloader.push(packet).map(({ data }) => data)).length;
      expect(late).toBeGreaterThanOrEqual(units.length - 1);
      expect(
        depayloader.push({
          ...packets[0]!,
          ...packetize([[sliceOf({ frame: 9 })]], { sequence: packets.at(-1)!.sequence + 1 })[0]!,
          timestamp: 99,
        }).length,
      ).toBe(1);
    });
  });
});
