import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OrderedPacket } from '../../rtp/types.js';
import { type AccessUnit, H264Depayloader } from './depayloader.js';
import { avc, DELIMITER, fragmentsOf, packetize, ppsOf, RECOVERY_SEI, redundantPpsOf, sliceOf, spsOf } from '../../../../../../test/support/h264.js';
import { decoderConfigurationRecord } from './parameter-sets.js';

const [SPS, PPS] = [spsOf({}), ppsOf(0, 0)];
const RECORD = decoderConfigurationRecord([SPS], [PPS]);
const BODY = Buffer.from(Array.from({ length: 5000 }, (_, i) => i & 0xff));
const IDR = sliceOf({ idr: true, body: BODY });
const INTER = sliceOf();
const SECOND_SLICE = sliceOf({ first: 40 });
const SEI = Buffer.from('060502aabb80', 'hex');
const FILLER = Buffer.from('0cffff80', 'hex');
const KEY_UNIT = [SPS, PPS, IDR];
const SPROP = `packetization-mode=1;sprop-parameter-sets=${SPS.toString('base64')},${PPS.toString('base64')};profile-level-id=42e01f`;

/** What comes out of these packets, and of the moment after the last one. */
function run(packets: OrderedPacket[], depayloader = new H264Depayloader('')): AccessUnit[] {
  const units = packets.flatMap((packet) => depayloader.push(packet));
  const last = depayloader.flush();
  return last ? [...units, last] : units;
}

/** Which pictures came out, by their times: k for a key frame, p for another, c after one with a configuration. */
const shape = (units: AccessUnit[]): string => units.map(({ time, keyframe, config }) => `${time / 40}${keyframe ? 'k' : 'p'}${config ? 'c' : ''}`).join(' ');

/** Payloads as hex, each a packet of one access unit; the last one is marked. */
const packetsOf = (payloads: string[], unit = 0): OrderedPacket[] =>
  payloads.map((payload, i) => ({ sequence: 100 * unit + i, timestamp: unit, marker: i === payloads.length - 1, payload: Buffer.from(payload.replaceAll(' ', ''), 'hex'), time: unit * 40 }));

