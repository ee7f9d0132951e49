import type { LipSync, TrackClock } from './clock.js';
import { JitterBuffer } from './jitter-buffer.js';
import type { RtpHeader } from './packet.js';
import type { ReportBlock, RtcpMessage } from './rtcp.js';
import { Source } from './source.js';
import type { OrderedPacket, TrackFormat } from './types.js';

/** Another source is followed when the present one has been silent for so long. */
const HANDOVER_MS = 200;

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
    const source = this.follow(header, arrival);
    const number = source?.take(header.sequence, arrival) ?? null;
    if (source === null || number === null) return;
    this.format = format;
    source.measure(header.timestamp, arrival, format.clockRate);
    if (!this.buffer.wants(number)) return;
    if (number === source.highest) this.clock.observe(header.timestamp, format.clockRate, arrival);
    this.deliver(number, format, header, copyOf(bytes, header.payloadStart, header.payloadEnd), now, format.rtxPayloadType === null);
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
    return this.source?.isHeard ? this.source.block(now) : null;
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

  private deliver(number: number, format: TrackFormat, header: RtpHeader, payload: Buffer, now: number, isAnswer: boolean): void {
    const { sequence, timestamp, marker } = header;
    const packet = { sequence, timestamp, marker, payload, time: this.clock.map(timestamp, now) };
    this.buffer.nack = format.nack;
    this.buffer.push(number, format, packet, now, isAnswer);
  }

  /** The present source if the packet is its own, or from now on. A publisher that restarts its encoder may choose another SSRC. */
  private follow({ ssrc, sequence }: RtpHeader, arrival: number): Source | null {
    const present = this.source;
    if (present?.ssrc === ssrc) return present;
    if (present !== null) {
      if (!present.hasEnded && arrival - present.lastArrival < HANDOVER_MS) return null;
      this.buffer.flush();
      this.lostBefore += present.lost;
      this.clock.reset();
    }
    this.source = new Source(ssrc, sequence, arrival);
    return this.source;
  }
}

/** The bytes are used again for the next packets. */
function copyOf(bytes: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start);
  bytes.copy(copy, 0, start, end);
  return copy;
}
