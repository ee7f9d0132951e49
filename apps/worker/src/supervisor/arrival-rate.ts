const WINDOW_MS = 10_000;
/** Processes kept ready however many publishers come: each takes memory. */
const MAX_READY = 8;
/** A start may take twice as long as the last ones did. */
const MARGIN = 2;
/** Before one was measured. */
const FIRST_START_MS = 500;
const START_WEIGHT = 0.3;

/** How often publishers come and how long a process takes to start: from that, how many must be ready. Times in ms of a clock that only goes forward. */
export class ArrivalRate {
  private arrivals: number[] = [];
  private startMs = FIRST_START_MS;

  arrived(now: number): void {
    this.arrivals.push(now);
    this.forget(now);
  }

  started(tookMs: number): void {
    this.startMs += START_WEIGHT * (tookMs - this.startMs);
  }

  /** So many that publishers who come as they came in the last seconds find one ready; `least` when few come, and none where that is none. */
  wanted(least: number, now: number): number {
    if (least === 0) return 0;
    this.forget(now);
    const during = (this.arrivals.length / WINDOW_MS) * this.startMs * MARGIN;
    return Math.max(least, Math.min(MAX_READY, Math.ceil(during)));
  }

  /** Until the last of `waiting` publishers has a process of its own, when `atOnce` start together. */
  waitMs(waiting: number, atOnce: number): number {
    return Math.ceil(waiting / atOnce) * this.startMs;
  }

  private forget(now: number): void {
    while (this.arrivals[0] !== undefined && this.arrivals[0] <= now - WINDOW_MS) this.arrivals.shift();
  }
}
