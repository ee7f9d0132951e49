import { LRUCache } from 'lru-cache';
import { hash, randomBytes } from 'node:crypto';
import type { Caller } from './caller.js';

/** A secret that has just been found good, and until when it is (ms of `now`). */
interface Remembered {
  caller: Caller;
  readAt: number;
  expiresAt: number;
}

/** How long a good secret is believed without a look into the database while changes are heard, and while they are not, ms. */
export const BELIEVED_MS = { listening: 5000, alone: 1000 };
const CUSTOMERS = 10_000;
/** Of one customer; it has ten valid ones at most. */
const SECRETS = 16;

/**
 * Secrets of HTTP Basic that were good a moment ago, so that not every request asks the database. Kept as a hash under a key of this process, never
 * in clear. Forgotten when a customer's credentials change, and after BELIEVED_MS.
 */
export class RememberedSecrets {
  private readonly key = randomBytes(32).toString('hex');
  private readonly customers = new LRUCache<string, Map<string, Remembered>>({ max: CUSTOMERS });
  private changes = 0;

  /** @param now ms of a clock that only goes forward */
  constructor(
    private readonly isListening: () => boolean,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** The caller whose secret it was a moment ago. */
  find(customerId: string, secret: string): Caller | undefined {
    const found = this.customers.get(customerId)?.get(this.hash(customerId, secret));
    if (found === undefined) return undefined;
    const now = this.now();
    const age = now - found.readAt;
    const isGood = now < found.expiresAt && age < (this.isListening() ? BELIEVED_MS.listening : BELIEVED_MS.alone);
    return isGood ? found.caller : undefined;
  }

  /** To be taken before the database is asked, and given back with its answer: an answer from before a change is not remembered. */
  get state(): number {
    return this.changes;
  }

  /** @param msLeft until the secret expires; null: it does not */
  remember(state: number, secret: string, caller: Caller, msLeft: number | null): void {
    if (state !== this.changes) return;
    const { customerId } = caller;
    const secrets = this.customers.get(customerId) ?? new Map<string, Remembered>();
    if (secrets.size >= SECRETS) secrets.clear();
    const now = this.now();
    secrets.set(this.hash(customerId, secret), { caller, readAt: now, expiresAt: now + (msLeft ?? Infinity) });
    this.customers.set(customerId, secrets);
  }

  /** A customer's credentials have changed; null: anybody's may have. */
  forget(customerId: string | null): void {
    this.changes += 1;
    if (customerId === null) this.customers.clear();
    else this.customers.delete(customerId);
  }

  /** One hash with the key in front, at a third of an HMAC's cost. The hash never leaves the process, so that nobody can lengthen what it is over. */
  private hash(customerId: string, secret: string): string {
    return hash('sha256', `${this.key}${customerId}\0${secret}`, 'base64');
  }
}
