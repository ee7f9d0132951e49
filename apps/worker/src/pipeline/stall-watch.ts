/** No progress for so long although there is something to send, and the platform is not reading, whatever its TCP says. */
const STALL_MS = 10_000;

/** What is known of a connection at one moment. */
export interface Progress {
  /** Bytes that have left for the network. */
  left: number;
  /** Something waits that the connection does not take. */
  waits: boolean;
  /** With platforms that acknowledge: bytes so far, bytes under way, and the most that was acknowledged at once. */
  acknowledged: { bytes: number; underWay: number; step: number } | null;
}

/** Tells a platform that is slow from one that reads no more. Pure but for what it remembers: times are given. */
export class StallWatch {
  private left: { bytes: number; at: number };
  private acked: { bytes: number; at: number };

  constructor(now: number) {
    this.left = { bytes: 0, at: now };
    this.acked = { bytes: 0, at: now };
  }

  /** Whether nothing has gone on for too long. */
  isStalled({ left, waits, acknowledged }: Progress, now: number): boolean {
    if (!waits || left > this.left.bytes) this.left = { bytes: left, at: now };
    // What the kernel holds for a platform that reads no more looks sent; where the platform acknowledges, that tells.
    const isDue = acknowledged !== null && acknowledged.underWay >= 2 * acknowledged.step;
    if (!isDue || acknowledged.bytes > this.acked.bytes) this.acked = { bytes: acknowledged?.bytes ?? 0, at: now };
    return now - Math.min(this.left.at, this.acked.at) > STALL_MS;
  }
}
