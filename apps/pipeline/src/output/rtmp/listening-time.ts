/** The part of its time that a process spends on what platforms say. An honest one says some hundred bytes a second. */
const SHARE = 0.25;
/** May be spent in one go, ms: a frame is late by no more than this. */
const AT_ONCE_MS = 4;

/** How long a process listens to platforms, all together, so that one that talks without end does not keep frames from the others. */
export class ListeningTime {
  private debtMs = 0;

  constructor(private lastMs: number) {}

  /** Books `ms` of listening that ended `now`. Returns for how long to listen no more, ms; 0 to go on. */
  spend(ms: number, now: number): number {
    this.debtMs = Math.max(0, this.debtMs - (now - this.lastMs) * SHARE) + ms;
    this.lastMs = now;
    return this.debtMs <= AT_ONCE_MS ? 0 : Math.ceil((this.debtMs - AT_ONCE_MS) / SHARE);
  }
}
