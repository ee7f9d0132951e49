import { TransferError, type ReasonCode } from '#libs/transfer';

/** How often the event loop has to show that it runs. */
const TICK_MS = 250;
/** Timers are never exact: only what is later than this counts, but then all of it. */
const TOLERANCE_MS = 100;
/** So far back it is remembered. */
const KEPT_MS = 60_000;

/** How late a process was: the time in which its event loop did not run though it had to. Pure but for what it remembers: times are given. */
export class Lateness {
  private gaps: { from: number; ms: number }[] = [];
  private due: number;

  constructor(now: number) {
    this.due = now + TICK_MS;
  }

  /** To be called every TICK_MS. */
  tick(now: number): void {
    if (now - this.due > TOLERANCE_MS) this.gaps.push({ from: this.due, ms: now - this.due });
    this.gaps = this.gaps.filter(({ from, ms }) => now - (from + ms) < KEPT_MS);
    this.due = now + TICK_MS;
  }

  /** How much of the time since `from` (at most a minute) was lost, ms; also what has not ended with a tick yet. */
  since(from: number, now: number): number {
    const last = now - this.due > TOLERANCE_MS ? [{ from: this.due, ms: now - this.due }] : [];
    return [...this.gaps, ...last].reduce(
      (sum, gap) => sum + Math.max(0, gap.from + gap.ms - Math.max(from, gap.from)),
      0,
    );
  }
}

let loop: Lateness | null = null;

/** Begins to watch this process's event loop: whoever judges others by the clock has to know whether the clock was looked at. Whatever makes a process late shows there: a long turn, too little CPU, a stop. */
export function watchLateness(): void {
  if (loop) return;
  const started = new Lateness(performance.now());
  setInterval(() => started.tick(performance.now()), TICK_MS).unref();
  loop = started;
}

/** How much of the time since `from` (performance.now()) this process lost, ms. Nothing is known of the time before `watchLateness`. */
export function lateSince(from: number): number {
  return loop?.since(from, performance.now()) ?? 0;
}

/** How long ago `from` was (both performance.now(), ms), without what this process lost of it: so that our own delay is not blamed on anybody else. */
export const inTimeSince = (from: number, now: number): number => now - from - lateSince(from);

/** A process that was late by so much has let a platform wait long enough to be hung up on, or has itself not looked. */
const TOO_LATE_MS = 5000;
/** Reasons that come from a timeout or a closed connection. */
const TIMEOUT_OR_CLOSED: ReadonlySet<ReasonCode> = new Set(['stalled', 'connection_lost', 'closed_by_platform']);

/** What ended an accepted publish: when this process was late by `lateMs` shortly before, that is not to be blamed on the platform. */
export function blameSelfIfLate(error: TransferError, lateMs: number): TransferError {
  return TIMEOUT_OR_CLOSED.has(error.code) && lateMs >= TOO_LATE_MS ? overloaded(error, lateMs) : error;
}

/** Instead of an error that blames the platform for what this process was too late for. */
export const overloaded = (error: TransferError, lateMs: number): TransferError =>
  new TransferError('node_overloaded', `${(lateMs / 1000).toFixed(1)} s late, and then ${error.code}`);
