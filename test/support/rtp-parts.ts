// The parts of the native receiver (libs/rtp/native), one by one, as its specs use them.
import { loadAddon } from '#libs/process';

type Handle = object;
type Fields = number[];

/** What libs/rtp/native/parts/*.c export; see there. */
interface Native {
  makeSync(): Handle;
  addTrack(sync: Handle): number;
  observe(sync: Handle, track: number, timestamp: number, clockRate: number, now: number): void;
  map(sync: Handle, track: number, timestamp: number, now: number): number;
  resetClock(sync: Handle, track: number): void;
  report(sync: Handle, track: number, ntpMs: number, timestamp: number, now: number): void;
  makeBuffer(nack: boolean): Handle;
  wants(buffer: Handle, number: number): boolean;
  push(buffer: Handle, number: number, timestamp: number, bytes: number, now: number, isAnswer: boolean): void;
  work(buffer: Handle, now: number, roundTripMs: number): Fields;
  flush(buffer: Handle): void;
  out(buffer: Handle): Fields;
  times(buffer: Handle): [number, number];
  parseRtp(bytes: Buffer): [number, number, number, number, number, number, number] | undefined;
  element(bytes: Buffer, id: number): Buffer | undefined;
  elementNumber(bytes: Buffer, id: number): number | undefined;
  isEntryPoint(codec: number, payload: Buffer): boolean;
  parseRtcp(bytes: Buffer): [number, number, number, number, number, number, number][];
  receiverReport(sender: number, blocks: Fields): Buffer;
  sourceDescription: (sender: number, cname: string) => Buffer;
  referenceTime(sender: number, wall: number): Buffer;
  compactNtp(wall: number): number;
  genericNack: (sender: number, media: number, sequences: Fields) => Buffer;
  pictureLoss: (sender: number, media: number) => Buffer;
  transportWide: (sender: number, media: number, content: Buffer) => Buffer;
  makeSource(ssrc: number, sequence: number, now: number): Handle;
  take(source: Handle, sequence: number, now: number): number | undefined;
  measure(source: Handle, timestamp: number, now: number, clockRate: number): void;
  reported(source: Handle, compactNtp: number, now: number): void;
  beginAnew(source: Handle, sequence: number): void;
  block(source: Handle, now: number): [number, number, number, number, number, number, number];
  state(source: Handle): [number, number, number];
  makeFeedback(): Handle;
  record(feedback: Handle, sequence: number, now: number): void;
  feedback(feedback: Handle, sender: number, media: number, now: number): Buffer;
}

const native = loadAddon<Native>('rtp-parts');

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
const { timeOrigin } = performance;

/** The clock of one track: native/clock.h. */
export class TrackClock {
  constructor(
    private readonly sync: Handle,
    readonly place: number,
  ) {}

  observe(timestamp: number, clockRate: number, now: number): void {
    native.observe(this.sync, this.place, timestamp, clockRate, now);
  }

  map(timestamp: number, now: number): number {
    return native.map(this.sync, this.place, timestamp, now);
  }

  reset(): void {
    native.resetClock(this.sync, this.place);
  }
}

/** What the clocks of a session have in common: native/clock.h. */
export class LipSync {
  private readonly handle = native.makeSync();

  addTrack(): TrackClock {
    return new TrackClock(this.handle, native.addTrack(this.handle));
  }

  report(clock: TrackClock, ntpMs: number, timestamp: number, now: number): void {
    native.report(this.handle, clock.place, ntpMs, timestamp, now);
  }
}

interface BufferEvents {
  onPacket: (packet: { timestamp: number }) => void;
  onLost: (count: number) => void;
}

/** native/jitter-buffer.h. What comes out is told when a call ends. */
export class JitterBuffer {
  private readonly handle: Handle;

  constructor(
    nack: boolean,
    private readonly events: BufferEvents,
  ) {
    this.handle = native.makeBuffer(nack);
  }

  get deadline(): number | null {
    return finite(native.times(this.handle)[0]);
  }

  get roundTripMs(): number | null {
    return finite(native.times(this.handle)[1]);
  }

  wants(number: number): boolean {
    return native.wants(this.handle, number);
  }

  push(number: number, timestamp: number, bytes: number, now: number, isAnswer: boolean): void {
    native.push(this.handle, number, timestamp, bytes, now, isAnswer);
    this.tell();
  }

  work(now: number, roundTripMs: number | null): number[] {
    const sequences = native.work(this.handle, now, roundTripMs ?? Infinity);
    this.tell();
    return sequences;
  }

