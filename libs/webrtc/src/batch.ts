/** Before each packet of a batch: its length and whether it is RTCP, 16 bits each; the lower 32 bits of the system's monotonic clock (us) when it came. */
const HEAD_BYTES = 8;
/** That clock minus performance.now(), ms. */
const CLOCK_OFFSET = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** The lower 32 bits of the clock by which a batch tells when its packets came, us. @param now performance.now(), ms. */
export const batchClock = (now: number): number => Math.round((now + CLOCK_OFFSET) * 1000) >>> 0;

/** One packet of a batch: a view of its bytes. */
export interface BatchPacket {
  bytes: Buffer;
  isRtcp: boolean;
  /** When it came, performance.now(), ms. */
  arrival: number;
}

/** The packets of a batch one by one, in the order of their arrival. @param now @param clock as they came with the batch. */
export function* packetsOf(batch: Buffer, now: number, clock: number): Generator<BatchPacket> {
  for (let at = 0; at < batch.length;) {
    const start = at + HEAD_BYTES;
    const isRtcp = batch.readUInt16BE(at + 2) !== 0;
    const arrival = now - Math.max(0, (clock - batch.readUInt32BE(at + 4)) | 0) / 1000;
    at = start + batch.readUInt16BE(at);
    yield { bytes: batch.subarray(start, at), isRtcp, arrival };
  }
}
