/** What needs to be done by a certain time, and is done sooner where something else happens before. Times by performance.now(). */
interface Worker {
  work(now: number): void;
  /** When there is work at the latest; null: none is waited for. */
  readonly deadline: number | null;
}

/** Requests and reports are sent with the packets that come, by who takes those; a timer serves while none do. */
export class WorkTimer {
  private next: { timer: NodeJS.Timeout; at: number } | null = null;
  private isStopped = false;

  constructor(private readonly worker: Worker) {}

  /** What was due has been done; the timer is set for what is next. */
  isDone(now: number): void {
    if (this.isStopped) return;
    const { deadline } = this.worker;
    if (deadline === null || (this.next !== null && this.next.at <= deadline)) return;
    if (this.next) clearTimeout(this.next.timer);
    const timer = setTimeout(
      () => {
        this.next = null;
        this.work(performance.now());
      },
      Math.max(1, deadline - now),
    ).unref();
    this.next = { timer, at: deadline };
  }

  stop(): void {
    this.isStopped = true;
    if (this.next) clearTimeout(this.next.timer);
  }

  private work(now: number): void {
    if (this.isStopped) return;
    this.worker.work(now);
    this.isDone(now);
  }
}
