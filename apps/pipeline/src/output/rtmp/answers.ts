import type { AmfValue } from './amf0.js';
import { type Status, toStatus } from './status.js';

/** Statuses that wait for a listener. */
const MAX_WAITING = 16;

/** The server answered a call with `_error`. */
export class CommandRefused extends Error {
  constructor(readonly status: Status) {
    super(status.code);
  }
}

/** The answers that calls wait for, by their transaction numbers. */
export class Calls {
  private readonly open = new Map<number, { resolve: (values: AmfValue[]) => void; reject: (error: Error) => void }>();
  private lastTransaction = 0;

  nextTransaction(): number {
    this.lastTransaction += 1;
    return this.lastTransaction;
  }

  /** The answer to a call. Rejects with CommandRefused, or with what all fail with. */
  answerTo(transaction: number): Promise<AmfValue[]> {
    return new Promise((resolve, reject) => this.open.set(transaction, { resolve, reject }));
  }

  /** `_result` or `_error`, to a call that waits for it or to none. */
  answered(isError: boolean, transaction: AmfValue | undefined, values: AmfValue[]): void {
    const call = typeof transaction === 'number' ? this.open.get(transaction) : undefined;
    if (!call) return;
    this.open.delete(transaction as number);
    const status = toStatus(values);
    if (isError || status.level === 'error') call.reject(new CommandRefused(status));
    else call.resolve(values);
  }

  failAll(reason: Error): void {
    for (const { reject } of this.open.values()) reject(reason);
    this.open.clear();
  }
}

/** Statuses of the server, kept while nobody listens. */
export class Statuses {
  private listener: ((status: Status) => void) | null = null;
  private readonly waiting: Status[] = [];

  /** Those that came while nobody listened come now; null stops listening. */
  listen(listener: ((status: Status) => void) | null): void {
    this.listener = listener;
    while (this.listener && this.waiting.length > 0) this.listener(this.waiting.shift() as Status);
  }

  came(status: Status): void {
    if (this.listener) this.listener(status);
    else if (this.waiting.length < MAX_WAITING) this.waiting.push(status);
  }
}
