import type { ProbeResult } from '#libs/protocol';
import { type AllowList } from '#libs/net';
import { TransferError, type TransferOptions, type TransferTarget } from '#libs/transfer';
import { RtmpPublisher } from '../output/rtmp/rtmp-publisher.js';

const DEADLINE_MS = 10_000;
const CLOSE_MS = 1000;

/** Connects to a platform until it accepts the publish, and hangs up properly without having sent anything. */
export async function probe(
  target: TransferTarget,
  options: TransferOptions,
  allowList: AllowList,
): Promise<ProbeResult> {
  const started = performance.now();
  const end = (code: string | null, detail: string | null): ProbeResult => ({
    code,
    detail,
    ms: Math.round(performance.now() - started),
  });
  try {
    const { flashVer, tlsVerify } = options;
    const publisher = await RtmpPublisher.connect(
      target,
      { allowList, flashVer, tlsVerify, sendMetadata: false },
      AbortSignal.timeout(DEADLINE_MS),
    );
    const result = end(null, null);
    await publisher.close({ clean: true, deadlineMs: CLOSE_MS });
    return result;
  } catch (error) {
    if (error instanceof TransferError) return end(error.code, error.detail ?? null);
    return end('publish_timeout', null);
  }
}
