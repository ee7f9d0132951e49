/** A wait of ours that ended before what was waited for. */
export class DeadlineExceeded extends Error {}

export interface WaitLimits {
  /** How long it may take. Absent: as long as `signal` lets it. */
  ms?: number;
  /** What the wait fails with when it has taken longer. */
  tooLate?: () => Error;
  /** Asked at the deadline: how much longer it may take, ms; 0: no longer. */
  more?: () => number;
  /** Ends the wait before that. */
  signal?: AbortSignal;
  /** What the wait fails with then. */
  aborted?: () => Error;
}

/** What `work` brings, unless it takes too long or is aborted before: then rejects. If the deadline wins, a later failure of `work` is ignored. */
export async function withDeadline<T>(work: Promise<T>, limits: WaitLimits): Promise<T> {
  const { ms, more, signal } = limits;
  const {
    tooLate = () => new DeadlineExceeded(`not within ${ms} ms`),
    aborted = () => new DeadlineExceeded('aborted'),
  } = limits;
  let timer: NodeJS.Timeout | undefined;
  let onAbort = (): void => undefined;
  const limit = new Promise<never>((_, reject) => {
    const expire = (): void => {
      const moreMs = more?.() ?? 0;
      if (moreMs > 0) timer = setTimeout(expire, moreMs);
      else reject(tooLate());
    };
    if (ms !== undefined) timer = setTimeout(expire, ms);
    onAbort = () => reject(aborted());
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

/** True once `work` is done; false when it takes longer than `ms`. Rejects as `work` does. */
export async function isDoneWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  const late = new DeadlineExceeded(`not within ${ms} ms`);
  try {
    await withDeadline(work, { ms, tooLate: () => late });
    return true;
  } catch (error) {
    if (error === late) return false;
    throw error;
  }
}
