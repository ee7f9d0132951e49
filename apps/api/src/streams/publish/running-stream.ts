import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { addLogFields, Env } from '#libs/config';
import { PrismaService } from '#libs/db';
import type { PublishAnswer } from '#libs/protocol';
import { Wire, WireError, WireTimeout } from '#libs/queue';
import { refuse } from '../../http/problem.js';
import { endStream } from '../end-stream.js';
import { publishError } from '../node-error.js';
import type { RunningStreamRow } from './arrival-state.js';
import { LostStreams } from './lost-streams.js';
import { openSession } from './open-session.js';
import { newSession, type Published, type Publisher } from './publisher.js';
import { untilGone } from './publisher-left.js';

/** A stream just begun by another request has no owner for a moment; longer than this and it will not get one. */
const OWNER_WAIT_MS = 1500;
const OWNER_POLL_MS = 50;
/** A node writes the end of a stream as soon as its pipeline has left, and that waits 2 s for a platform that hears of it. */
const END_WAIT_MS = 3000;

/** Adds a publisher's session to a stream that runs, and ends one that turns out to be lost. */
@Injectable()
export class RunningStream {
  constructor(
    private readonly prisma: PrismaService,
    private readonly wire: Wire,
    private readonly lost: LostStreams,
    private readonly env: Env,
  ) {}

  /** A reconnect, or a takeover by a second publisher. Undefined when the stream turned out to be lost, and was ended. */
  async rejoin(running: RunningStreamRow, publisher: Publisher, gone: AbortSignal): Promise<Published | undefined> {
    const owner = running.ownerNode ?? (await this.ownerSoon(running.id, gone));
    if (owner === null) {
      // Left behind by an API process that died between its row and its answer.
      const old = await this.prisma.$queryRaw<unknown[]>`
        SELECT 1 FROM streams WHERE id = ${running.id}::uuid AND created_at < clock_timestamp() - ${2 * this.env.ANSWER_TIMEOUT_MS} * interval '1 millisecond'`;
      const ended =
        old.length === 0
          ? null
          : await endStream(this.prisma, running.id, { reason: 'no_answer' }, { ownerNode: null });
      if (ended === null) throw beingStarted();
      return undefined;
    }
    if (owner === undefined) return undefined;
    addLogFields({ streamId: running.id });
    const session = newSession(publisher);
    await openSession(this.prisma, { ...session, streamId: running.id });
    try {
      const asked = this.wire.ask(
        owner,
        'publish',
        { streamId: running.id, sessionId: session.id },
        this.env.ANSWER_TIMEOUT_MS,
      );
      const answer: PublishAnswer = await untilGone(gone, asked);
      return { sessionId: session.id, etag: session.etag, sdp: answer.sdp };
    } catch (error) {
      await this.prisma.session.updateMany({ where: { id: session.id }, data: { endedAt: new Date(), offer: null } });
      if ((await this.endIfLost(running.id, owner, error)) || (await this.endsSoon(running.id, error, gone)))
        return undefined;
      if (gone.aborted)
        void this.wire
          .ask(owner, 'endSession', { sessionId: session.id, reason: 'publisher_left' }, 2000)
          .catch(() => undefined);
      throw publishError(error, true);
    }
  }

  /** Undefined: ended meanwhile. Null: still nobody's. */
  private async ownerSoon(streamId: string, gone: AbortSignal): Promise<string | null | undefined> {
    for (const deadline = performance.now() + OWNER_WAIT_MS; ;) {
      const stream = await this.prisma.stream.findUnique({
        where: { id: streamId },
        select: { ownerNode: true, state: true },
      });
      if (stream === null || stream.state === 'ended') return undefined;
      if (stream.ownerNode !== null || performance.now() > deadline || gone.aborted) return stream.ownerNode;
      await sleep(OWNER_POLL_MS);
    }
  }

  /**
   * Whether the node refused because the stream is just ending: a publisher that leaves and is back at once meets a pipeline that is gone, or
   * a session that ended with its stream, before or after the row says so.
   */
  private async endsSoon(streamId: string, error: unknown, gone: AbortSignal): Promise<boolean> {
    if (!(error instanceof WireError) || error.code === 'negotiation_failed' || error.code === 'no_answer')
      return false;
    for (const deadline = performance.now() + END_WAIT_MS; ; await sleep(OWNER_POLL_MS)) {
      const stream = await this.prisma.stream.findUnique({ where: { id: streamId }, select: { state: true } });
      if (stream === null || stream.state === 'ended') return true;
      if (performance.now() > deadline || gone.aborted) return false;
    }
  }

  /**
   * A node that is away keeps its stream for as long as its lease holds, one that is only slow for longer: a worker that restarts adopts its pipelines.
   * Afterwards a publisher who is here counts for more than a node that may come back.
   */
  private async endIfLost(streamId: string, owner: string, error: unknown): Promise<boolean> {
    const forgotten = error instanceof WireError && error.code === 'unknown_stream';
    if (!forgotten && !(error instanceof WireTimeout)) return false;
    if (!forgotten) return this.lost.endIfNodeIsGone(streamId, owner);
    await this.lost.end(streamId, owner);
    return true;
  }
}

/** The stream has no node (yet). */
export const beingStarted = (): Error =>
  refuse(409, 'Another publisher is starting a stream of this name.', { headers: { 'Retry-After': '1' } });
