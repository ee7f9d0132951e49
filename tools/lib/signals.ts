import type { GstObject } from '#libs/gst';

/** Resolves when the object sends the signal with that value. */
export function once(object: GstObject, signal: string, value: string): Promise<void> {
  return new Promise((resolve) => object.on(signal, (now: string) => now === value && resolve()));
}

/** What the promise brings. Rejects after so many ms; `what` is what is waited for. */
export async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${ms} ms`)), ms);
  });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}
