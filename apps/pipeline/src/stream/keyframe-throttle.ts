/** A key frame is asked for at most this often, however many outputs want one: each costs the publisher bandwidth. */
const THROTTLE_MS = 300;

/** Passes on requests for a key frame, at most a few a second; one that comes too early is passed on when it may be. */
export class KeyframeThrottle {
  private lastAt = -Infinity;
  private timer: NodeJS.Timeout | null = null;

  /** @param ask passes a request on to the publisher. */
  constructor(private readonly ask: () => void) {}

  request(): void {
    const wait = this.lastAt + THROTTLE_MS - performance.now();
    if (wait <= 0) {
      this.lastAt = performance.now();
      this.ask();
    } else {
      this.timer ??= setTimeout(() => {
        this.timer = null;
        this.request();
      }, wait);
    }
  }
}
