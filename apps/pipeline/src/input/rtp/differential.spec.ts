// The native receiver against this one: whatever comes, the same packets, times, losses, figures and RTCP, to the last bit.
import { expect, it, vi } from 'vitest';
import { RtpReceiver as NativeReceiver } from '#libs/rtp';
import { bye, rtp, rtx, senderReport, split } from '../../../../../test/support/rtp.js';
import { RtpReceiver } from './receiver.js';
import { compactNtp } from './rtcp.js';
import type { OrderedPacket, TrackFormat } from './types.js';

// Both are to choose the same SSRC and name.
vi.mock('node:crypto', () => ({ randomBytes: (size: number) => Buffer.alloc(size, 7) }));

type Random = (below: number) => number;
const randomOf = (seed: number): Random => {
  let state = seed * 2_654_435_761;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 13), 0x297a2d39) >>> 0;
    return Math.floor((((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32) * below);
  };
};

const CODECS = ['H264', 'VP8', 'VP9', 'AV1'];
/** What begins a key frame, and what does not, of each. */
const PAYLOADS: Record<string, string[]> = {
  H264: ['6742c01e', '419a00', '09f0', '7c85', '7c05', '78000209f000026742', '7800'],
  VP8: ['1000', '1001', '90808000', '9080ff0000', '90'],
  VP9: ['08', '48', '2800', 'a8800000', 'a8ffff0e'],
  AV1: ['180a', '1032', ''],
  OPUS: ['fc00', 'fc', ''],
};

function formatsOf(random: Random): TrackFormat[] {
  const formats: TrackFormat[] = [];
  const video = 1 + random(2);
  for (let i = 0; i < video; i += 1) {
    const nack = random(4) > 0;
    formats.push({
      kind: 'video',
      codec: CODECS[random(4)] as string,
      payloadType: 96 + 2 * i,
      rtxPayloadType: nack && random(4) > 0 ? 97 + 2 * i : null,
      clockRate: 90_000,
      mid: random(5) === 0 && i > 0 ? 'v0' : `v${i}`,
      nack,
      fmtp: '',
    });
  }
  if (random(4) > 0)
    formats.push({
      kind: 'audio',
      codec: 'OPUS',
      payloadType: 111,
      rtxPayloadType: null,
      clockRate: 48_000,
      mid: 'a',
      nack: random(3) === 0,
      fmtp: '',
    });
  return formats;
}

interface Sender {
  format: TrackFormat;
  ssrc: number;
  sequence: number;
  /** RTP time minus that of our clock. */
  origin: number;
  delay: number;
}

/** Every thing that both told, in its order, as text. */
function listeners(log: string[]) {
  return {
    onPacket: ({ payloadType }: TrackFormat, { sequence, timestamp, marker, payload, time }: OrderedPacket) =>
      log.push(`packet ${payloadType} ${sequence} ${timestamp} ${marker} ${time} ${payload.toString('hex')}`),
    onLost: ({ payloadType }: TrackFormat, count: number) => log.push(`lost ${payloadType} ${count}`),
    send: (rtcp: Buffer) => log.push(`rtcp ${rtcp.toString('hex')}`),
  };
}

