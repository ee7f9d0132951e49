import { connect, type Socket } from 'node:net';
import {
  type In,
  isPipelineEvent,
  type Out,
  type PipelineEvents,
  type PipelineOp,
  type Snapshot,
} from '#libs/protocol';

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
export type PipelineEvent = {
  [E in keyof PipelineEvents]: { event: E; body: PipelineEvents[E] };
}[keyof PipelineEvents];

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

/** The worker's end of a pipeline's control socket. Knows nothing of the process behind it. */
export class ControlConnection {
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;
  private rest = '';
  private listener: ((event: PipelineEvent) => void) | null = null;
  private readonly early: PipelineEvent[] = [];
  private closeListener: (() => void) | null = null;
  /** It sent an invalid message. */
  isDistrusted = false;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.receive(text));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.closed());
  }

  /**
   * Connects to a pipeline that listens at `path`, and waits for its `hello`. Rejects with the socket's error, or when there
   * is no `hello` within `deadlineMs`; the socket is closed then, for a pipeline that sees a worker never ends by itself.
   */
  static async open(path: string, deadlineMs: number): Promise<{ connection: ControlConnection; hello: Snapshot }> {
    const connection = new ControlConnection(connect(path));
    try {
      return { connection, hello: await connection.hello(deadlineMs) };
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  private hello(deadlineMs: number): Promise<Snapshot> {
    return new Promise((resolve, reject) => {
      let failure = new Error('the pipeline closed the connection');
      const timer = setTimeout(
        () => reject(new Error(`the pipeline did not say hello within ${deadlineMs} ms`)),
        deadlineMs,
      );
      this.socket.once('error', (error) => (failure = error));
      this.closeListener = () => {
        clearTimeout(timer);
        reject(failure);
      };
      this.listener = ({ event, body }) => {
        clearTimeout(timer);
        this.listener = null;
        this.closeListener = null;
        if (event === 'hello') resolve(body);
        else reject(new Error('the pipeline did not begin with hello'));
      };
    });
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
  call<Op extends PipelineOp>(op: Op, body: In<Op>, deadlineMs: number): Promise<Out<Op>> {
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

  /** Hangs up. For the pipeline, its worker is gone: one that has a stream goes on, one that has none ends. */
  close(): void {
    this.closeListener = null;
    this.socket.destroy();
  }

  private receive(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() as string;
    if (this.rest.length > MAX_LINE) this.distrust();
    for (const line of lines) {
      if (this.socket.destroyed) return;
      const message = parse(line);
      if (message === null) this.distrust();
      else this.handle(message);
    }
  }

  /** Whoever writes this is not a pipeline any more. */
  private distrust(): void {
    this.isDistrusted = true;
    this.socket.destroy();
  }

  private handle(message: Reply | PipelineEvent): void {
    if ('event' in message) {
      if (this.listener) this.listener(message);
      else this.early.push(message);
      return;
    }
    const waiting = this.waiting.get(message.re);
    if (typeof message.error === 'object' && message.error !== null)
      waiting?.reject(new PipelineError(String(message.error.code), String(message.error.message)));
    else waiting?.resolve(message.result as never);
  }

  private closed(): void {
    for (const { reject } of this.waiting.values()) reject(new Error('the pipeline is gone'));
    const listener = this.closeListener;
    this.closeListener = null;
    listener?.();
  }
}

const isReply = (message: unknown): boolean =>
  typeof message === 'object' && message !== null && !('event' in message) && typeof (message as Reply).re === 'number';

function parse(line: string): Reply | PipelineEvent | null {
  try {
    const message: unknown = JSON.parse(line);
    return isReply(message) || isPipelineEvent(message) ? (message as Reply | PipelineEvent) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
