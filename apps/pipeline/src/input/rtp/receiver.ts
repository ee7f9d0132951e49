import { randomBytes } from 'node:crypto';
import { LipSync } from './clock.js';
import { extensionNumber, extensionText, parseRtp, type RtpHeader } from './packet.js';
import {
  compactNtp,
  genericNack,
  parseRtcp,
  pictureLoss,
  receiverReport,
  referenceTime,
  type ReportBlock,
  sourceDescription,
} from './rtcp.js';
import { Track } from './track.js';
import { TransportFeedback } from './transport-feedback.js';
import type { OrderedPacket, TrackFormat } from './types.js';

/** The first tells the publisher soon that we hear it, and how far away we are. */
const FIRST_REPORT_MS = 200;
const REPORT_MS = 1000;
/** What is due so soon is done immediately: a timer costs more. */
const SOON_MS = 20;
/** A session has two or four; what else a hostile publisher makes up is forgotten again. */
const MAX_SOURCES = 16;
/** So that a request fits into a packet of the network, at any pattern of losses. */
const MAX_ASKED = 256;
const MAX_RTCP_BYTES = 1100;
/** A longer round trip was not measured. */
const MAX_ROUND_TRIP_MS = 10_000;

export interface ReceiverSettings {
  /** Ids of the header extensions (RFC 8285); null where not negotiated. */
  midExtension: number | null;
  transportCcExtension: number | null;
  /** Feedback without a report before it (RFC 5506) was negotiated. */
  reducedSize: boolean;
}

export interface ReceiverEvents {
  onPacket: (format: TrackFormat, packet: OrderedPacket) => void;
  /** Packets of this track were given up; between those that came before and after. */
  onLost: (format: TrackFormat, count: number) => void;
  /** An RTCP packet for the publisher, still to be encrypted. */
  send: (rtcp: Buffer) => void;
}

export interface ReceiverFigures {
  /**
   * What the network lost of all tracks, in total: expected minus received (RFC 3550, A.3). Retransmissions are packets of their own
   * (RFC 4588), so what was mended counts as well; webrtcbin's `packets-lost` is the same.
   */
  packetsLost: number;
  /** Of the track that has most (RFC 3550, A.8); null before the first packet. */
  jitterMs: number | null;
  /** To the publisher and back; null until it answered a report or sent a packet again. */
  roundTripMs: number | null;
  /** Of all RTP packets of the tracks, with headers and retransmissions, in total. */
  bytes: number;
  /** Of the last packet of any track that was not sent again, as `now` was; null before the first. */
  lastArrival: number | null;
}

/** Receives the RTP of one publisher's session: puts its packets in order, has the lost ones sent again, and reports. */
export class RtpReceiver {
  private readonly tracks: Track[];
  private readonly sync = new LipSync();
  private readonly feedback = new TransportFeedback();
  /** Which track an SSRC belongs to; the oldest first. */
  private readonly sources = new Map<number, Track>();
  private readonly ssrc = randomBytes(4).readUInt32BE();
  /** Of this session only (RFC 7022, 4.2). */
  private readonly description = sourceDescription(this.ssrc, randomBytes(12).toString('base64'));
  private bytes = 0;
  private lastSsrc = 0;
  private reportAt: number | null = null;
  private answeredMs: number | null = null;

  constructor(
    formats: TrackFormat[],
    private readonly settings: ReceiverSettings,
    private readonly events: ReceiverEvents,
  ) {
    const sections = new Map<string, [TrackFormat, ...TrackFormat[]]>();
    for (const format of formats) {
      const section = sections.get(format.mid);
      if (section) section.push(format);
      else sections.set(format.mid, [format]);
    }
    this.tracks = [...sections.values()].map((section) => new Track(section, this.sync, events));
  }

  /**
   * `bytes` is decrypted, and valid only during the call (it is a view of a buffer that is used again). `arrival`: when it came
   * (performance.now(), ms), for all that measures the network; `now`: when we see it, for our own deadlines.
   */
  rtp(bytes: Buffer, arrival: number, now: number): void {
    const header = parseRtp(bytes);
    if (header === null) return;
    this.lastSsrc = header.ssrc;
    this.reportAt ??= now + FIRST_REPORT_MS;
    const { transportCcExtension } = this.settings;
    const sequence = transportCcExtension === null ? null : extensionNumber(bytes, header, transportCcExtension);
    if (sequence !== null) this.feedback.record(sequence, arrival);
    const known = this.sources.get(header.ssrc);
    const track = known?.takes(header.payloadType) ? known : this.assign(bytes, header);
    if (!track) return;
    this.bytes += bytes.length;
    track.packet(bytes, header, arrival, now);
  }

