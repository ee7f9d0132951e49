import { TransferError } from '#libs/transfer';
import { lateSince, overloaded, watchLateness } from './lateness.js';

/** How long each step to a platform may take, ms. */
export interface Deadlines {
  dnsMs: number;
  /** Per address. */
  tcpMs: number;
  tlsMs: number;
  /** RTMP handshake. */
  handshakeMs: number;
  /** RTMP `connect` command. */
  connectMs: number;
  /** createStream and publish: some platforms look the key up elsewhere first. */
  publishMs: number;
}

export const DEADLINES: Deadlines = { dnsMs: 5000, tcpMs: 5000, tlsMs: 5000, handshakeMs: 5000, connectMs: 5000, publishMs: 8000 };

/** The step was given up because the transfer ends. */
export class Aborted extends Error {}

/**
 * `work`, unless it takes longer or is aborted before. What loses may still fail later, unheard. Only time in which this process
 * looked counts: what it was late by is added, at most `ms` in all; if it was late then, too, that is the failure (a TransferError).
 */
export async function within<T>(work: Promise<T>, ms: number, tooLate: () => Error, signal?: AbortSignal): Promise<T> {
  watchLateness();
  let timer: NodeJS.Timeout | undefined;
  let onAbort = (): void => undefined;
  const limit = new Promise<never>((_, reject) => {
    let [from, spare] = [performance.now(), ms];
    const expire = (): void => {
      const lateMs = lateSince(from);
      const more = Math.min(lateMs, spare);
      if (more === 0) {
        const error = tooLate();
        return reject(lateMs > 0 && error instanceof TransferError ? overloaded(error, lateMs) : error);
      }
      [from, spare] = [performance.now(), spare - more];
      timer = setTimeout(expire, more);
    };
    timer = setTimeout(expire, ms);
    onAbort = () => reject(new Aborted('the transfer ends'));
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    work.catch(() => undefined);
  }
}
