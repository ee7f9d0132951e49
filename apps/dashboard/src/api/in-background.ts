/** Owns a promise that the page does not wait for and whose failure it shows elsewhere (a query's state), or need not show. */
export function inBackground(work: Promise<unknown>): void {
  work.catch((error: unknown) => console.debug('manycast:', error));
}
