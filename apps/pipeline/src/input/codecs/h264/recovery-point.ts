import { type Nal, NAL_TYPE, payloadOf, typeOf } from './nal-unit.js';

/** payloadType of the SEI message that marks where decoding can begin without an IDR picture (annex D.1.8). */
const RECOVERY_POINT = 6;
/** Of an SEI unit, so much is searched for it: what comes before is short, but for an encoder's list of its options. */
const MAX_SEI_BYTES = 4096;

/** Whether this unit is an SEI unit with a recovery point. */
export const isRecoveryPoint = (nal: Nal): boolean =>
  typeOf(nal.header) === NAL_TYPE.sei && hasRecoveryPoint(payloadOf(nal, MAX_SEI_BYTES));

/** Whether one of the messages of an SEI unit is a recovery point (7.3.2.3.1). What is not as it should be has none: decoders pass over it as well. */
function hasRecoveryPoint(payload: Buffer): boolean {
  let at = 0;
  const number = (): number => {
    let sum = 0;
    while (payload[at] === 0xff) {
      sum += 0xff;
      at += 1;
    }
    sum += payload[at] ?? 0;
    at += 1;
    return sum;
  };
  // The last byte is the stop bit.
  while (at < payload.length - 1) {
    const type = number();
    const size = number();
    if (type === RECOVERY_POINT) return size > 0;
    // Emulation prevention makes a message longer than it says: one byte for each three bytes at most.
    for (let left = size, zeros = 0; left > 0 && at < payload.length; at += 1) {
      const byte = payload[at] as number;
      const isPrevention = zeros >= 2 && byte === 3;
      zeros = byte === 0 ? zeros + 1 : 0;
      if (!isPrevention) left -= 1;
    }
  }
  return false;
}