  /** As `rtp`. */
  rtcp(bytes: Buffer, arrival: number): void {
    for (const message of parseRtcp(bytes)) {
      if (message.type === 'sender-report') for (const track of this.tracks) track.senderReport(message, arrival);
      else if (message.type === 'bye') for (const track of this.tracks) track.bye(message.ssrc);
      else if (message.ssrc === this.ssrc) this.answered(message.lastReport, message.delay, arrival);
    }
  }

  /** Sends what is due. Called after every batch of packets, and at `deadline` if nothing came before. */
  work(now: number): void {
    const messages = this.feedback.work(this.ssrc, this.lastSsrc, now);
    const roundTripMs = this.roundTripMs;
    for (const track of this.tracks) {
      const sequences = track.work(now, roundTripMs);
      for (let i = 0; i < sequences.length; i += MAX_ASKED)
        messages.push(genericNack(this.ssrc, track.ssrc ?? 0, sequences.slice(i, i + MAX_ASKED)));
    }
    const isReportDue = this.reportAt !== null && now >= this.reportAt - SOON_MS;
    if (isReportDue) {
      this.reportAt = now + REPORT_MS;
      this.send([...this.report(now), ...messages], true);
    } else if (messages.length > 0) this.send(messages, false);
  }

  /** When `work` has something to do at the latest; null: nothing. */
  get deadline(): number | null {
    let earliest = this.reportAt;
    for (const { deadline } of this.tracks)
      if (deadline !== null && (earliest === null || deadline < earliest)) earliest = deadline;
    return earliest;
  }

  /** Asks for a key frame (PLI). False while no packet of a video track has come. */
  requestKeyframe(): boolean {
    const asked = this.tracks.flatMap(({ isVideo, ssrc }) =>
      isVideo && ssrc !== null ? [pictureLoss(this.ssrc, ssrc)] : [],
    );
    if (asked.length > 0) this.send(asked, false);
    return asked.length > 0;
  }

  figures(): ReceiverFigures {
    const jitters = this.tracks.flatMap(({ jitterMs }) => (jitterMs === null ? [] : [jitterMs]));
    const lastArrival = Math.max(...this.tracks.map((track) => track.lastArrival));
    return {
      packetsLost: this.tracks.reduce((sum, track) => sum + track.lost, 0),
      jitterMs: jitters.length === 0 ? null : Math.max(...jitters),
      roundTripMs: this.roundTripMs,
      bytes: this.bytes,
      lastArrival: lastArrival === -Infinity ? null : lastArrival,
    };
  }

  /** Browsers answer our reports. Of others we know only how long a packet took that we asked for. */
  private get roundTripMs(): number | null {
    if (this.answeredMs !== null) return this.answeredMs;
    let shortest: number | null = null;
    for (const { roundTripMs } of this.tracks)
      if (roundTripMs !== null && (shortest === null || roundTripMs < shortest)) shortest = roundTripMs;
    return shortest;
  }

  /** The track of an SSRC that is new: what the packet says itself (RFC 9143, 15), or the only one that negotiated the payload type. */
  private assign(bytes: Buffer, header: RtpHeader): Track | undefined {
    const { midExtension } = this.settings;
    const mid = midExtension === null ? null : extensionText(bytes, header, midExtension);
    const track = this.tracks.find((each) => (mid === null || each.mid === mid) && each.takes(header.payloadType));
    if (!track) return undefined;
    this.sources.set(header.ssrc, track);
    if (this.sources.size > MAX_SOURCES) this.forgetSource();
    return track;
  }

  private forgetSource(): void {
    for (const [ssrc, track] of this.sources) {
      if (track.ssrc === ssrc) continue;
      this.sources.delete(ssrc);
      return;
    }
  }

  private answered(lastReport: number, delay: number, arrival: number): void {
    if (lastReport === 0) return;
    const ms = (((compactNtp(arrival) - lastReport - delay) | 0) * 1000) / 65_536;
    // Clocks of both sides are read in steps: on a near network there may be less than nothing.
    if (ms > -1 && ms < MAX_ROUND_TRIP_MS) this.answeredMs = Math.max(0, ms);
  }

  private report(now: number): Buffer[] {
    const blocks = this.tracks
      .map((track) => track.reportBlock(now))
      .filter((block): block is ReportBlock => block !== null);
    return [receiverReport(this.ssrc, blocks), this.description, referenceTime(this.ssrc, now)];
  }

  /** As few compound packets as hold the messages. Each begins with a report, unless the publisher agreed to do without (RFC 5506). */
  private send(messages: Buffer[], beginsWithReport: boolean): void {
    const lead = this.settings.reducedSize ? [] : [receiverReport(this.ssrc, []), this.description];
    let packet = beginsWithReport ? [] : [...lead];
    let bytes = 0;
    for (const message of messages) {
      if (bytes > 0 && bytes + message.length > MAX_RTCP_BYTES) {
        this.events.send(Buffer.concat(packet));
        packet = [...lead];
        bytes = 0;
      }
      packet.push(message);
      bytes += message.length;
    }
    this.events.send(Buffer.concat(packet));
  }
}
