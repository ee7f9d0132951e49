/** When the records of a DTLS handshake are sent again, ms after the last time. OpenSSL begins with a second (RFC 6347, section 4.2.4.1), which is what
 * remains when all these are used up: FFmpeg, for one, begins to listen just after our first record came. The same record that comes twice is
 * left out by who has taken it (section 4.1.2.6). */
const AGAIN_MS = [50, 100, 200, 400];
/** A certificate in pieces is a handful of records. */
const MAX_RECORDS = 16;

/** The records of a DTLS handshake that the peer has not answered yet. */
export class DtlsFlight {
  private records: Buffer[] = [];
  private timer: NodeJS.Timeout | null = null;
  private receivedBefore = 0;
  private turn = 0;

  /** @param received how many records the peer has sent so far */
  constructor(
    private readonly send: (record: Buffer) => void,
    private readonly received: () => number,
  ) {}

  /** A record is being sent. */
  sent(record: Buffer): void {
    const received = this.received();
    if (received !== this.receivedBefore || this.records.length === 0) {
      this.receivedBefore = received;
      this.records = [];
      this.turn = 0;
    }
    // After all turns, no more is sent again from here; then DTLS's own retransmission takes over.
    if (this.turn >= AGAIN_MS.length || this.records.length >= MAX_RECORDS) return;
    this.records.push(record);
    this.wait();
  }

  stop(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.records = [];
  }

  private wait(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.again(), AGAIN_MS[this.turn]).unref();
  }

  private again(): void {
    this.timer = null;
    if (this.received() !== this.receivedBefore) return;
    for (const record of this.records) this.send(record);
    this.turn += 1;
    if (this.turn < AGAIN_MS.length) this.wait();
  }
}
