import { randomBytes } from 'node:crypto';
import { type Handle, native } from './native.js';
import { dispatch } from './records.js';
import type { ReceiverEvents, ReceiverFigures, ReceiverSettings, RtpFormat } from './types.js';

/** As native/types.h numbers them; others show nothing of where decoding can begin. */
const CODECS = ['', 'H264', 'VP8', 'VP9', 'AV1'];

/** Receives the RTP of one publisher's session: puts its packets in order, has the lost ones sent again, and reports. What comes of a call is told before it returns. */
export class RtpReceiver<Format extends RtpFormat> {
  private readonly handle: Handle;
  private readonly formats: Format[];

  /** Throws RangeError where there are more sections or formats than a session has. */
  constructor(
    formats: Format[],
    settings: ReceiverSettings,
    private readonly events: ReceiverEvents<Format>,
  ) {
    this.formats = [...formats];
    this.handle = native.makeReceiver(
      randomBytes(4).readUInt32BE(),
      // Of this session only (RFC 7022, 4.2).
      randomBytes(12).toString('base64'),
      performance.timeOrigin,
      settings.midExtension ?? 0,
      settings.transportCcExtension ?? 0,
      settings.reducedSize,
    );
    for (const { mid, kind, payloadType, rtxPayloadType, clockRate, nack, codec } of formats) {
      const number = Math.max(0, CODECS.indexOf(codec));
      if (
        !native.addFormat(
          this.handle,
          mid,
          kind === 'video',
          payloadType,
          rtxPayloadType ?? -1,
          clockRate,
          nack,
          number,
        )
      )
        throw new RangeError('a session has too many media sections or formats');
    }
  }

  /**
   * Takes an RTP packet, decrypted. `arrival`: when it came (performance.now(), ms), for all that measures the network; `now`: when we see it,
   * for our own deadlines.
   */
  rtp(packet: Buffer, arrival: number, now: number): void {
    this.tell(native.rtp(this.handle, packet, arrival, now));
  }

  /** As `rtp`. */
  rtcp(packet: Buffer, arrival: number): void {
    this.tell(native.rtcp(this.handle, packet, arrival));
  }

  /**
   * Takes packets that came together, and does what is due: `work` need not be called.
   * @param batch before each packet stand its length and whether it is RTCP, 16 bits each, and the lower 32 bits of a clock (us) when it came.
   * @param now performance.now(), ms. @param clock the lower 32 bits of that clock now.
   */
  batch(batch: Buffer, now: number, clock: number): void {
    this.tell(native.batch(this.handle, batch, now, clock));
  }

  /** Sends what is due. To be called after packets that came one by one, and at `deadline` if nothing came before. */
  work(now: number): void {
    this.tell(native.work(this.handle, now));
  }

  /** When `work` has something to do at the latest; null: nothing. */
  get deadline(): number | null {
    return finite(native.deadline(this.handle));
  }

  /** Asks for a key frame (PLI). False while no packet of a video track has come. */
  requestKeyframe(): boolean {
    const records = native.requestKeyframe(this.handle);
    this.tell(records);
    return records !== undefined;
  }

  /** Frees the packets that wait for others, which do not come any more. To be called at the end of a session: the rest is freed with the object. */
  clear(): void {
    native.clear(this.handle);
  }

  figures(): ReceiverFigures {
    const [packetsLost, jitter, roundTrip, bytes, lastArrival] = native.figures(this.handle);
    return {
      packetsLost,
      jitterMs: finite(jitter),
      roundTripMs: finite(roundTrip),
      bytes,
      lastArrival: finite(lastArrival),
    };
  }

  /** What is remembered of sources that are not followed, for the tests of its bounds. */
  get kept(): { packets: number; bytes: number; sources: number } {
    const [, , , , , packets, bytes, sources] = native.figures(this.handle);
    return { packets, bytes, sources };
  }

  private tell(records: Buffer | undefined): void {
    if (records) dispatch(records, this.formats, this.events);
  }
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
