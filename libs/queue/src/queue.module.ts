import { BullModule } from '@nestjs/bullmq';
import { Global, Module } from '@nestjs/common';
import { Env } from '#libs/config';
import { CALLBACKS_QUEUE, STREAMS_QUEUE } from './names.js';
import { BLOCKING_OPTIONS, COMMAND_OPTIONS, connectRedis, REDIS, RedisCloser } from './redis.js';
import { Registry } from './registry.js';
import { Wire } from './wire.js';

/** Everything that goes through Redis. Imported by every process: without `registerQueue`, Nest starts no processor and says nothing. */
@Global()
@Module({
  imports: [
    BullModule.forRootAsync({
      useFactory: (env: Env) => ({
        connection: { url: env.REDIS_URL, ...BLOCKING_OPTIONS },
        prefix: `${env.REDIS_PREFIX}:bull`,
        // Nobody looks at what is over; and while a job is kept, none of its id can be added.
        defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
      }),
      inject: [Env],
    }),
    // A queue's connection is its processor's, too, which blocks on purpose: whoever adds a job sets a deadline of its own.
    BullModule.registerQueue({ name: STREAMS_QUEUE }, { name: CALLBACKS_QUEUE }),
  ],
  providers: [
    { provide: REDIS, useFactory: (env: Env) => connectRedis(env, 'commands', COMMAND_OPTIONS), inject: [Env] },
    RedisCloser,
    Registry,
    Wire,
  ],
  exports: [BullModule, REDIS, Registry, Wire],
})
export class QueueModule {}
