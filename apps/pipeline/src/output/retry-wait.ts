import { inBackground } from '../process/in-background.js';

/** For so long a target that was live is looked at every second, ms: most outages are restarts. */
const OFTEN_FOR_MS = 60_000;
const OFTEN_MS = 1000;
/** And then every few seconds, which no server notices, for an hour; a server that is away for longer is found by the attempts alone. */
const SELDOM_FOR_MS = 3_600_000;
const SELDOM_MS = 4000;

/** The pause before the port of a target that went away `downForMs` ago is looked at again, ms, with a jitter (`random` in [0, 1)): those who lost it together come back one by one. Null: no more. */
export function portProbeDelayMs(downForMs: number, random: number): number | null {
  if (downForMs >= SELDOM_FOR_MS) return null;
  return (downForMs < OFTEN_FOR_MS ? OFTEN_MS : SELDOM_MS) * (0.5 + random / 2);
}

/** Asks whether a port accepts connections. */
export interface PortProbe {
  /** When the target was live last (performance.now()). */
  downSince: number;
  isOpen: (signal: AbortSignal) => Promise<boolean>;
}

/**
 * The wait for the next attempt to publish. With `probe`, for a port that did not accept connections, it ends as soon as the port
 * does: a connection that is made and closed costs a server next to nothing, while attempts to publish are left to the backoff.
 */
export class RetryWait {
  private readonly over = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private probeTimer: NodeJS.Timeout | undefined;

  constructor(
    delayMs: number,
    private readonly onOver: () => void,
    private readonly probe: PortProbe | null,
  ) {
    this.timer = setTimeout(() => this.finish(), delayMs);
    this.probeSoon();
  }

  cancel(): void {
    this.over.abort();
    clearTimeout(this.timer);
    clearTimeout(this.probeTimer);
  }

  private finish(): void {
    if (this.over.signal.aborted) return;
    this.cancel();
    this.onOver();
  }

  private probeSoon(): void {
    const { probe } = this;
    if (probe === null || this.over.signal.aborted) return;
    const pause = portProbeDelayMs(performance.now() - probe.downSince, Math.random());
    if (pause === null) return;
    this.probeTimer = setTimeout(() => {
      const probed = probe.isOpen(this.over.signal).then((isOpen) => (isOpen ? this.finish() : this.probeSoon()));
      inBackground('a platform could not be looked at', probed);
    }, pause);
  }
}
