import type { Caller } from '../auth/caller.js';
import type { EventTail } from './event-tail.js';
import { covers, formatPosition, isBehind, join, type Position } from './position.js';
import { type EventStream, toIdAlone, toMessage } from './sse.js';
import { toBuffer, type Told } from './told.js';

/** What somebody wants to hear. */
export interface Wanted {
  /** Null: all projects (an operator). */
  projectId: string | null;
  /** Where it was before; it first gets what has happened since. */
  after?: Position | undefined;
  /** Figures of these streams only; without, of the newest ones. */
  figuresOf?: readonly string[] | undefined;
}

/** Somebody who listens. */
export class FeedListener {
  readonly projectId: string | null;
  readonly figuresOf: readonly string[] | undefined;
  /** Listeners with the same view are sent the same figures. */
  readonly view: string;
  /** Until this process is beyond it, other processes may have passed on what this one sees now, and its place is its own. */
  private after: Position | undefined;
  /** What is new while the missed ones are read; null: they have been. */
  private waiting: Told[] | null = [];

  constructor(
    { projectId, after, figuresOf }: Wanted,
    readonly caller: Caller,
    readonly to: EventStream,
  ) {
    this.projectId = projectId;
    this.after = after;
    this.figuresOf = figuresOf;
    this.view = `${projectId ?? ''} ${figuresOf?.join(',') ?? ''}`;
  }

  /** Sends what it missed, then where it is, then what has happened meanwhile. `isOpen`: whether anybody still reads. */
  async catchUp(tail: EventTail, isOpen: () => boolean): Promise<void> {
    const { projectId, after } = this;
    // What this process has seen by now is missed, what it sees from now on waits: no event is in both, or in none.
    this.waiting = [];
    const now = tail.position;
    if (after !== undefined) {
      for await (const part of tail.missed(projectId, after, now)) {
        if (!isOpen()) return;
        this.to.send(part === 'reset' ? toMessage('reset', '{}') : toBuffer(part));
      }
    }
    this.to.send(toIdAlone(formatPosition(after === undefined ? now : join(after, now))));
    this.settle(now);
    const { waiting } = this;
    this.waiting = null;
    this.tell(waiting, () => toBuffer(waiting));
  }

  /** `text`: the messages to all who are where this process is. */
  tell(told: readonly Told[], text: () => Buffer): void {
    if (told.length === 0) return;
    if (this.waiting !== null) {
      this.waiting.push(...told);
      return;
    }
    const { after } = this;
    if (after === undefined) return this.to.send(text());
    // Another process may have passed it on before this one saw it.
    const unheard = told.filter(({ event }) => !covers(after, event.id));
    this.to.send(unheard.map((each) => each.textAt(join(after, each.position))).join(''));
    this.settle(told.at(-1)?.position as Position);
  }

  private settle(now: Position): void {
    if (this.after !== undefined && isBehind(this.after, now)) this.after = undefined;
  }
}
