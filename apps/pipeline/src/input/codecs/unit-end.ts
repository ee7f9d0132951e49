import { MarkerTrust } from './marker-trust.js';

/** Where what has one timestamp ends, for codecs of which all packets with one timestamp belong together (RFC 7741, RFC 9628, AV1). */
export class UnitEnd {
  private readonly trust = new MarkerTrust();
  private timestamp: number | null = null;
  private isMarked = false;

  /** A packet comes. True: what was before it is complete. @param begins by itself, whatever its timestamp: several frames may have the same. */
  next(timestamp: number, begins: boolean): boolean {
    const isSame = timestamp === this.timestamp && !begins;
    if (this.isMarked && isSame) this.trust.refute();
    else if (this.isMarked) this.trust.confirm();
    this.isMarked = false;
    this.timestamp = timestamp;
    return !isSame;
  }

  /** The packet has been taken. True: what has come is complete. */
  taken(marker: boolean): boolean {
    this.isMarked = marker;
    return marker && this.trust.isBelieved;
  }

  /** Packets are missing: what comes next says nothing of what came before. */
  lost(): void {
    this.isMarked = false;
    this.timestamp = null;
  }

  /** It is complete, if this sender sets markers as it should: that is not known yet. */
  get isWaiting(): boolean {
    return this.isMarked && this.trust.isUnknown;
  }
}
