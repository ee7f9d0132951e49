/** Sequence numbers have 32 bits (RTMP specification, 5.4.3). */
const MODULUS = 0x1_0000_0000;

/**
 * What a server says that it has received, where it counts as the specification has it: all bytes, modulo 2^32. Servers in the
 * field count in many other ways, or not at all: a figure for people, on which nothing may depend.
 */
export class AckCount {
  private total = 0;
  private state: 'silent' | 'sensible' | 'senseless' = 'silent';

  /** Bytes; null before the first acknowledgement, and for the rest of the connection after one that makes no sense. */
  get bytes(): number | null {
    return this.state === 'sensible' ? this.total : null;
  }

  /** @param sent bytes that had been sent by then. */
  acknowledge(sequence: number, sent: number): void {
    const step = (sequence - (this.total % MODULUS) + MODULUS) % MODULUS;
    // A total grows with each acknowledgement, and never beyond what was sent.
    const isSensible = this.state !== 'senseless' && step > 0 && this.total + step <= sent;
    this.state = isSensible ? 'sensible' : 'senseless';
    if (isSensible) this.total += step;
  }
}
