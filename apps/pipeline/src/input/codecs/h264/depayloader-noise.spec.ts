import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { H264Depayloader } from './depayloader.js';
import { avc, packetize, sliceOf } from '../../../../../../test/support/h264.js';
import { BODY, IDR, INTER, KEY_UNIT, PPS, SEI, SPROP, SPS, run } from '../../../../../../test/support/h264-units.js';

describe('H264Depayloader', () => {
  const body = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));
  const unitOf = fc.record({
    idr: fc.boolean(),
    bodies: fc.array(body, { minLength: 1, maxLength: 4 }),
    sei: fc.boolean(),
  });
  const options = fc.record({
    mtu: fc.integer({ min: 3, max: 500 }),
    aggregate: fc.boolean(),
    sequence: fc.nat(65_535),
    marked: fc.boolean(),
  });
  const nalsOf = ({ idr, bodies, sei }: { idr: boolean; bodies: Buffer[]; sei: boolean }): Buffer[] => [
    ...(idr ? [SPS, PPS] : []),
    ...(sei ? [SEI] : []),
    ...bodies.map((bytes, i) => sliceOf({ idr, first: i * 20, body: bytes })),
  ];

  it('brings through whatever is packetized, in any way', () => {
    fc.assert(
      fc.property(fc.array(unitOf, { maxLength: 5 }), options, (shapes, how) => {
        const all = [{ idr: true, bodies: [BODY.subarray(0, 100)], sei: false }, ...shapes];
        // The last one is for those whose end is not marked.
        const units = run(packetize([...all.map(nalsOf), [INTER]], { ...how })).slice(0, all.length);
        expect(units.map(({ data, keyframe }) => ({ data, keyframe }))).toEqual(
          all.map((unit) => ({
            data: avc(nalsOf(unit).filter((nal) => nal !== SPS && nal !== PPS)),
            keyframe: unit.idr,
          })),
        );
      }),
    );
  });

  it('never throws, and mends with the next key frame, whatever comes', () => {
    const change = fc.record({
      packet: fc.nat(200),
      at: fc.nat(40),
      value: fc.nat(255),
      kind: fc.constantFrom('byte', 'cut', 'drop', 'marker', 'timestamp'),
    });
    fc.assert(
      fc.property(
        fc.array(unitOf, { maxLength: 4 }),
        options,
        fc.array(change, { maxLength: 8 }),
        (shapes, how, changes) => {
          const packets = packetize([KEY_UNIT, ...shapes.map(nalsOf)], how).map((packet) => ({
            ...packet,
            payload: Buffer.from(packet.payload),
          }));
          for (const { packet: index, at, value, kind } of changes) {
            const packet = packets[index % packets.length];
            if (!packet) continue;
            if (kind === 'byte' && at < packet.payload.length) packet.payload[at] = value;
            if (kind === 'cut') packet.payload = packet.payload.subarray(0, at);
            if (kind === 'marker') packet.marker = !packet.marker;
            if (kind === 'timestamp') packet.timestamp = value;
            if (kind === 'drop') packets.splice(index % packets.length, 1);
          }
          const depayloader = new H264Depayloader('');
          for (const { data, time } of run(packets, depayloader))
            expect(data.length > 4 && Number.isFinite(time)).toBe(true);
          const next = ((packets.at(-1)?.sequence ?? 0) + 1) & 0xffff;
          // The last one is for those whose markers are not believed any more.
          const mended = run(
            packetize([KEY_UNIT, [INTER], [INTER]], { sequence: next }).map((packet) => ({
              ...packet,
              timestamp: packet.timestamp ^ 0x5a5a5a,
            })),
            depayloader,
          );
          // As hex: buffers are compared byte by byte, which takes seconds.
          const from = mended.findLastIndex(({ keyframe }) => keyframe);
          expect(mended.slice(from, from + 2).map(({ data }) => data.toString('hex'))).toEqual([
            avc([IDR]).toString('hex'),
            avc([INTER]).toString('hex'),
          ]);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('takes noise', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 60 }), fc.boolean(), fc.nat(2)), { maxLength: 60 }),
        (noise) => {
          const depayloader = new H264Depayloader(SPROP);
          for (const [sequence, [bytes, marker, timestamp]] of noise.entries()) {
            expect(() =>
              depayloader.push({ sequence, timestamp, marker, payload: Buffer.from(bytes), time: 0 }),
            ).not.toThrow();
          }
        },
      ),
    );
  });
});
