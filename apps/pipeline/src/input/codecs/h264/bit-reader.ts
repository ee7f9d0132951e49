import { Malformed } from '../bitstream.js';

/** More leading zeros than a code of 32 bits has (9.1). */
const MAX_LEADING_ZEROS = 32;

/**
 * Reads a NAL unit's payload bit by bit (ITU-T H.264, 7.2 and 9.1), passing over the bytes that keep start codes from appearing in it
 * (emulation prevention, 7.4.1). Every method throws Malformed where the data ends.
 */
export class BitReader {
  private byte = 0;
  /** Bits of `byte` that have not been read. */
  private left = 0;
  private zeros = 0;

  /** @param at the first byte to read. */
  constructor(
    private readonly data: Buffer,
    private at: number,
  ) {}

  bit(): number {
    if (this.left === 0) this.load();
    this.left -= 1;
    return (this.byte >> this.left) & 1;
  }

  /** u(n), n up to 32. */
  bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i += 1) value = value * 2 + this.bit();
    return value;
  }

  /** ue(v). Throws Malformed for more than `max`. */
  unsigned(max: number): number {
    let zeros = 0;
    while (this.bit() === 0) {
      zeros += 1;
      if (zeros > MAX_LEADING_ZEROS) throw new Malformed();
    }
    const value = 2 ** zeros - 1 + this.bits(zeros);
    if (value > max) throw new Malformed();
    return value;
  }

  /** se(v). */
  signed(): number {
    const code = this.unsigned(2 ** 32 - 1);
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }

  private load(): void {
    if (this.zeros >= 2 && this.data[this.at] === 3) {
      this.at += 1;
      this.zeros = 0;
    }
    const next = this.data[this.at];
    if (next === undefined) throw new Malformed();
    this.at += 1;
    this.zeros = next === 0 ? this.zeros + 1 : 0;
    this.byte = next;
    this.left = 8;
  }
}
