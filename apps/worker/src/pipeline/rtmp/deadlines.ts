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

/** `work`, unless it takes longer or is aborted before. What loses may still fail later, unheard. */
export async function within<T>(work: Promise<T>, ms: number, tooLate: () => Error, signal?: AbortSignal): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort = (): void => undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooLate()), ms);
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
