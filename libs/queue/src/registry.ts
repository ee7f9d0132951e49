import { Inject, Injectable } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { Env } from '#libs/config';
import { REDIS } from './redis.js';

/** What a node says of itself every few seconds. */
export interface NodeStatus {
  nodeId: string;
  slots: number;
  used: number;
  /** Takes no new streams (shutting down). */
  draining: boolean;
  /** Of all cores of its machine, 0 to 1. */
  cpu: number;
  version: string;
  startedAt: string;
}

/** A node that has not been heard of for so long is away. */
const NODE_TTL_MS = 6000;
/** Live figures of a stream whose node went silent are not shown as if they were current. */
const FIGURES_TTL_MS = 10_000;

/** Who is there, and live figures: things that are only true for seconds, so they live in Redis with a time to live. */
@Injectable()
export class Registry {
  constructor(
    @Inject(REDIS) private readonly redis: Redis,
    private readonly env: Env,
  ) {}

  async announce(status: NodeStatus): Promise<void> {
    await this.redis
      .multi()
      .sadd(this.key('nodes'), status.nodeId)
      .set(this.key(`node:${status.nodeId}`), JSON.stringify(status), 'PX', NODE_TTL_MS)
      .exec();
  }

  async withdraw(nodeId: string): Promise<void> {
    await this.redis
      .multi()
      .srem(this.key('nodes'), nodeId)
      .del(this.key(`node:${nodeId}`))
      .exec();
  }

  /** Nodes heard of within the last seconds. */
  async nodes(): Promise<NodeStatus[]> {
    const ids = await this.redis.smembers(this.key('nodes'));
    if (ids.length === 0) return [];
    const texts = await this.redis.mget(ids.map((id) => this.key(`node:${id}`)));
    // A node that ended without a word is forgotten; one that was only late announces itself anew.
    const gone = ids.filter((_, i) => texts[i] === null);
    if (gone.length > 0) await this.redis.srem(this.key('nodes'), ...gone);
    return texts.flatMap((text) => (text === null ? [] : [JSON.parse(text) as NodeStatus]));
  }

  async putFigures(streamId: string, figures: unknown): Promise<void> {
    await this.redis.set(this.key(`figures:${streamId}`), JSON.stringify(figures), 'PX', FIGURES_TTL_MS);
  }

  /** The newest figures of each stream, by id; streams without any are absent. */
  async figures<T>(streamIds: string[]): Promise<Map<string, T>> {
    if (streamIds.length === 0) return new Map();
    const texts = await this.redis.mget(streamIds.map((id) => this.key(`figures:${id}`)));
    return new Map(
      texts.flatMap((text, i) => (text === null ? [] : [[streamIds[i] as string, JSON.parse(text) as T] as const])),
    );
  }

  private key(name: string): string {
    return `${this.env.REDIS_PREFIX}:${name}`;
  }
}
