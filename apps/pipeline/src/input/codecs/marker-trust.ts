/** Correct markers needed before they are trusted. */
const ENOUGH = 3;

/**
 * How long a marked frame of a sender that is not known yet is kept, ms: the other slices of a frame follow immediately, as a rule. Only
 * the first frames of a session wait so long, and only where nothing comes before.
 */
export const UNKNOWN_MARKER_MS = 20;

/**
 * Learns whether a sender's markers stand where they should: on the last packet of what has one timestamp (RFC 3550, 5.1; RFC 6184, 5.1),
 * where nothing is to be waited for. There are senders that mark every slice, and senders that mark nothing. What is marked by the former,
 * and all of the latter, is complete with the next timestamp only: one frame later, and not more.
 */
export class MarkerTrust {
  private confirmed = 0;
  private wasWrong = false;

  /** A marked packet is the last one. */
  get isBelieved(): boolean {
    return !this.wasWrong && this.confirmed >= ENOUGH;
  }

  /** It probably is: after UNKNOWN_MARKER_MS without another packet it may be taken for it. */
  get isUnknown(): boolean {
    return !this.wasWrong && this.confirmed < ENOUGH;
  }

  /** Another timestamp followed a marked packet. */
  confirm(): void {
    if (this.isUnknown) this.confirmed += 1;
  }

  /** More of the same frame followed one; that is what this sender does. */
  refute(): void {
    this.wasWrong = true;
  }
}
