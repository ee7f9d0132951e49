import { withDeadline } from '#libs/process';
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

export const DEADLINES: Deadlines = {
  dnsMs: 5000,
  tcpMs: 5000,
  tlsMs: 5000,
  handshakeMs: 5000,
  connectMs: 5000,
  publishMs: 8000,
};

/** The step was given up because the transfer ends. */
export class Aborted extends Error {}

/**
 * `work`, unless it takes longer or is aborted before. What loses may still fail later, unheard. Only time in which this process
 * looked counts: what it was late by is added, at most `ms` in all; if it was late then, too, that is the failure (a TransferError).
 */
export function within<T>(work: Promise<T>, ms: number, tooLate: () => Error, signal?: AbortSignal): Promise<T> {
  watchLateness();
  let [from, spare, lateMs] = [performance.now(), ms, 0];
  const more = (): number => {
    lateMs = lateSince(from);
    const added = Math.min(lateMs, spare);
    [from, spare] = [performance.now(), spare - added];
    return added;
  };
  const failure = (): Error => {
    const error = tooLate();
    return lateMs > 0 && error instanceof TransferError ? overloaded(error, lateMs) : error;
  };
  return withDeadline(work, { ms, tooLate: failure, more, signal, aborted: () => new Aborted('the transfer ends') });
}
