// H.264 pictures recognised by their slices, which nothing between an encoder and a platform may change: parameter sets and SEI come and go.
import { createHash } from 'node:crypto';

const START_CODE = Buffer.of(0, 0, 1);
const SLICES = new Set([1, 2, 3, 4, 5]);

/** Of an access unit in Annex B form: MD5 over its slices, written as FFmpeg writes them, the start code of the first with one zero more. */
export function fingerprint(accessUnit: Buffer): string {
  const slices = [...nalUnits(accessUnit)].filter((unit) => SLICES.has((unit[0] ?? 0) & 0x1f));
  const hash = createHash('md5').update(Buffer.of(0));
  for (const slice of slices) hash.update(START_CODE).update(slice);
  return hash.digest('hex');
}

function* nalUnits(data: Buffer): Generator<Buffer> {
  let at = data.indexOf(START_CODE);
  while (at >= 0) {
    const next = data.indexOf(START_CODE, at + 3);
    let end = next < 0 ? data.length : next;
    // A NAL unit never ends in a zero: these belong to the next start code.
    while (end > at + 3 && data[end - 1] === 0) end -= 1;
    yield data.subarray(at + 3, end);
    at = next;
  }
}

/**
 * Which of the sent pictures (their places, from 0) are missing between the first and the last one received. Throws for a picture
 * that was never sent, or not in this order.
 */
export function missingPictures(sent: string[], received: string[]): number[] {
  const missing: number[] = [];
  let place = sent.indexOf(received[0] ?? '');
  if (place < 0) throw new Error('the first picture received is none of those sent');
  for (const [i, picture] of received.entries()) {
    const found = sent.indexOf(picture, place);
    if (found < 0) {
      const earlier = sent.indexOf(picture);
      const instead = earlier < 0 ? 'never sent' : `sent as number ${earlier}`;
      throw new Error(
        `picture ${i} of ${received.length} received was ${instead}, but should have been one from number ${place} on (missing before: ${missing.join(', ') || 'none'})`,
      );
    }
    while (place < found) missing.push(place++);
    place += 1;
  }
  return missing;
}