  flush(): void {
    native.flush(this.handle);
    this.tell();
  }

  private tell(): void {
    for (const each of native.out(this.handle)) {
      if (each < 0) this.events.onLost(-each);
      else this.events.onPacket({ timestamp: each });
    }
  }
}

export interface RtpHeader {
  marker: boolean;
  payloadType: number;
  sequence: number;
  timestamp: number;
  ssrc: number;
  payloadStart: number;
  payloadEnd: number;
}

export function parseRtp(bytes: Buffer): RtpHeader | null {
  const fields = native.parseRtp(bytes);
  if (!fields) return null;
  const [marker, payloadType, sequence, timestamp, ssrc, payloadStart, payloadEnd] = fields;
  return { marker: marker === 1, payloadType, sequence, timestamp, ssrc, payloadStart, payloadEnd };
}

export const extensionText = (bytes: Buffer, id: number): string | null =>
  native.element(bytes, id)?.toString() ?? null;
export const extensionNumber = (bytes: Buffer, id: number): number | null => native.elementNumber(bytes, id) ?? null;

export const isEntryPoint = (codec: string, payload: Buffer): boolean =>
  native.isEntryPoint(Math.max(0, ['', 'H264', 'VP8', 'VP9', 'AV1'].indexOf(codec)), payload);

/** The messages that native/rtcp-reader.h finds, with the fields that each has. */
export function parseRtcp(bytes: Buffer): object[] {
  return native.parseRtcp(bytes).map(([type, ssrc, ntpMs, compact, timestamp, lastReport, delay]) => {
    if (type === 0) return { type: 'sender-report', ssrc, ntpMs, compactNtp: compact, timestamp };
    return type === 1 ? { type: 'bye', ssrc } : { type: 'reference-answer', ssrc, lastReport, delay };
  });
}

export interface ReportBlock {
  ssrc: number;
  fractionLost: number;
  cumulativeLost: number;
  highest: number;
  jitter: number;
  lastReport: number;
  sinceLastReport: number;
}

export const receiverReport = (sender: number, blocks: ReportBlock[]): Buffer =>
  native.receiverReport(
    sender,
    blocks.flatMap(({ ssrc, fractionLost, cumulativeLost, highest, jitter, lastReport, sinceLastReport }) => [
      ssrc,
      fractionLost,
      cumulativeLost,
      highest,
      jitter,
      lastReport,
      sinceLastReport,
    ]),
  );
export const referenceTime = (sender: number, now: number): Buffer => native.referenceTime(sender, timeOrigin + now);
export const compactNtp = (now: number): number => native.compactNtp(timeOrigin + now);
export const { sourceDescription, genericNack, pictureLoss, transportWide } = native;

/** native/source.h. */
export class Source {
  private readonly handle: Handle;

  constructor(ssrc: number, sequence: number, now: number) {
    this.handle = native.makeSource(ssrc, sequence, now);
  }

  take(sequence: number, now: number): number | null {
    return native.take(this.handle, sequence, now) ?? null;
  }

  measure(timestamp: number, now: number, clockRate: number): void {
    native.measure(this.handle, timestamp, now, clockRate);
  }

  reported(compact: number, now: number): void {
    native.reported(this.handle, compact, now);
  }

  beginAnew(sequence: number): void {
    native.beginAnew(this.handle, sequence);
  }

  block(now: number): ReportBlock {
    const [ssrc, fractionLost, cumulativeLost, highest, jitter, lastReport, sinceLastReport] = native.block(
      this.handle,
      now,
    );
    return { ssrc, fractionLost, cumulativeLost, highest, jitter, lastReport, sinceLastReport };
  }

  get hasNewPackets(): boolean {
    return native.state(this.handle)[0] === 1;
  }

  get lost(): number {
    return native.state(this.handle)[1];
  }

  get jitterMs(): number {
    return native.state(this.handle)[2];
  }
}

/** native/transport-feedback.h. */
export class TransportFeedback {
  private readonly handle = native.makeFeedback();

  record(sequence: number, now: number): void {
    native.record(this.handle, sequence, now);
  }

  work(sender: number, media: number, now: number): Buffer[] {
    const all = native.feedback(this.handle, sender, media, now);
    const packets: Buffer[] = [];
    for (let at = 0; at < all.length; at += packets.at(-1)?.length ?? 0)
      packets.push(all.subarray(at, at + 4 * (all.readUInt16BE(at + 2) + 1)));
    return packets;
  }
}
