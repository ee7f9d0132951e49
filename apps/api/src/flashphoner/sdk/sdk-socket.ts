import { Logger } from '@nestjs/common';
import type { WebSocket } from 'ws';
import { type ClientMessage, readMessage, toMessage } from './protocol.js';
import { MessageBudget } from './sdk-limits.js';

const PING_EVERY_MS = 10_000;
const MAX_MISSED_PINGS = 3;
const POLICY_VIOLATION = 1008;
const CLOSE_WITHIN_MS = 1000;
/** Who asks and does not read the answers is not kept waiting for. */
const MAX_BUFFERED_BYTES = 256 * 1024;

export interface SdkSocketEvents {
  /** All but pings. */
  onMessage: (message: ClientMessage) => void;
  onClose: () => void;
}

/** The WebSocket of a page: messages of the Web SDK's protocol in and out, within bounds, for as long as the page answers pings. */
export class SdkSocket {
  private readonly logger = new Logger(SdkSocket.name);
  private readonly budget = new MessageBudget(performance.now());
  private readonly pings: NodeJS.Timeout;
  private missedPings = 0;

  constructor(
    private readonly socket: WebSocket,
    /** `/ip:port/ip:port`, for the log. */
    name: string,
    private readonly events: SdkSocketEvents,
  ) {
    this.pings = setInterval(() => this.ping(), PING_EVERY_MS).unref();
    socket.on('message', (data) => this.receive(Buffer.isBuffer(data) ? data.toString('utf8') : ''));
    socket.on('error', (error) => this.logger.debug(`connection ${name}: ${error.message}`));
    socket.on('close', () => {
      clearInterval(this.pings);
      events.onClose();
    });
  }

  get isOpen(): boolean {
    return this.socket.readyState === this.socket.OPEN;
  }

  /** Nothing is sent when the socket is not open (any more). */
  send(message: string, ...data: unknown[]): void {
    if (!this.isOpen) return;
    this.socket.send(toMessage(message, ...data));
    // WebSocket's own pings are ws's business, and it does the same.
    if (this.socket.bufferedAmount > MAX_BUFFERED_BYTES) this.socket.terminate();
  }

  /** Closes with this reason; nothing is read any more. A page that does not answer our goodbye does not hold the socket. */
  hangUp(why: string): void {
    this.socket.removeAllListeners('message');
    this.socket.close(POLICY_VIOLATION, why);
    setTimeout(() => this.socket.terminate(), CLOSE_WITHIN_MS).unref();
  }

  /** Says why to the page, and hangs up. */
  refuse(apiMethod: string, info: string): void {
    this.send('fail', { apiMethod, status: 'FAILED', info });
    this.hangUp('refused');
  }

  /** Ends it without a goodbye. */
  terminate(): void {
    this.socket.terminate();
  }

  private receive(text: string): void {
    if (!this.budget.take(performance.now())) return this.hangUp('too many messages');
    const message = readMessage(text);
    if (message === null) return this.hangUp('not the Web SDK protocol');
    this.missedPings = 0;
    if (message.message === 'ping') this.send('pong', null);
    else this.events.onMessage(message);
  }

  private ping(): void {
    this.missedPings += 1;
    if (this.missedPings > MAX_MISSED_PINGS) this.socket.terminate();
    else this.send('ping', null);
  }
}
