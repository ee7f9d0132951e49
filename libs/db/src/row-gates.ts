import { DeadlineExceeded } from '#libs/process';

/** Statements that lock one row and are under way at once, in this process: enough that a busy process keeps the connections busy. */
const AT_ONCE = 64;
/** The same while others hold the lock: each takes one of the connections that everybody shares. */
const AT_ONCE_HELD = 3;
/** So long after a lock was found held, who needs the same waits for it elsewhere at once. */
const HELD_MS = 1000;
/** For its turn a statement waits no longer than it would for a connection. */
const TURN_MS = 2000;

interface Gate {
  active: number;
  waiting: (() => void)[];
  heldUntil: number;
}

/** Lets statements that lock the same row pass a few at a time. */
export class RowGates {
  private readonly gates = new Map<string, Gate>();

  /** Whether the row's lock was found held a moment ago. */
  isHeld(row: string): boolean {
    return isHeld(this.gates.get(row));
  }

  /** Others hold the row's lock. */
  foundHeld(row: string): void {
    const gate = this.of(row);
    gate.heldUntil = performance.now() + HELD_MS;
    if (gate.active === 0) this.forget(row, gate);
  }

  /** Does the work when it is its turn. Throws DeadlineExceeded, without having begun it, when that does not come within 2 s. */
  async pass<T>(row: string, work: () => Promise<T>): Promise<T> {
    const gate = this.of(row);
    if (gate.active < limitOf(gate)) gate.active += 1;
    else await turnOf(gate);
    try {
      return await work();
    } finally {
      gate.active -= 1;
      while (gate.active < limitOf(gate) && gate.waiting.length > 0) {
        gate.active += 1;
        gate.waiting.shift()?.();
      }
      if (gate.active === 0) this.forget(row, gate);
    }
  }

  private of(row: string): Gate {
    const gate = this.gates.get(row) ?? { active: 0, waiting: [], heldUntil: 0 };
    this.gates.set(row, gate);
    return gate;
  }

  private forget(row: string, gate: Gate): void {
    if (!isHeld(gate)) this.gates.delete(row);
    else
      setTimeout(() => {
        if (gate.active === 0 && this.gates.get(row) === gate) this.gates.delete(row);
      }, HELD_MS).unref();
  }
}

const isHeld = (gate: Gate | undefined): boolean => gate !== undefined && performance.now() < gate.heldUntil;
const limitOf = (gate: Gate): number => (isHeld(gate) ? AT_ONCE_HELD : AT_ONCE);

function turnOf({ waiting }: Gate): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      waiting.splice(waiting.indexOf(turn), 1);
      reject(new DeadlineExceeded(`others held a lock for more than ${TURN_MS} ms`));
    }, TURN_MS);
    const turn = (): void => {
      clearTimeout(timer);
      resolve();
    };
    waiting.push(turn);
  });
}
