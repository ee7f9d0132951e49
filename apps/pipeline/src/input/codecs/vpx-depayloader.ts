// From RTP packets to VP8 and VP9 frames, as a decoder takes them (RFC 7741, RFC 9628).
import type { TemporalUnit } from './av1.js';
import { Malformed, MAX_FRAME_BYTES, MAX_FRAME_PIECES } from './bitstream.js';
import { requireSize, type Size, vp8Size, vp9Size } from './frame-size.js';
import type { OrderedPacket } from '#libs/rtp';
import { UnitEnd } from './unit-end.js';
import { framesOf, MAX_FRAMES, withIndex } from './vp9-superframe.js';
import { beginsVp8Keyframe, beginsVp9Keyframe, vp8Payload, vp9Payload } from './vpx.js';

/** What a packet says of its frame. */
export interface VpxPayload {
  /** Where the frame's own bytes begin. */
  at: number;
  /** The first of a frame; of VP9 with layers, of a layer's frame. */
  begins: boolean;
}

interface Format {
  /** Null where the descriptor is cut off. */
  parse: (payload: Buffer) => VpxPayload | null;
  beginsKeyframe: (payload: Buffer) => boolean;
  sizeOf: (frame: Buffer) => Size | null;
}

const FORMATS: Record<'VP8' | 'VP9', Format> = {
  VP8: { parse: vp8Payload, beginsKeyframe: beginsVp8Keyframe, sizeOf: vp8Size },
  VP9: { parse: vp9Payload, beginsKeyframe: beginsVp9Keyframe, sizeOf: vp9Size },
};

/** Takes the packets of one track in the order of their sequence numbers. Throws TooLarge for frames that no decoder here should see. */
export class VpxDepayloader {
  /** Something is missing: what follows cannot be decoded until a key frame begins. True at the beginning, and a key frame should be asked for. */
  isLost = true;
  private readonly format: Format;
  private readonly end = new UnitEnd();
  private sequence: number | null = null;
  private unit: { keyframe: boolean; time: number; pieces: Buffer[]; bytes: number; begins: number[] } | null = null;
  /** Of the latest frame that told it. */
  private size: Size | null = null;

  constructor(private readonly codec: 'VP8' | 'VP9') {
    this.format = FORMATS[codec];
  }

  get isWaiting(): boolean {
    return this.end.isWaiting;
  }

  /** The frames that are complete with this packet: none as a rule, two where the end of one was not marked. With VP9, all layers of a frame are one. */
  push(packet: OrderedPacket): TemporalUnit[] {
    const ahead = this.sequence === null ? 1 : (packet.sequence - this.sequence) & 0xffff;
    if (ahead === 0) return [];
    this.sequence = packet.sequence;
    const whole = ahead > 1 ? this.flush() : [];
    if (ahead > 1) {
      this.lose();
      this.end.lost();
    }
    // Only probes the bandwidth: its timestamp and marker say nothing.
    if (packet.payload.length === 0) return whole;
    const before = this.end.next(packet.timestamp, this.codec === 'VP8' && vp8Payload(packet.payload)?.begins === true)
      ? this.finish()
      : [];
    try {
      this.take(packet);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.lose();
    }
    const now = this.end.taken(packet.marker) ? this.finish() : [];
    return [...whole, ...before, ...now];
  }

  /** Nothing has come for a while: what waits is complete. Throws TooLarge as `push`. */
  flush(): TemporalUnit[] {
    return this.isWaiting ? this.finish() : [];
  }

  private lose(): void {
    this.isLost = true;
    this.unit = null;
  }

  private take({ payload, time }: OrderedPacket): void {
    const packet = this.format.parse(payload);
    if (packet === null) throw new Malformed();
    const isKeyframe = packet.begins && this.format.beginsKeyframe(payload);
    if (isKeyframe) this.isLost = false;
    if (this.isLost) return;
    const frame = payload.subarray(packet.at);
    if (this.unit === null && !packet.begins) throw new Malformed();
    this.unit ??= { keyframe: isKeyframe, time, pieces: [], bytes: 0, begins: [] };
    if (packet.begins) {
      // As early as can be; the header may be in two packets.
      this.checkSize(frame);
      this.unit.begins.push(this.unit.bytes);
    }
    this.unit.pieces.push(frame);
    this.unit.bytes += frame.length;
    if (this.unit.bytes > MAX_FRAME_BYTES || this.unit.pieces.length > MAX_FRAME_PIECES) throw new Malformed();
  }

  private checkSize(frame: Buffer): void {
    const size = this.format.sizeOf(frame);
    if (size === null) return;
    requireSize(size);
    this.size = size;
  }

  private finish(): TemporalUnit[] {
    const { unit } = this;
    this.unit = null;
    if (unit === null || unit.bytes === 0) return [];
    const sent = Buffer.concat(unit.pieces, unit.bytes);
    const frames = this.codec === 'VP9' ? layersOf(sent, unit.begins).map(framesOf) : [[sent]];
    const all = frames.every((each) => each !== null) ? frames.flat() : [];
    if (all.length === 0 || all.length > MAX_FRAMES) {
      this.lose();
      return [];
    }
    for (const frame of all) this.checkSize(frame);
    if (this.size === null) return [];
    return [
      {
        data: this.codec === 'VP9' ? Buffer.concat(withIndex(all)) : sent,
        keyframe: unit.keyframe,
        time: unit.time,
        size: this.size,
      },
    ];
  }
}

/** @param begins where each layer's frame begins, the first at 0. */
const layersOf = (data: Buffer, begins: number[]): Buffer[] => begins.map((at, i) => data.subarray(at, begins[i + 1]));
