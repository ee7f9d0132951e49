import { InjectQueue } from '@nestjs/bullmq';
import { Injectable, Logger } from '@nestjs/common';
import type { Queue } from 'bullmq';
import type { PublishAnswer } from '#libs/protocol';
import { CALLBACKS_QUEUE, Registry, STREAMS_QUEUE, Wire, type CallbackJob, type StreamJob } from '#libs/queue';
import { within } from '../../http/unavailable.js';

/** `add` itself may wait forever: see `within`. */
const QUEUE_DEADLINE_MS = 1000;
const TELL_TIMEOUT_MS = 2000;
/** Nodes say every 2 s how many streams they have; one that was seen to have room a moment ago need not be asked for with every publisher. */
const ROOM_MS = 250;
/** Callbacks are asked for as long as their stream lives; BullMQ wants a number. */
const UNLIMITED_ATTEMPTS = 1_000_000_000;

/** Puts work where a worker or a callback processor takes it, and takes it back when nobody did. */
@Injectable()
export class Dispatcher {
  private readonly logger = new Logger(Dispatcher.name);
  /** Until then, `performance.now()`, it is known that some node has room. */
  private roomUntil = 0;

  constructor(
    @InjectQueue(STREAMS_QUEUE) private readonly streams: Queue<StreamJob>,
    @InjectQueue(CALLBACKS_QUEUE) private readonly callbacks: Queue<CallbackJob>,
    private readonly wire: Wire,
    private readonly registry: Registry,
  ) {
    // Without a listener BullMQ writes each failed reconnect to stderr, in a form of its own.
    for (const queue of [streams, callbacks])
      queue.on('error', (error) => this.logger.warn(`queue ${queue.name}: ${error.message}`));
  }

  /** Whether some node says that it has room; a publisher is refused at once when none has. */
  async hasFreeSlot(): Promise<boolean> {
    const now = performance.now();
    if (now < this.roomUntil) return true;
    const nodes = await within(QUEUE_DEADLINE_MS, 'reading the nodes', this.registry.nodes());
    const hasRoom = nodes.some((node) => !node.draining && node.used < node.slots);
    // Those that are full are asked again: a publisher is waiting.
    this.roomUntil = hasRoom ? now + ROOM_MS : 0;
    return hasRoom;
  }

  /** Offers a session to all workers and waits for the one that takes it. */
  async requestAnswer(streamId: string, sessionId: string, timeoutMs: number): Promise<PublishAnswer> {
    // Listening begins before the job exists: a fast worker may answer before `add` returns.
    const reply = this.wire.expect<PublishAnswer>(sessionId, timeoutMs);
    try {
      const job = this.streams.add(
        'publish',
        { streamId, sessionId, replyTo: this.wire.replyTo },
        { jobId: sessionId },
      );
      await within(QUEUE_DEADLINE_MS, 'queueing the stream', job);
    } catch (error) {
      reply.cancel();
      throw error;
    }
    return reply.promise;
  }

  /** Has the customer asked where a stream goes. Never costs the publisher anything: what is lost here, the sweeper repeats. */
  async requestCallback(streamId: string): Promise<void> {
    const job = this.callbacks.add(
      'ask',
      { streamId },
      // One stack trace: BullMQ would keep each attempt's.
      {
        jobId: streamId,
        attempts: UNLIMITED_ATTEMPTS,
        backoff: { type: 'custom' },
        stackTraceLimit: 1,
      },
    );
    await within(QUEUE_DEADLINE_MS, 'queueing the callback', job).catch((error: unknown) =>
      this.logger.warn(`callback of stream ${streamId} not queued: ${String(error)}`),
    );
  }

  /** Asks the customer once more, now. */
  async repeatCallback(streamId: string): Promise<void> {
    // By its id, one that waits already is the same: else every request would leave a job in the queue that everybody shares.
    const job = this.callbacks.add('ask', { streamId, isReplay: true }, { jobId: `replay-${streamId}`, attempts: 1 });
    await within(QUEUE_DEADLINE_MS, 'queueing the callback', job);
  }

  /**
   * Tells a node, if it is there, that the database has ended its stream: it would find out with its next lease, but one
   * that is cut off from Postgres alone would not.
   */
  tellEnded(nodeId: string, streamId: string, reason: string): void {
    this.wire.ask(nodeId, 'endStream', { streamId, reason }, TELL_TIMEOUT_MS).catch(() => undefined);
  }

  /** Takes both jobs back, as far as nobody works on them; a late worker finds the stream ended. */
  async withdraw(streamId: string, sessionId: string): Promise<void> {
    const removed = Promise.allSettled([this.streams.remove(sessionId), this.callbacks.remove(streamId)]);
    await within(QUEUE_DEADLINE_MS, 'removing jobs', removed).catch((error: unknown) =>
      this.logger.warn(`jobs of stream ${streamId} not removed: ${String(error)}`),
    );
  }
}
