import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { Env } from '#libs/config';
import { type In, isNodeOp, type NodeOp, type Out } from '#libs/protocol';
import { COMMAND_OPTIONS, connectRedis } from './redis.js';

/** The other side refused; `code` is a reason code or `internal`. */
export class WireError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Nobody answered in time: the node is away, or never got the request. */
export class WireTimeout extends Error {}

/** The node is not even listening: known at once, without a wait. */
export class NodeAbsent extends WireTimeout {}

interface Request {
  id: string;
  replyTo: string;
  op: string;
  body: unknown;
}
interface Reply {
  id: string;
  result?: unknown;
  error?: { code: string; message: string };
}
/** Serves what is asked of a node; resolves with the answer. */
type Serve = <Op extends NodeOp>(op: Op, body: In<Op>) => Promise<unknown>;

/**
 * Request and reply between processes over Redis pub/sub: for the few exchanges somebody waits for (an SDP answer, a
 * candidate). Nothing here is durable; what must not be lost is a row first and a request second.
 */
@Injectable()
export class Wire implements OnApplicationShutdown {
  /** Where replies to this process arrive. */
  readonly replyTo: string;
  private readonly publisher: Redis;
  private readonly subscriber: Redis;
  private readonly waiting = new Map<string, (reply: Reply) => void>();
  private readonly prefix: string;
  private handler: Serve | undefined;
  private connectedAt: number | null = null;

  constructor(env: Env) {
    this.prefix = `${env.REDIS_PREFIX}:wire`;
    this.replyTo = `${this.prefix}:reply:${randomUUID()}`;
    this.publisher = connectRedis(env, 'wire', COMMAND_OPTIONS);
    // A subscription must survive outages of any length: ioredis subscribes again after it reconnects.
    this.subscriber = connectRedis(env, 'wire-sub', {
      ...COMMAND_OPTIONS,
      commandTimeout: undefined,
      maxRetriesPerRequest: null,
    });
    this.subscriber.on('ready', () => (this.connectedAt = performance.now()));
    this.subscriber.on('close', () => (this.connectedAt = null));
    this.subscriber.on('message', (channel: string, text: string) => this.receive(channel, text));
    // Without Redis now: ioredis subscribes as soon as it is there, and `ready` waits for that.
    this.subscriber.subscribe(this.replyTo).catch(() => undefined);
  }

  /** Resolves once replies can reach this process. */
  async ready(): Promise<void> {
    await this.subscriber.subscribe(this.replyTo);
  }

  /** How long Redis has been there without a break, as this process saw it, ms; 0 while it is away. */
  get connectedForMs(): number {
    return this.connectedAt === null ? 0 : performance.now() - this.connectedAt;
  }

  /** Asks a node. Rejects with WireError (it refused), WireTimeout (no answer), or Redis's own error. */
  async ask<Op extends NodeOp>(nodeId: string, op: Op, body: In<Op>, timeoutMs: number): Promise<Out<Op>> {
    const id = randomUUID();
    const reply = this.expect<Out<Op>>(id, timeoutMs);
    const request: Request = { id, replyTo: this.replyTo, op, body };
    try {
      const receivers = await this.publisher.publish(this.nodeChannel(nodeId), JSON.stringify(request));
      if (receivers === 0) throw new NodeAbsent(`node ${nodeId} is not connected`);
    } catch (error) {
      reply.cancel();
      throw error;
    }
    return reply.promise;
  }

  /** Waits for the reply `id` that somebody will send to `replyTo` (a job's handler, say). */
  expect<T>(id: string, timeoutMs: number): { promise: Promise<T>; cancel: () => void } {
    let cancel = (): void => undefined;
    const promise = new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        reject(new WireTimeout(`no answer within ${timeoutMs} ms`));
      }, timeoutMs);
      cancel = () => {
        clearTimeout(timer);
        this.waiting.delete(id);
      };
      this.waiting.set(id, ({ result, error }) => {
        cancel();
        if (error) reject(new WireError(error.code, error.message));
        else resolve(result as T);
      });
    });
    // A refusal may be here before its caller waits for it: the reply and Redis's word that the request is out come by two connections.
    promise.catch(() => undefined);
    return { promise, cancel };
  }

  async reply(replyTo: string, id: string, result: unknown): Promise<void> {
    await this.publisher.publish(replyTo, JSON.stringify({ id, result } satisfies Reply));
  }

  async refuse(replyTo: string, id: string, error: { code: string; message: string }): Promise<void> {
    await this.publisher.publish(replyTo, JSON.stringify({ id, error } satisfies Reply));
  }

  /** Serves the requests to a node until shutdown. An error that `serve` rejects with becomes the asker's WireError. */
  async serve(nodeId: string, serve: Serve): Promise<void> {
    this.handler = serve;
    await this.subscriber.subscribe(this.nodeChannel(nodeId));
  }

  onApplicationShutdown(): void {
    this.subscriber.disconnect();
    this.publisher.disconnect();
  }

  private nodeChannel(nodeId: string): string {
    return `${this.prefix}:node:${nodeId}`;
  }

  private receive(channel: string, text: string): void {
    const message = readMessage(text);
    if (message === null) return;
    if (channel === this.replyTo) this.waiting.get(message.id)?.(message);
    else this.answer(message).catch(() => undefined);
  }

  private async answer({ id, replyTo, op, body }: Request): Promise<void> {
    try {
      if (!isNodeOp(op)) throw new WireError('unknown_op', `this node knows no "${op}"`);
      const result = await this.handler?.(op, body as never);
      await this.reply(replyTo, id, result ?? {});
    } catch (error) {
      const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
      await this.refuse(replyTo, id, {
        code: typeof code === 'string' ? code : 'internal',
        message: typeof message === 'string' ? message : String(error),
      }).catch(() => undefined);
    }
  }
}

/** Null for what is no message of ours: whoever else writes to our channels must not end the process. */
function readMessage(text: string): (Request & Reply) | null {
  try {
    return JSON.parse(text) as Request & Reply;
  } catch {
    return null;
  }
}