describe('H264Depayloader', () => {
  it('makes access units for AVC, the first with its configuration', () => {
    const [first, second] = run(packetize([[DELIMITER, SPS, PPS, SEI, IDR], [DELIMITER, SEI, INTER, SECOND_SLICE, FILLER]]));
    expect(first).toEqual({ data: avc([SEI, IDR]), keyframe: true, time: 0, config: { record: RECORD, width: 320, height: 240 } });
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
    run([{ sequence: payloads.length, timestamp: 5, marker: false, payload: Buffer.from('0600', 'hex'), time: 0 }], depayloader);
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
    expect(run(packetsOf(payloads), new H264Depayloader(SPROP)).map(({ data }) => data)).toEqual([avc([Buffer.from('658884aa', 'hex')])]);
  });

  it('gives each unit the time of its first packet, and ends it at a new timestamp where its end is not marked', () => {
    const packets = packetize([KEY_UNIT, [INTER, SECOND_SLICE], [INTER]], { marked: false }).map((packet, i) => ({ ...packet, time: i }));
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

  it('takes bandwidth probes for neither gap nor picture', () => {
    const packets = packetize([KEY_UNIT, [INTER], [INTER]]).flatMap((packet) => [packet, { ...packet, payload: Buffer.alloc(0), marker: true, timestamp: 7 }]);
    expect(shape(run(packets.map((packet, i) => ({ ...packet, sequence: (65_530 + i) & 0xffff }))))).toBe('0kc 1p 2p');
  });

  it('begins with the parameter sets of the offer', () => {
    expect(run(packetize([[IDR]]), new H264Depayloader(SPROP))[0]?.config?.record).toEqual(RECORD);
    expect(run(packetize([[IDR]]), new H264Depayloader(SPROP.replaceAll(';', '; ').toUpperCase().replace(/=.*/, SPROP.slice(SPROP.indexOf('='))))).length).toBe(1);
    for (const fmtp of ['', 'sprop-parameter-sets', 'sprop-parameter-sets=', 'sprop-parameter-sets=,,,Z,????', `x-sprop-parameter-sets=${SPS.toString('base64')},${PPS.toString('base64')}`]) {
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
      expect(units.map(({ data, time }) => [time / 40, data.toString('hex')])).toEqual(stream.map((unit, i) => [i, avc(i === 0 ? key : unit).toString('hex')]));
    });

    it('come with their last packet where that alone is marked; the first three a moment later', () => {
      const depayloader = new H264Depayloader('');
      const came: string[] = [];
      for (const packet of packetize(stream)) {
        const units = depayloader.push(packet).length;
        if (packet.marker) came.push(units === 1 && !depayloader.isWaiting ? 'now' : depayloader.isWaiting && depayloader.flush() ? 'after a moment' : 'never');
      }
      expect(came).toEqual(['after a moment', 'after a moment', 'after a moment', 'now', 'now', 'now', 'now', 'now']);
    });

    it('come one picture later where every slice is marked, and not more', () => {
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
      ['slices of one picture', [SPS, PPS, ...key], [[0, 1, 2]]],
      ['arbitrary slice order', [SPS, PPS, key[2] as Buffer, key[0] as Buffer, key[1] as Buffer], []],
      ['another frame_num', [SPS, PPS, ...key, sliceOf({ frame: 1 }), sliceOf({ frame: 1, first: 10 })], [[0, 1, 2], [3, 4]]],
      ['another frame_num, whose first slice is lost', [SPS, PPS, ...key, sliceOf({ frame: 1, first: 10 })], [[0, 1, 2], [3]]],
      ['another order count', [SPS, PPS, ...key, sliceOf({ order: 2, reference: false })], [[0, 1, 2], [3]]],
      ['another IDR picture', [SPS, PPS, ...key, sliceOf({ idr: true, idrId: 1 })], [[0, 1, 2], [3]]],
      ['the same numbers, but the first macroblock again', [SPS, PPS, key[0] as Buffer, key[0] as Buffer], [[0], [1]]],
      ['units before the second that are of it', [SPS, PPS, key[0] as Buffer, RECOVERY_SEI, sliceOf({ frame: 1 })], [[0], [1, 2]]],
      ['slices that repeat others', [SPS, redundantPpsOf(0, 0), sliceOf({ idr: true, redundant: 0 }), sliceOf({ idr: true, redundant: 1 })], [[0, 1]]],
      ['two fields of one frame', [interlaced, PPS, sliceOf({ idr: true, field: '10' }), sliceOf({ field: '11', order: 1 })], [[0, 1]]],
      ['fields of two frames', [interlaced, PPS, sliceOf({ idr: true, field: '10' }), sliceOf({ field: '10', frame: 1 })], [[0], [1]]],
      ['headers that are cut off', [SPS, PPS, Buffer.from('658884', 'hex'), Buffer.from('419a', 'hex')], [[0], [1]]],
    ])('with one timestamp are told apart: %s', (_, nals, expected) => {
      const units = run([...packetize([nals], { marked: false }), ...packetize([[], [INTER]], { sequence: 65_530 + nals.length, marked: false })]);
      const sent = nals.filter((nal) => ![7, 8].includes((nal[0] as number) & 0x1f));
      expect(units.map(({ data }) => data.toString('hex'))).toEqual(expected.map((numbers) => avc(numbers.map((i) => sent[i] as Buffer)).toString('hex')));
    });

    it('with one timestamp, each marked, do not make a sender one whose markers are wrong', () => {
      const depayloader = new H264Depayloader('');
      const units = [KEY_UNIT, ...Array.from({ length: 8 }, (_, i) => [sliceOf({ frame: i + 1 })])];
      const packets = packetize(units).map((packet) => ({ ...packet, timestamp: Math.floor(packet.time / 80) }));
      const late = packets.flatMap((packet) => depayloader.push(packet).map(({ data }) => data)).length;
      expect(late).toBeGreaterThanOrEqual(units.length - 1);
      expect(depayloader.push({ ...packets[0]!, ...packetize([[sliceOf({ frame: 9 })]], { sequence: packets.at(-1)!.sequence + 1 })[0]!, timestamp: 99 }).length).toBe(1);
    });
  });

  describe('parameter sets that change', () => {
    const big = spsOf({ columns: 40, rows: 30 });
    const otherPps = ppsOf(0, 0, '1');
    const configs = (units: Buffer[][]): (string | null)[] => run(packetize(units)).map(({ config }) => (config ? `${config.width} ${config.record.toString('hex')}` : null));
    const config = (width: number, sps: Buffer, ...pps: Buffer[]): string => `${width} ${decoderConfigurationRecord([sps], pps).toString('hex')}`;

    it.each<[string, Buffer[][], (string | null)[]]>([
      ['the same again: nothing', [KEY_UNIT, KEY_UNIT], [config(320, SPS, PPS), null]],
      ['another size', [KEY_UNIT, [INTER], [big, PPS, IDR], [INTER]], [config(320, SPS, PPS), null, config(640, big, PPS), null]],
      ['a size that waits for its key frame', [KEY_UNIT, [big, otherPps, INTER], [INTER], [IDR]], [config(320, SPS, PPS), null, null, config(640, big, otherPps)]],
      ['only the picture parameter set', [KEY_UNIT, [SPS, otherPps, IDR]], [config(320, SPS, PPS), config(320, SPS, otherPps)]],
      ['only that, between key frames: with the picture it comes before', [KEY_UNIT, [otherPps, INTER], [INTER]], [config(320, SPS, PPS), config(320, SPS, otherPps), null]],
      ['one more', [KEY_UNIT, [ppsOf(1, 0), sliceOf({ pps: 1 })]], [config(320, SPS, PPS), config(320, SPS, PPS, ppsOf(1, 0))]],
      [
        'other ids: only those in use are in the record',
        [KEY_UNIT, [spsOf({ id: 1, columns: 40 }), ppsOf(1, 1), INTER], [sliceOf({ idr: true, pps: 1 })], [IDR]],
        [config(320, SPS, PPS), null, config(640, spsOf({ id: 1, columns: 40 }), ppsOf(1, 1)), config(320, SPS, PPS)],
      ],
    ])('%s', (_, units, expected) => {
      expect(configs(units)).toEqual(expected);
    });

    it('are not forgotten with the picture that brought them', () => {
      const packets = packetize([KEY_UNIT, [big, PPS, IDR], [INTER], [IDR]]);
      const endOfSecond = packets.findIndex(({ time }) => time === 80) - 1;
      const units = run(packets.filter((_, i) => i !== endOfSecond));
      expect(shape(units)).toBe('0kc 3kc');
      expect(units[1]?.config).toMatchObject({ width: 640, height: 480 });
    });
  });

  describe('a lost packet', () => {
    const units = [KEY_UNIT, [INTER], [INTER, SECOND_SLICE], [INTER], [SEI, ...KEY_UNIT], [INTER], [INTER], KEY_UNIT, [INTER]];
    const SEI_TYPE = 6;

    it('that held nothing but information beside the picture is not missed', () => {
      const packets = packetize(units).filter(({ payload }) => ((payload[0] as number) & 0x1f) !== SEI_TYPE);
      expect(run(packets).map(({ time }) => time / 40)).toEqual(units.map((_, unit) => unit));
    });

    it.each([false, true])('takes its picture, and all to the next key frame (aggregates: %s)', (aggregate) => {
      const packets = packetize(units, { aggregate });
      for (let i = 1; i < packets.length; i += 1) {
        const { payload, time } = packets[i] as OrderedPacket;
        // It goes alone: the key frame behind it is whole.
        if (((payload[0] as number) & 0x1f) === SEI_TYPE) continue;
        const lostTime = time / 40;
        const came = run(packets.filter((_, k) => k !== i)).map(({ time, data }) => ({ unit: time / 40, data }));
        const resume = lostTime === 8 ? 9 : [4, 7].find((key) => key > lostTime) ?? 9;
        expect(came.map(({ unit }) => unit)).toEqual(units.flatMap((_, unit) => (unit < lostTime || unit >= resume ? [unit] : [])));
        for (const { unit, data } of came) expect(data).toEqual(avc((units[unit] as Buffer[]).filter((nal) => nal !== SPS && nal !== PPS)));
      }
    });

    it('before a key frame without parameter sets makes it useless only where they may have been in it', () => {
      const before = (units: Buffer[][], fmtp: string): string => shape(run(packetize(units).filter(({ time }) => time !== 40), new H264Depayloader(fmtp)));
      expect(before([[IDR], [INTER], [IDR]], SPROP)).toBe('0kc 2k');
      expect(before([KEY_UNIT, [INTER], [IDR], KEY_UNIT], '')).toBe('0kc 3k');
    });

    it('is noticed, a repeated one is not', () => {
      const depayloader = new H264Depayloader('');
      const packets = packetize([KEY_UNIT, [INTER], [INTER], [INTER]]);
      expect(shape(run(packets.flatMap((packet) => [packet, packet]), depayloader))).toBe('0kc 1p 2p 3p');
      expect(depayloader.isLost).toBe(false);
      run([{ ...packets.at(-1)!, sequence: 30_000, payload: Buffer.alloc(0) }], depayloader);
      expect(depayloader.isLost).toBe(true);
    });
  });

  const body = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));
  const unitOf = fc.record({ idr: fc.boolean(), bodies: fc.array(body, { minLength: 1, maxLength: 4 }), sei: fc.boolean() });
  const options = fc.record({ mtu: fc.integer({ min: 3, max: 500 }), aggregate: fc.boolean(), sequence: fc.nat(65_535), marked: fc.boolean() });
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
          all.map((unit) => ({ data: avc(nalsOf(unit).filter((nal) => nal !== SPS && nal !== PPS)), keyframe: unit.idr })),
        );
      }),
    );
  });

  it('never throws, and mends with the next key frame, whatever comes', () => {
    const change = fc.record({ packet: fc.nat(200), at: fc.nat(40), value: fc.nat(255), kind: fc.constantFrom('byte', 'cut', 'drop', 'marker', 'timestamp') });
    fc.assert(
      fc.property(fc.array(unitOf, { maxLength: 4 }), options, fc.array(change, { maxLength: 8 }), (shapes, how, changes) => {
        const packets = packetize([KEY_UNIT, ...shapes.map(nalsOf)], how).map((packet) => ({ ...packet, payload: Buffer.from(packet.payload) }));
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
        for (const { data, time } of run(packets, depayloader)) expect(data.length > 4 && Number.isFinite(time)).toBe(true);
        const next = ((packets.at(-1)?.sequence ?? 0) + 1) & 0xffff;
        // The last one is for those whose markers are not believed any more.
        const mended = run(packetize([KEY_UNIT, [INTER], [INTER]], { sequence: next }).map((packet) => ({ ...packet, timestamp: packet.timestamp ^ 0x5a5a5a })), depayloader);
        // As hex: buffers are compared byte by byte, which takes seconds.
        const from = mended.findLastIndex(({ keyframe }) => keyframe);
        expect(mended.slice(from, from + 2).map(({ data }) => data.toString('hex'))).toEqual([avc([IDR]).toString('hex'), avc([INTER]).toString('hex')]);
      }),
      { numRuns: 300 },
    );
  });

  it('takes noise', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.uint8Array({ maxLength: 60 }), fc.boolean(), fc.nat(2)), { maxLength: 60 }), (noise) => {
        const depayloader = new H264Depayloader(SPROP);
        for (const [sequence, [bytes, marker, timestamp]] of noise.entries()) {
          expect(() => depayloader.push({ sequence, timestamp, marker, payload: Buffer.from(bytes), time: 0 })).not.toThrow();
        }
      }),
    );
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
    const push = (data: Buffer): AccessUnit[] => depayloader.push({ sequence: (sequence += 1) & 0xffff, timestamp: 1, marker: false, payload: data, time: 0 });
    push(first);
    expect(depayloader.isLost).toBe(false);
    for (let i = 0; i < 17_000 && !depayloader.isLost; i += 1) push(payload);
    expect(depayloader.isLost).toBe(true);
    expect(depayloader.push({ sequence: (sequence + 1) & 0xffff, timestamp: 2, marker: true, payload: INTER, time: 0 })).toEqual([]);
  });

  it('keeps records small, whatever parameter sets come', () => {
    const depayloader = new H264Depayloader('');
    const sets = Array.from({ length: 256 }, (_, id) => Buffer.concat([ppsOf(id, 0), Buffer.alloc(1000, id)]));
    const [unit] = run(packetize([[SPS, ...sets, sliceOf({ idr: true, pps: 255 })]]), depayloader);
    expect(unit?.config?.record.length).toBeLessThan(5000);
  });
});
