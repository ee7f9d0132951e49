import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Redis, type RedisOptions } from 'ioredis';
import { Env } from '#libs/config';

/** Injection token of the Redis connection for short commands. */
export const REDIS = Symbol('redis');

/** Never gives up on the server, but no single wait is long. */
const retryStrategy = (attempt: number): number => Math.min(100 * 2 ** attempt, 2000);

/** For commands whose caller waits: they fail within a second when Redis is away, instead of queueing up. */
export const COMMAND_OPTIONS = {
  retryStrategy,
  connectTimeout: 2000,
  commandTimeout: 1000,
  maxRetriesPerRequest: 1,
} satisfies RedisOptions;

/** For BullMQ workers, which block on purpose. */
export const BLOCKING_OPTIONS = {
  retryStrategy,
  connectTimeout: 2000,
  maxRetriesPerRequest: null,
} satisfies RedisOptions;

/** A connection that is told apart in `CLIENT LIST` and never throws an unhandled 'error'. */
export function connectRedis(env: Env, name: string, options: RedisOptions): Redis {
  const redis = new Redis(env.REDIS_URL, { ...options, connectionName: `manycast-${name}` });
  // ioredis reconnects by itself; without a listener the event would end the process.
  redis.on('error', () => undefined);
  return redis;
}

/** Closes the shared command connection after everything that uses it. */
@Injectable()
export class RedisCloser implements OnApplicationShutdown {
  constructor(@Inject(REDIS) private readonly redis: Redis) {}

  onApplicationShutdown(): void {
    this.redis.disconnect();
  }
}
