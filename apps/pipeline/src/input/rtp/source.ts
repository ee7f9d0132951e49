import type { ReportBlock } from './rtcp.js';

/** Sequence numbers further apart than this are those of a sender that began again (RFC 3550, A.1: MAX_DROPOUT). */
export const MAX_JUMP = 3000;
const CYCLE = 0x1_0000;
/** A clock that was set is no jitter, s. */
const MAX_TRANSIT_CHANGE_S = 3;

/** Counts the packets of one SSRC for the reports about it (RFC 3550, A.1, A.3, A.8). Retransmissions have an SSRC of their own (RFC 4588) and are not counted. */
export class Source {
  lastArrival: number;
  hasEnded = false;
  /** The highest sequence number so far with its cycles; another beginning of the sender's numbers lies more than a cycle ahead. */
  highest: number;
  /** What the number of cycles is counted from, for the publisher. */
  private origin = CYCLE;
  private first: number;
  private received = 0;
  private lostBefore = 0;
  private expectedAtReport = 0;
  private receivedAtReport = 0;
  private transit: { timestamp: number; arrival: number } | null = null;
  /** In units of the RTP clock. */
  private jitter = 0;
  private clockRate = 1;
  private report: { compactNtp: number; arrival: number } | null = null;

  constructor(
    readonly ssrc: number,
    sequence: number,
    now: number,
  ) {
    this.lastArrival = now;
    this.first = this.origin + sequence;
    this.highest = this.first - 1;
  }

  /** The number of a packet that came, never again used by this source; null for one so far off that it may belong to another beginning. */
  take(sequence: number, now: number): number | null {
    this.lastArrival = now;
    const number = this.near(sequence);
    if (Math.abs(number - this.highest) > MAX_JUMP) return null;
    if (number > this.highest) this.highest = number;
    this.received += 1;
    return number;
  }

  /** The number nearest to the highest one with these 16 bits. */
  near(sequence: number): number {
    return this.highest + (((sequence - this.highest) << 16) >> 16);
  }

  /** Interarrival jitter (RFC 3550, A.8). */
  measure(timestamp: number, now: number, clockRate: number): void {
    const before = this.transit;
    if (before === null || clockRate !== this.clockRate) {
      if (clockRate !== this.clockRate) this.jitter = 0;
      this.clockRate = clockRate;
      this.transit = { timestamp, arrival: now };
      return;
    }
    const change = Math.abs(((now - before.arrival) * clockRate) / 1000 - ((timestamp - before.timestamp) | 0));
    if (change < MAX_TRANSIT_CHANGE_S * clockRate) this.jitter += (change - this.jitter) / 16;
    before.timestamp = timestamp;
    before.arrival = now;
  }

  reported(compactNtp: number, now: number): void {
    this.report = { compactNtp, arrival: now };
  }

  get jitterMs(): number {
    return (this.jitter * 1000) / this.clockRate;
  }

  /** Expected minus received, over all beginnings: what the network lost, whether or not it was sent again. */
  get lost(): number {
    return this.lostBefore + Math.max(0, this.expected - this.received);
  }

  /** Something came since the last report. */
  get hasNewPackets(): boolean {
    return this.received > this.receivedAtReport;
  }

  /** What a report says now; ends the interval of the share that was lost. */
  block(now: number): ReportBlock {
    const expected = this.expected - this.expectedAtReport;
    const lost = expected - (this.received - this.receivedAtReport);
    this.expectedAtReport = this.expected;
    this.receivedAtReport = this.received;
    return {
      ssrc: this.ssrc,
      fractionLost: expected <= 0 || lost <= 0 ? 0 : Math.min(255, Math.floor((lost * 256) / expected)),
      cumulativeLost: this.expected - this.received,
      highest: (this.highest - this.origin) >>> 0,
      jitter: Math.floor(this.jitter) >>> 0,
      lastReport: this.report?.compactNtp ?? 0,
      sinceLastReport: this.report === null ? 0 : Math.floor(((now - this.report.arrival) * 65_536) / 1000) >>> 0,
    };
  }

  private get expected(): number {
    return this.highest - this.first + 1;
  }

  /** The sender's numbers begin again with this one, which is to be taken next. */
  beginAnew(sequence: number): void {
    this.lostBefore = this.lost;
    this.origin = (Math.floor(this.highest / CYCLE) + 2) * CYCLE;
    this.first = this.origin + sequence;
    this.highest = this.first - 1;
    this.received = 0;
    this.expectedAtReport = 0;
    this.receivedAtReport = 0;
    this.transit = null;
  }
}
