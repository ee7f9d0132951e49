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
export const FIGURES_TTL_MS = 10_000;

/** A stream, and the node that runs it, as its row says. */
export interface StreamOnNode {
  id: string;
  ownerNode: string | null;
}

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
      .del(this.key(`node:${nodeId}`), this.figuresKey(nodeId))
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

  /**
   * Figures of all streams of a node, by stream, in place of those before: one hash for each node, so that a write costs three
   * commands, however many streams there are. (docs/decisions/0022)
   */
  async putFigures(nodeId: string, figures: ReadonlyMap<string, object>): Promise<void> {
    const key = this.figuresKey(nodeId);
    const write = this.redis.multi().del(key);
    if (figures.size > 0) {
      const fields = [...figures].flatMap(([streamId, each]) => [streamId, JSON.stringify(each)]);
      write.hset(key, ...fields).pexpire(key, FIGURES_TTL_MS);
    }
    await write.exec();
  }

  /** The newest figures of each stream, by id, in one round trip; streams without any are absent. */
  async figures<T>(streams: readonly StreamOnNode[]): Promise<Map<string, T>> {
    const nodes = [...byNode(streams)].map(([nodeId, ids]) => ({ key: this.figuresKey(nodeId), ids: [...ids] }));
    if (nodes.length === 0) return new Map();
    const answers = (await this.redis.pipeline(nodes.map(({ key, ids }) => ['hmget', key, ...ids])).exec()) ?? [];
    const found = new Map<string, T>();
    for (const [i, [error, texts]] of answers.entries()) {
      if (error !== null) throw error;
      for (const [j, text] of (texts as (string | null)[]).entries())
        if (text !== null) found.set(nodes[i]?.ids[j] as string, JSON.parse(text) as T);
    }
    return found;
  }

  private figuresKey(nodeId: string): string {
    return this.key(`figures:${nodeId}`);
  }

  private key(name: string): string {
    return `${this.env.REDIS_PREFIX}:${name}`;
  }
}

/** The ids of the streams of each node, each once; of streams that no node has taken nobody has figures. */
function byNode(streams: readonly StreamOnNode[]): Map<string, Set<string>> {
  const nodes = new Map<string, Set<string>>();
  for (const { id, ownerNode } of streams) {
    if (ownerNode === null) continue;
    const ids = nodes.get(ownerNode);
    if (ids === undefined) nodes.set(ownerNode, new Set([id]));
    else ids.add(id);
  }
  return nodes;
}
