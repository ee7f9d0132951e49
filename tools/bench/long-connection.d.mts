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
export function sendAtFullSpeed(
  product: Record<'Output' | 'AllowList' | 'avcFrame' | 'avcSequenceHeader', unknown>,
  url: string,
  bytes: number,
): Promise<LongConnection>;
