import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PipelineEvents, PipelineOp, PipelineOps, Snapshot } from '../pipeline/protocol.js';

/** The pipeline refused a command, or said nothing in time (`no_answer`); `code` is a reason code, `not_found` or `internal`. */
export class PipelineError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** An event with its body, as a union to switch over. */
export type PipelineEvent = { [E in keyof PipelineEvents]: { event: E; body: PipelineEvents[E] } }[keyof PipelineEvents];

interface Reply {
  re: number;
  result?: unknown;
  error?: { code: string; message: string };
}
interface Waiting {
  resolve: (result: never) => void;
  reject: (error: Error) => void;
}

const MAX_LINE = 4 * 1024 * 1024;
const POLL_MS = 5;

/** The worker's end of a pipeline's control socket. */
export class PipelineClient {
  /** Of the pipeline's process. */
  pid = 0;
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;
  private rest = '';
  private listener: ((event: PipelineEvent) => void) | null = null;
  private readonly early: PipelineEvent[] = [];
  private closeListener: (() => void) | null = null;

  private constructor(
    /** Of the socket: the pipeline's name on this node. */
    readonly path: string,
    private readonly socket: Socket,
  ) {
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.receive(text));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.closed());
  }

  /** Connects as soon as somebody listens there, and waits for the `hello`. Rejects at the deadline, or with what `giveUp` makes of a failure. */
  static async open(path: string, deadlineMs: number, giveUp: (failure: Error) => Error | null = () => null): Promise<{ client: PipelineClient; hello: Snapshot }> {
    const deadline = performance.now() + deadlineMs;
    for (;;) {
      try {
        return await PipelineClient.tryOpen(path, deadline);
      } catch (error) {
        const reason = giveUp(error as Error);
        if (reason) throw reason;
        if (performance.now() > deadline) throw error;
        await sleep(POLL_MS);
      }
    }
  }

  private static async tryOpen(path: string, deadline: number): Promise<{ client: PipelineClient; hello: Snapshot }> {
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const client = new PipelineClient(path, socket);
    const hello = await new Promise<Snapshot>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the pipeline does not say hello')), Math.max(1, deadline - performance.now()));
      client.closeListener = () => reject(new Error('the pipeline closed the connection'));
      client.listener = ({ event, body }) => {
        clearTimeout(timer);
        if (event === 'hello') resolve(body);
        else reject(new Error('the pipeline does not begin with hello'));
      };
    });
    client.listener = null;
    client.closeListener = null;
    client.pid = hello.pid;
    return { client, hello };
  }

  /** Events from now on, in order; those that came before are delivered first. */
  onEvent(listener: (event: PipelineEvent) => void): void {
    this.listener = listener;
    for (const event of this.early.splice(0)) listener(event);
  }

  /** Called once when the connection is gone, at once if it is already. */
  onClose(listener: () => void): void {
    if (this.socket.destroyed) listener();
    else this.closeListener = listener;
  }

  /** Rejects with PipelineError, `no_answer` at the deadline; with Error when the connection goes away. */
  call<Op extends PipelineOp>(op: Op, body: PipelineOps[Op]['in'], deadlineMs: number): Promise<PipelineOps[Op]['out']> {
    this.lastId += 1;
    const id = this.lastId;
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) return reject(new Error('the pipeline is gone'));
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        reject(new PipelineError('no_answer', `the pipeline did not answer "${op}" within ${deadlineMs} ms`));
      }, deadlineMs);
      const settle =
        <T>(then: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(timer);
          this.waiting.delete(id);
          then(value);
        };
      this.waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
      this.socket.write(`${JSON.stringify({ id, op, body })}\n`);
    });
  }

  /** Leaves the pipeline alone: one that has a stream goes on, one that has none ends. */
  disconnect(): void {
    this.closeListener = null;
    this.socket.destroy();
  }

  private receive(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() as string;
    if (this.rest.length > MAX_LINE) this.socket.destroy();
    for (const line of lines) this.handle(JSON.parse(line) as Reply | PipelineEvent);
  }

  private handle(message: Reply | PipelineEvent): void {
    if ('event' in message) {
      if (this.listener) this.listener(message);
      else this.early.push(message);
      return;
    }
    const waiting = this.waiting.get(message.re);
    if (message.error) waiting?.reject(new PipelineError(message.error.code, message.error.message));
    else waiting?.resolve(message.result as never);
  }

  private closed(): void {
    for (const { reject } of this.waiting.values()) reject(new Error('the pipeline is gone'));
    const listener = this.closeListener;
    this.closeListener = null;
    listener?.();
  }
}
