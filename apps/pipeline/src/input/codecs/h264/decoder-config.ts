import { Malformed } from '../bitstream.js';
import { requireSize } from '../frame-size.js';
import {
  decoderConfigurationRecord,
  parsePps,
  parseSps,
  type Pps,
  type SliceLayout,
  type Sps,
} from './parameter-sets.js';

/** Larger than a set with all its scaling lists and buffer models; longer ones only fill the memory. */
const MAX_SET_BYTES = 2048;
/** Of all picture parameter sets: hundreds of usual ones. Every change of one is sent to every output with all others. */
const MAX_PPS_BYTES = 4096;

/** What a decoder needs for the frames that follow. */
export interface DecoderConfig {
  /** AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1). */
  record: Buffer;
  width: number | null;
  height: number | null;
}

/**
 * The parameter sets that a publisher has sent, and the configuration that its frames need: the one sequence parameter set that is
 * active (ITU-T H.264, 7.4.1.2.1) with all picture parameter sets that refer to it. Others are left out of the record: a platform that
 * reads only the first would take the wrong size.
 */
export class ParameterSets {
  private readonly sps = new Map<number, { nal: Buffer; parsed: Sps }>();
  /** The oldest first. */
  private readonly pps = new Map<number, { nal: Buffer; parsed: Pps }>();
  private ppsBytes = 0;
  private active: { nal: Buffer; parsed: Sps } | null = null;
  private current: DecoderConfig | null = null;
  private isOutdated = false;

  /** @param nal with its header; it is copied. Throws Malformed for what cannot be parsed: the set before stays. */
  takeSps(nal: Buffer): void {
    const parsed = nal.length > MAX_SET_BYTES ? null : parseSps(nal);
    if (parsed === null) throw new Malformed();
    if (!this.sps.get(parsed.id)?.nal.equals(nal)) this.sps.set(parsed.id, { nal: Buffer.from(nal), parsed });
  }

  /** As takeSps, for a picture parameter set. */
  takePps(nal: Buffer): void {
    const parsed = nal.length > MAX_SET_BYTES ? null : parsePps(nal);
    if (parsed === null) throw new Malformed();
    if (this.pps.get(parsed.id)?.nal.equals(nal)) return;
    this.forgetPps(parsed.id);
    this.pps.set(parsed.id, { nal: Buffer.from(nal), parsed });
    this.ppsBytes += nal.length;
    for (const id of this.pps.keys()) {
      if (this.ppsBytes <= MAX_PPS_BYTES) break;
      this.forgetPps(id);
    }
    this.isOutdated = true;
  }

  /** What is needed to read the header of a slice; null where a set is missing. */
  layoutFor(ppsId: number): { pps: Pps; layout: SliceLayout } | null {
    const pps = this.pps.get(ppsId);
    const sps = pps && this.sps.get(pps.parsed.spsId);
    return pps && sps ? { pps: pps.parsed, layout: sps.parsed.order } : null;
  }

  /** Both kinds have come, of whatever ids. */
  get hasSome(): boolean {
    return this.sps.size > 0 && this.pps.size > 0;
  }

  /**
   * The configuration for a frame that refers to this picture parameter set: the same object until something changes. Null where a set
   * is missing. A new sequence parameter set waits, with those that came with it, for a key frame: earlier it must not be used.
   * Throws TooLarge for frames that no decoder here should see.
   */
  configFor(ppsId: number, isKeyframe: boolean): DecoderConfig | null {
    const pps = this.pps.get(ppsId);
    const sps = pps && this.sps.get(pps.parsed.spsId);
    if (!sps) return null;
    if (sps !== this.active) {
      if (!isKeyframe) return this.current;
      requireSize(sps.parsed, sps.parsed.macroblocks * sps.parsed.references);
      this.active = sps;
      this.isOutdated = true;
    }
    if (this.isOutdated) this.renew(sps);
    return this.current;
  }

  private renew({ nal, parsed }: { nal: Buffer; parsed: Sps }): void {
    this.isOutdated = false;
    const pictureSets = [...this.pps].filter(([, pps]) => pps.parsed.spsId === parsed.id).sort(([a], [b]) => a - b);
    // The record counts them in a byte: only the 256th of 256 does not fit, and nobody has so many.
    const record = decoderConfigurationRecord(
      [nal],
      pictureSets.slice(0, 255).map(([, pps]) => pps.nal),
    );
    if (!this.current?.record.equals(record)) this.current = { record, width: parsed.width, height: parsed.height };
  }

  private forgetPps(id: number): void {
    this.ppsBytes -= this.pps.get(id)?.nal.length ?? 0;
    this.pps.delete(id);
  }
}
