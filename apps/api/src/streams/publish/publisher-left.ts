import { refuse } from '../../http/problem.js';

/** The publisher closed its connection; nobody reads this answer. */
const PUBLISHER_LEFT = 499;

/** Waits for `work` for as long as the publisher does: `gone` aborts when it closes the connection. */
export async function untilGone<T>(gone: AbortSignal, work: Promise<T>): Promise<T> {
  let onAbort = (): void => undefined;
  const left = new Promise<never>((_, reject) => {
    onAbort = () => reject(refuse(PUBLISHER_LEFT, 'The publisher closed the connection.', { code: 'publisher_left' }));
    if (gone.aborted) onAbort();
    else gone.addEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([work, left]);
  } finally {
    gone.removeEventListener('abort', onAbort);
    work.catch(() => undefined);
  }
}
