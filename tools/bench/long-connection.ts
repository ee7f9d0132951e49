// One connection to a platform, past the marks at which servers begin to count anew (nginx-rtmp at 0xf0000000 bytes, others at 2^32):
// the bytes of hours, at full speed. Drives the product's own Output, of dist/ (bench) or of the sources (test/slow).
import { setImmediate as turn } from 'node:timers/promises';

/** The product's own parts. */
interface Product {
  Output: typeof import('../../apps/pipeline/src/output/output.js').Output;
  TransferUrl: typeof import('../../libs/transfer/src/index.js').TransferUrl;
  AllowList: typeof import('../../libs/net/src/index.js').AllowList;
  avcFrame: typeof import('../../apps/pipeline/src/flv/flv.js').avcFrame;
  avcSequenceHeader: typeof import('../../apps/pipeline/src/flv/flv.js').avcSequenceHeader;
}

export interface LongConnection {
  bytesSent: number;
  bytesAcked: number | null;
  reconnects: number;
  droppedFrames: number;
  attempts: number;
  /** All that was ever said. */
  reasons: string[];
  seconds: number;
  /** The longest time for which nothing left. */
  worstPauseMs: number;
  close: () => Promise<void>;
}

const BODY = Buffer.alloc(60_000, 7);
/** Less than an output hands to its socket at once: what is pushed leaves its queue in the same turn. */
const QUEUED_BYTES = 60_000;
const GIVE_UP_MS = 15_000;

/** Sends `bytes` to `url` as fast as they are taken. Ends early where nothing is for 15 s. */
export async function sendAtFullSpeed(product: Product, url: string, bytes: number): Promise<LongConnection> {
  const { Output, TransferUrl, AllowList, avcFrame, avcSequenceHeader } = product;
  const reasons: string[] = [];
  let attempts = 0;
  let mayBegin = false;
  const output = new Output(
    { id: 'long', target: TransferUrl.parse(url).target, url, options: {} },
    {
      allowList: AllowList.parse('127.0.0.1'),
      requestKeyframe: () => (mayBegin = true),
      onStatus: (status) => {
        attempts = status.attempts;
        if (status.reason !== null && !reasons.includes(status.reason)) reasons.push(status.reason);
      },
      hasVideo: () => true,
      isReorderingKnown: () => true,
      openSound: async () => [],
    },
  );
  output.start();
  const config = { header: avcSequenceHeader(Buffer.from('0142c01effe10000', 'hex')), width: 1280, height: 720 };
  const began = performance.now();
  let movedAt = began;
  let worstPauseMs = 0;
  let last = 0;
  /** Whether it goes on. */
  const look = () => {
    const { bytesSent, queuedBytes } = output.figures();
    const now = performance.now();
    worstPauseMs = Math.max(worstPauseMs, now - movedAt);
    if (bytesSent - queuedBytes > last) movedAt = now;
    last = Math.max(last, bytesSent - queuedBytes);
    return { queuedBytes, goesOn: now - movedAt < GIVE_UP_MS };
  };
  while (!mayBegin && look().goesOn) await turn();
  for (let frame = 0, goesOn = true; goesOn && last < bytes; frame += 1) {
    const keyframe = frame % 25 === 0;
    output.push({ kind: 'video', at: frame * 40, keyframe, body: avcFrame(BODY, keyframe, 0), config });
    for (let now = look(); (goesOn = now.goesOn) && now.queuedBytes > QUEUED_BYTES; now = look()) await turn();
    if (frame % 8 === 0) await turn();
  }
  const { bytesSent, bytesAcked, reconnects, droppedFrames } = output.figures();
  const seconds = (performance.now() - began) / 1000;
  return {
    bytesSent,
    bytesAcked,
    reconnects,
    droppedFrames,
    attempts,
    reasons,
    seconds,
    worstPauseMs,
    close: () => output.close('bench'),
  };
}