function session(seed: number, steps: number): number {
  const random = randomOf(seed);
  const formats = formatsOf(random);
  const settings = {
    midExtension: random(3) > 0 ? 4 : null,
    transportCcExtension: random(3) > 0 ? 3 : null,
    reducedSize: random(2) === 0,
  };
  const logs: [string[], string[]] = [[], []];
  const own = new RtpReceiver(formats, settings, listeners(logs[0]));
  const native = new NativeReceiver(formats, settings, listeners(logs[1]));
  const [losses, mishaps] = [random(3) * random(20), random(2) * 30];
  let [now, transport, told] = [random(1_000_000) + random(1000) / 7, random(0x10000), 0];
  const senders = formats.map((format): Sender => ({
    format,
    ssrc: 1 + random(1_000_000),
    sequence: random(0x10000),
    origin: random(2 ** 32),
    delay: 10 + random(200),
  }));
  const both = (work: (receiver: RtpReceiver | NativeReceiver<TrackFormat>) => void): void => {
    work(own);
    work(native);
  };
  const underway: { at: number; packet: Buffer }[] = [];
  const sent = (packet: Buffer, delay: number): void => {
    if (random(100) >= losses) underway.push({ at: now + delay + random(30) * (random(4) === 0 ? 1 : 0), packet });
    if (random(50) === 0) underway.push({ at: now + delay + random(60), packet });
  };
  const next = (): number => (transport = (transport + (random(300) === 0 ? random(3000) : 1)) & 0xffff);
  const send = (sender: Sender): void => {
    const { format } = sender;
    const payload = Buffer.from(
      (PAYLOADS[format.codec] as string[])[random((PAYLOADS[format.codec] as string[]).length)] as string,
      'hex',
    );
    const timestamp = (sender.origin + Math.round((now * format.clockRate) / 1000)) % 2 ** 32;
    sender.sequence = (sender.sequence + 1) & 0xffff;
    const fields = {
      payloadType: format.payloadType,
      sequence: sender.sequence,
      timestamp,
      ssrc: sender.ssrc,
      marker: random(3) === 0,
    };
    const extensions = {
      ...(random(3) === 0 ? { mid: format.mid } : {}),
      ...(random(10) > 0 ? { transport: next() } : {}),
    };
    sent(rtp({ ...fields, ...extensions, payload }), sender.delay);
  };
  const mishap = (sender: Sender): void => {
    const what = random(12);
    if (what === 0) sender.ssrc = 1 + random(1_000_000);
    if (what === 1) sender.sequence = random(0x10000);
    if (what === 2) sender.sequence = (sender.sequence + random(1500)) & 0xffff;
    if (what === 3) sender.origin = random(2 ** 32);
    if (what === 4) sender.origin = (sender.origin + random(900_000)) % 2 ** 32;
    if (what === 5) sender.delay = random(1500);
    if (what === 6) both((receiver) => receiver.rtcp(bye(sender.ssrc), now));
    if (what === 7) now += random(3000);
    if (what === 8) senders.push({ ...sender, ssrc: 1 + random(40), sequence: random(0x10000) });
    if (what === 9) senders.splice(formats.length);
    if (what >= 10) {
      const bytes = rtp({
        payloadType: sender.format.payloadType,
        sequence: random(0x10000),
        ssrc: random(60),
        payload: Buffer.alloc(random(1300), random(256)),
      });
      for (let i = random(4); i > 0; i -= 1) bytes[random(Math.min(bytes.length, 24))] = random(256);
      const hostile = bytes.subarray(0, random(5) === 0 ? random(bytes.length) : bytes.length);
      const at = now;
      const head = [0x80 | random(32), [200, 201, 203, 207][random(4)] as number, 0, random(9)];
      const rtcp = Buffer.concat([Buffer.from(head), hostile]);
      both((receiver) => (what === 10 ? receiver.rtp(hostile, at, at) : receiver.rtcp(rtcp, at)));
    }
  };
  /** A publisher that answers what it is asked. */
  const answer = (text: string): void => {
    if (!text.startsWith('rtcp')) return;
    for (const packet of split(Buffer.from(text.slice(5), 'hex')).packets) {
      if (packet[1] === 205 && ((packet[0] as number) & 31) === 1)
        for (let at = 12; at < packet.length; at += 4) {
          const sender = senders.find(({ ssrc }) => ssrc === packet.readUInt32BE(8));
          for (let i = -1; i < 16 && sender?.format.rtxPayloadType; i += 1)
            if (i < 0 || packet.readUInt16BE(at + 2) & (1 << i))
              sent(
                rtx((packet.readUInt16BE(at) + i + 1) & 0xffff, random(0x10000), {
                  payloadType: sender.format.rtxPayloadType,
                  ssrc: sender.ssrc + 1_000_000,
                  timestamp: (sender.origin + Math.round((now * sender.format.clockRate) / 1000)) % 2 ** 32,
                  ...(random(2) === 0 ? { mid: sender.format.mid } : {}),
                  transport: next(),
                }),
                40 + random(80),
              );
        }
      if (packet[1] === 207 && random(2) === 0) {
        const block = Buffer.from('80cf00050000000105000003000000000000000000000000', 'hex');
        block.writeUInt32BE(packet.readUInt32BE(4), 12);
        block.writeUInt32BE(compactNtp(now - random(200)), 16);
        block.writeUInt32BE(random(10_000), 20);
        both((receiver) => receiver.rtcp(block, now + 0.25));
      }
    }
  };
  for (let step = 0; step < steps; step += 1) {
    now += random(20) + random(100) / 7;
    for (const sender of senders) for (let i = random(3); i > 0; i -= 1) send(sender);
    if (random(1000) < mishaps) mishap(senders[random(senders.length)] as Sender);
    for (const sender of senders) {
      if (random(60) > 0) continue;
      const ntp = 3.9e9 + now / 1000 + (random(8) === 0 ? random(100) : 0) + random(3) / 1000;
      const timestamp = sender.origin + Math.round((now * sender.format.clockRate) / 1000);
      const report = senderReport(sender.ssrc, random(20) === 0 ? 0 : ntp, timestamp);
      both((receiver) => receiver.rtcp(report, now + sender.delay));
    }
    const due = underway.filter(({ at }) => at <= now).toSorted((a, b) => a.at - b.at);
    underway.splice(0, underway.length, ...underway.filter(({ at }) => at > now));
    const arrivals = due.map(({ packet }) => ({ packet, arrival: now - random(20) / 3 }));
    if (random(4) === 0) both((receiver) => receiver.work(now));
    both((receiver) => arrivals.forEach(({ packet, arrival }) => receiver.rtp(packet, arrival, now)));
    if (random(10) > 0) both((receiver) => receiver.work(now));
    if (random(50) === 0) both((receiver) => receiver.requestKeyframe());
    const where = `seed ${seed}, step ${step}`;
    expect(logs[1].slice(told), where).toEqual(logs[0].slice(told));
    expect([native.deadline, native.figures()], where).toEqual([own.deadline, own.figures()]);
    const before = told;
    told = logs[0].length;
    logs[0].slice(before).forEach(answer);
  }
  return told;
}

it('does the same as the native receiver', { timeout: 600_000 }, () => {
  const [from, count] = [Number(process.env.SEED ?? 1), Number(process.env.SEEDS ?? 60)];
  let told = 0;
  for (let seed = from; seed < from + count; seed += 1) told += session(seed, 600);
  expect(told).toBeGreaterThan(count * 500);
  if (process.env.SEEDS) console.log(`${count} sessions, ${told} events`);
});
