import type { RtpHeader } from './packet.js';
import type { TrackFormat } from './types.js';

/** What came longer ago belongs to no beginning that is still to be followed: twice the silence after which another source is. */
const KEPT_MS = 400;
/** So much of a usual stream comes in that time several times over; a hostile publisher must not fill the memory. */
const MAX_PACKETS = 512;
const MAX_BYTES = 1_000_000;

/** A packet that is not followed yet. */
export interface KeptPacket {
  format: TrackFormat;
  header: RtpHeader;
  /** A copy. */
  payload: Buffer;
  arrival: number;
}

/** Recent packets of a source not yet selected (or of a new beginning of the present one), replayed if it is. */
export class LookBack {
  private packets: KeptPacket[] = [];
  private bytes = 0;

  /** @param belongs whether a packet that is kept already is of the same beginning; if not, those kept are forgotten. */
  add(packet: KeptPacket, belongs: (last: KeptPacket) => boolean): void {
    const last = this.packets.at(-1);
    if (last && !belongs(last)) this.take();
    this.packets.push(packet);
    this.bytes += packet.payload.length;
    while (this.isTooMuch(packet.arrival)) this.bytes -= this.packets.shift()?.payload.length ?? 0;
  }

  /** All that is kept, in the order in which it came; nothing is kept afterwards. */
  take(): KeptPacket[] {
    const { packets } = this;
    this.packets = [];
    this.bytes = 0;
    return packets;
  }

  private isTooMuch(now: number): boolean {
    const [oldest] = this.packets;
    return (
      oldest !== undefined &&
      (this.packets.length > MAX_PACKETS || this.bytes > MAX_BYTES || now - oldest.arrival > KEPT_MS)
    );
  }
}
