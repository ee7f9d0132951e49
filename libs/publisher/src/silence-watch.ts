// Notices that the server has fallen silent, seconds before the browser calls the connection `disconnected`.

type Stat = Readonly<Record<string, unknown>>;

/** A server that takes media reports on it ten times a second and more (transport-wide feedback); no healthy path is quiet for so long. */
const SILENT_MS = 1000;
/** Silence tells something only after looks at which there was always something new: without media, a path is quiet for seconds. */
const LIVELY_LOOKS = 2;

/** Pure but for what it remembers: reports and times are given. To be asked twice a second. */
export class SilenceWatch {
  private last: { bytesReceived: number; at: number } | undefined;
  /** Looks in a row, up to the last growth, at which more had come. */
  private lively = 0;
  private isQuiet = false;

  /** Whether a server that reported all the time says nothing any more. */
  isSilent(report: Iterable<Stat>, now: number): boolean {
    // On all paths: which one is in use may change, and with an ICE-lite server several are nominated.
    const counts = [...report].filter((stat) => stat['type'] === 'candidate-pair').map((stat) => stat['bytesReceived']);
    // A browser that does not count cannot be watched; `disconnected` still comes.
    if (counts.length === 0 || !counts.every((count) => typeof count === 'number')) return false;
    const bytesReceived = counts.reduce((sum, count) => sum + count, 0);
    if (this.last === undefined || bytesReceived !== this.last.bytesReceived) {
      this.lively = this.isQuiet || this.last === undefined ? 0 : this.lively + 1;
      this.isQuiet = false;
      this.last = { bytesReceived, at: now };
      return false;
    }
    this.isQuiet = true;
    return this.lively >= LIVELY_LOOKS && now - this.last.at >= SILENT_MS;
  }

  /** Begins again: the next silence is told after as long a time. */
  reset(): void {
    this.last = undefined;
    this.lively = 0;
    this.isQuiet = false;
  }
}
