/**
 * @param {import('#libs/gst').GstObject} object
 * @param {string} signal
 * @param {string} value that the signal has to bring
 * @returns {Promise<void>}
 */
export function once(object, signal, value) {
  return new Promise((resolve) => object.on(signal, (now) => now === value && resolve()));
}

/**
 * What the promise brings. Rejects after so many ms.
 *
 * @template T
 * @param {number} ms
 * @param {Promise<T>} promise
 * @param {string} what is waited for
 * @returns {Promise<T>}
 */
export async function within(ms, promise, what) {
  let timer;
  /** @type {Promise<never>} */
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${ms} ms`)), ms);
  });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}
