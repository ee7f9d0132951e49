import type { LipSync, TrackClock } from './clock.js';
import { isEntryPoint } from '../codecs/entry-points.js';
import { JitterBuffer } from './jitter-buffer.js';
import { type KeptPacket, LookBack } from './look-back.js';
import type { RtpHeader } from './packet.js';
import type { ReportBlock, RtcpMessage } from './rtcp.js';
import { MAX_JUMP, Source } from './source.js';
import type { OrderedPacket, TrackFormat } from './types.js';

/** Another source is followed when the present one has been silent for so long; immediately, if it is no older than this and brings parameter sets or a key frame. */
const HANDOVER_MS = 200;
/** Sources whose first packets are remembered: a publisher with more of them at a time gets no better than one whose sources are all new. */
const MAX_SEEN = 16;

export interface TrackEvents {
  onPacket: (format: TrackFormat, packet: OrderedPacket) => void;
  onLost: (format: TrackFormat, count: number) => void;
}

/** One m-section's media: the source that sends it at present, its packets in order, its clock. */
export class Track {
  readonly mid: string;
  readonly isVideo: boolean;
  private readonly formats = new Map<number, TrackFormat>();
  /** By the payload type of the retransmissions. */
  private readonly retransmitted = new Map<number, TrackFormat>();
  private format: TrackFormat;
  private source: Source | null = null;
  private readonly buffer: JitterBuffer;
  private readonly clock: TrackClock;
  private readonly lookBack = new LookBack();
  /** When the first packet of a source came, the oldest first. */
  private readonly seen = new Map<number, number>();
  private lostBefore = 0;

  /** @param formats of one m-section, at least one. */
  constructor(
    formats: [TrackFormat, ...TrackFormat[]],
    private readonly sync: LipSync,
    events: TrackEvents,
  ) {
    [this.format] = formats;
    this.mid = this.format.mid;
    this.isVideo = this.format.kind === 'video';
    for (const format of formats) {
      this.formats.set(format.payloadType, format);
      if (format.rtxPayloadType !== null) this.retransmitted.set(format.rtxPayloadType, format);
    }
    this.clock = sync.addTrack();
    this.buffer = new JitterBuffer({ onPacket: events.onPacket, onLost: (count) => events.onLost(this.format, count) });
  }

  /** The present source; null before the first packet. */
  get ssrc(): number | null {
    return this.source?.ssrc ?? null;
  }

  /** Of a packet that was not sent again; -Infinity before the first. */
  get lastArrival(): number {
    return this.source?.lastArrival ?? -Infinity;
  }

  get deadline(): number | null {
    return this.buffer.deadline;
  }

  /** By retransmissions. */
  get roundTripMs(): number | null {
    return this.buffer.roundTripMs;
  }

  get jitterMs(): number | null {
    return this.source?.jitterMs ?? null;
  }

  /** Expected minus received (RFC 3550, A.3), over all sources. */
  get lost(): number {
    return this.lostBefore + (this.source?.lost ?? 0);
  }

  takes(payloadType: number): boolean {
    return this.formats.has(payloadType) || this.retransmitted.has(payloadType);
  }

  packet(bytes: Buffer, header: RtpHeader, arrival: number, now: number): void {
    const format = this.formats.get(header.payloadType);
    if (!format) return this.retransmission(bytes, header, now);
    if (this.source === null) this.begin(header, arrival);
    if (this.source?.ssrc === header.ssrc) {
      const number = this.source.take(header.sequence, arrival);
      if (number !== null) {
        if (this.observe(number, format, header, arrival))
          this.deliver(
            number,
            format,
            header,
            copyOf(bytes, header.payloadStart, header.payloadEnd),
            now,
            format.rtxPayloadType === null,
          );
        return;
      }
    }
    const packet = { format, header, payload: copyOf(bytes, header.payloadStart, header.payloadEnd), arrival };
    if (this.keep(packet)) this.followKept(now);
  }

  /** What is to be asked for again, 16 bits each. */
  work(now: number, roundTripMs: number | null): number[] {
    return this.buffer.work(now, roundTripMs);
  }

  senderReport(report: Extract<RtcpMessage, { type: 'sender-report' }>, arrival: number): void {
    if (this.source?.ssrc !== report.ssrc) return;
    this.source.reported(report.compactNtp, arrival);
    this.sync.report(this.clock, report.ntpMs, report.timestamp, arrival);
  }

  bye(ssrc: number): void {
    if (this.source?.ssrc === ssrc) this.source.hasEnded = true;
  }

