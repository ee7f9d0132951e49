import { Injectable, Logger } from '@nestjs/common';
import { PrismaService } from '#libs/db';
import { NodeAbsent, Registry, Wire, WireTimeout } from '#libs/queue';
import { Dispatcher } from './dispatcher.js';
import { endStream } from '../end-stream.js';

/** A node that is there answers in milliseconds. */
const PING_TIMEOUT_MS = 1500;
/** After an outage of Redis its nodes are back within this: they try every 2 s, and say every 2 s that they are there. */
const REDIS_SETTLES_MS = 5000;

/** Ends streams whose publishers are here and whose nodes are not. */
@Injectable()
export class LostStreams {
  private readonly logger = new Logger(LostStreams.name);

  constructor(
    private readonly prisma: PrismaService,
    private readonly wire: Wire,
    private readonly registry: Registry,
    private readonly dispatcher: Dispatcher,
  ) {}

  /** Ends the stream if its lease has run out and its node neither says that it is there nor answers; whether that was so. What cannot be known is not so. */
  async endIfNodeIsGone(streamId: string, owner: string): Promise<boolean> {
    if (!(await this.isLapsed(streamId)) || !(await this.isGone(owner))) return false;
    await this.end(streamId, owner);
    return true;
  }

  /** Ends a stream that its node has lost. */
  async end(streamId: string, owner: string): Promise<void> {
    this.logger.warn(`stream ${streamId} was lost with node ${owner}`);
    if (await endStream(this.prisma, streamId, { reason: 'node_lost' }, { ownerNode: owner }))
      this.dispatcher.tellEnded(owner, streamId, 'node_lost');
  }

  /** When the database comes back after an outage, that is so for every stream. */
  private async isLapsed(streamId: string): Promise<boolean> {
    const lapsed = await this.prisma.$queryRaw<
      unknown[]
    >`SELECT 1 FROM streams WHERE id = ${streamId}::uuid AND state <> 'ended' AND lease_until < clock_timestamp()`;
    return lapsed.length > 0;
  }

  private async isGone(nodeId: string): Promise<boolean> {
    if (this.wire.connectedForMs < REDIS_SETTLES_MS) return false;
    try {
      const nodes = await this.registry.nodes();
      if (nodes.some((node) => node.nodeId === nodeId)) return false;
      await this.wire.ask(nodeId, 'ping', {}, PING_TIMEOUT_MS);
      return false;
    } catch (error) {
      // A machine that lost its power stays subscribed for as long as Redis waits for its TCP: then nothing answers.
      if (error instanceof NodeAbsent || error instanceof WireTimeout) return true;
      this.logger.warn(`whether node ${nodeId} is there is not known: ${String(error).slice(0, 200)}`);
      return false;
    }
  }
}
