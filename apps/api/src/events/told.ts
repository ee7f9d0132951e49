import type { Event } from '#libs/db';
import { toEventResponse } from './event.response.js';
import { formatPosition, type Position } from './position.js';
import { toMessage } from './sse.js';

/** An event that is told to whoever listens, and where this process is with it. What it looks like is made once, however many hear it. */
export class Told {
  private data: string | undefined;
  private message: string | undefined;

  constructor(
    readonly event: Event,
    readonly position: Position,
  ) {}

  /** The message to readers that are where this process is. */
  get text(): string {
    return (this.message ??= this.textAt(this.position));
  }

  /** The message to a reader that is elsewhere. */
  textAt(position: Position): string {
    this.data ??= JSON.stringify(toEventResponse(this.event));
    return toMessage('event', this.data, formatPosition(position));
  }
}

/** The messages of several, as they are sent to all who hear the same. */
export const toBuffer = (told: readonly Told[]): Buffer => Buffer.from(told.map(({ text }) => text).join(''));