  /** Null for a source of which nothing came since the last report (RFC 3550, 6.4). */
  reportBlock(now: number): ReportBlock | null {
    return this.source?.hasNewPackets ? this.source.block(now) : null;
  }

  /** A packet that was lost, sent again with its sequence number before its payload (RFC 4588, 4); without payload, the sender only probes its bandwidth. */
  private retransmission(bytes: Buffer, header: RtpHeader, now: number): void {
    const format = this.retransmitted.get(header.payloadType);
    const start = header.payloadStart + 2;
    if (!format || this.source === null || start > header.payloadEnd) return;
    const number = this.source.near(bytes.readUInt16BE(header.payloadStart));
    if (!this.buffer.isMissing(number)) return;
    const sequence = number & 0xffff;
    this.deliver(number, format, { ...header, sequence }, copyOf(bytes, start, header.payloadEnd), now, true);
  }

  private deliver(
    number: number,
    format: TrackFormat,
    header: RtpHeader,
    payload: Buffer,
    now: number,
    isAnswer: boolean,
  ): void {
    const { sequence, timestamp, marker } = header;
    const packet = { sequence, timestamp, marker, payload, time: this.clock.map(timestamp, now) };
    this.buffer.nack = format.nack;
    this.buffer.push(number, format, packet, now, isAnswer);
  }

  /** False for a packet that the buffer does not want. */
  private observe(number: number, format: TrackFormat, header: RtpHeader, arrival: number): boolean {
    const source = this.source as Source;
    this.format = format;
    source.measure(header.timestamp, arrival, format.clockRate);
    if (!this.buffer.wants(number)) return false;
    if (number === source.highest) this.clock.observe(header.timestamp, format.clockRate, arrival);
    return true;
  }

  /**
   * Keeps a packet of another source, or from where the present one's numbers have jumped to. True: that is followed from now on. A
   * publisher that restarts its encoder may choose another SSRC, and its first packets hold what all others need. A source that sends
   * beside the present one (a second layer, a stray packet) takes over only where it begins with a key frame, and once: else the two
   * would cut each other off with every key frame.
   */
  private keep(packet: KeptPacket): boolean {
    const { ssrc, sequence } = packet.header;
    const present = this.source as Source;
    let isNext = false;
    this.lookBack.add(packet, ({ header: last }) => {
      isNext = sequence === ((last.sequence + 1) & 0xffff);
      return last.ssrc === ssrc && Math.abs(((sequence - last.sequence) << 16) >> 16) <= MAX_JUMP;
    });
    // Two in a row make a jump believable (RFC 3550, A.1).
    if (ssrc === present.ssrc) return isNext;
    if (present.hasEnded || packet.arrival - present.lastArrival >= HANDOVER_MS) return true;
    return (
      packet.arrival - this.firstSeen(packet.header, packet.arrival) < HANDOVER_MS &&
      isEntryPoint(packet.format.codec, packet.payload)
    );
  }

  private followKept(now: number): void {
    const kept = this.lookBack.take();
    const [first] = kept as [KeptPacket, ...KeptPacket[]];
    if (first.header.ssrc === this.source?.ssrc) this.source.beginAnew(first.header.sequence);
    else this.begin(first.header, first.arrival);
    for (const { format, header, payload, arrival } of kept) {
      const number = this.source?.take(header.sequence, arrival) ?? null;
      if (number !== null && this.observe(number, format, header, arrival))
        this.deliver(number, format, header, payload, now, format.rtxPayloadType === null);
    }
  }

  /** Another source sends from now on. */
  private begin(header: RtpHeader, arrival: number): void {
    if (this.source !== null) {
      this.buffer.flush();
      this.lostBefore += this.source.lost;
      this.clock.reset();
      // Followed once, it is not new again.
      this.seen.set(this.source.ssrc, -Infinity);
    }
    this.firstSeen(header, arrival);
    this.source = new Source(header.ssrc, header.sequence, arrival);
  }

  private firstSeen({ ssrc }: RtpHeader, arrival: number): number {
    const first = this.seen.get(ssrc);
    if (first !== undefined) return first;
    this.seen.set(ssrc, arrival);
    for (const oldest of this.seen.keys()) {
      if (this.seen.size <= MAX_SEEN) break;
      this.seen.delete(oldest);
    }
    return arrival;
  }
}

/** The bytes are used again for the next packets. */
function copyOf(bytes: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start);
  bytes.copy(copy, 0, start, end);
  return copy;
}
