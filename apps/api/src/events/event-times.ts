import { CLOCKS_DIFFER_MS } from '../http/newest-first.js';

/** Marks are so far from each other, and so many. */
const APART_MS = 43_200_000;
const MAX_MARKS = 400;

/**
 * When events with some ids were written. Later ids are of later times, but for a few seconds: so what comes after an id is looked for in the partitions of the
 * days from then on, and not in all.
 */
export class EventTimes {
  /** Ascending. */
  private readonly marks: { id: bigint; atMs: number }[] = [];

  /** An event that was read, in the order of ids. One from a clock that is ahead counts as of now. */
  note({ id, at }: { id: bigint; at: Date }): void {
    const atMs = Math.min(at.getTime(), Date.now());
    // A later event of an earlier time: these were from a clock that was wrong.
    while ((this.marks.at(-1)?.atMs ?? 0) > atMs + CLOCKS_DIFFER_MS) this.marks.pop();
    const last = this.marks.at(-1);
    if (last !== undefined && (id <= last.id || atMs < last.atMs + APART_MS)) return;
    this.marks.push({ id, atMs });
    if (this.marks.length > MAX_MARKS) this.marks.shift();
  }

  /** From when on every event with a higher id was written; undefined: that is not known. */
  since(id: bigint): Date | undefined {
    const mark = this.marks.findLast((each) => each.id <= id);
    return mark && new Date(mark.atMs - CLOCKS_DIFFER_MS);
  }
}
