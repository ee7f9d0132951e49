/** Messages that wait for one before them. */
const MAX_WAITING = 32;

/** The messages of one connection, one at a time: an unPublishStream must not overtake its publishStream. */
export class MessageQueue {
  private last: Promise<void> = Promise.resolve();
  private waiting = 0;

  /** `onError`: what one of them threw; those after it are served all the same. */
  constructor(private readonly onError: (error: unknown) => void) {}

  /** False, and not served, when too many wait already. */
  add(serve: () => Promise<void>): boolean {
    if (this.waiting >= MAX_WAITING) return false;
    this.waiting += 1;
    this.afterAll(() => serve().finally(() => (this.waiting -= 1)));
    return true;
  }

  /** Done after all that came before, however many wait. */
  afterAll(work: () => Promise<void>): void {
    this.last = this.last.then(work).catch(this.onError);
  }
}
