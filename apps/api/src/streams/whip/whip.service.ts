import { Injectable, Logger, NotFoundException } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Env } from '#libs/config';
import { HotSql } from '#libs/db';
import { Wire } from '#libs/queue';
import { readFragment } from '#libs/sdp';
import { type ReasonCode, reasonOf } from '#libs/transfer';
import { refuse } from '../../http/problem.js';
import { sessionError } from '../node-error.js';
import { LostStreams } from '../publish/lost-streams.js';
import type { PublishTarget } from '../publish/publisher.js';
import { newEtag } from '../publish/session-ids.js';
import { mapSdpErrors } from './sdp-errors.js';
import { changeIceSession, endSession, findOpenedSession, findSession, type FoundSession } from './session-sql.js';
import { matchEtag } from './whip-http.js';

/** A session with the node that runs it. */
export interface RunningSession extends FoundSession {
  ownerNode: string;
}

/** What a PATCH comes to: nothing to say (trickle), or our side of an ICE restart. */
export type Patched = { etag: string; fragment: string } | undefined;

/** In place of a restart's answer while the node is asked for it. */
const UNDER_WAY = '';
const END_TIMEOUT_MS = 3000;
const POLL_MS = 50;
/** Candidates that are later than so many restarts do not come. */
const MAX_PAST_UFRAGS = 5;
/** Reasons why a session is over that a publisher has to respect. */
const ON_PURPOSE = new Set<string>(['kicked', 'banned', 'taken_over'] satisfies ReasonCode[]);
const SESSION_ID = /^[A-Za-z0-9_-]{16,64}$/;

/** What a publisher does to its session. */
@Injectable()
export class WhipService {
  private readonly logger = new Logger(WhipService.name);

  constructor(
    private readonly sql: HotSql,
    private readonly wire: Wire,
    private readonly env: Env,
    private readonly lost: LostStreams,
  ) {}

  /**
   * Trickled candidates, or an ICE restart when the fragment brings new credentials: with If-Match `*` (RFC 9725, section 4.3.3), or as well
   * without and with the entity tag that the client knows, for most clients do so, unless WHIP_STRICT_ETAG. `countRestart` may refuse.
   */
  async patch(
    session: RunningSession,
    fragment: string,
    ifMatch: string | undefined,
    countRestart: () => Promise<void>,
  ): Promise<Patched> {
    const { ufrag, pwd } = mapSdpErrors(() => readFragment(fragment));
    const [iceUfrag, hasPassword] = [ufrag ?? undefined, pwd !== null];
    const match = matchEtag(ifMatch, session.etag);
    if (match === 'mismatch') throw refuse(412, 'If-Match names an ICE session that is over.');
    if (match === 'absent' && this.env.WHIP_STRICT_ETAG) throw refuse(428, 'PATCH needs an If-Match header.');
    if (match === 'any' && hasPassword && iceUfrag === session.iceUfrag && session.restartAnswer !== null)
      return this.repeatRestart(session, session.restartAnswer);
    const other = iceUfrag !== undefined && session.iceUfrag !== null && iceUfrag !== session.iceUfrag;
    if (match === 'any' && other && !hasPassword) throw refuse(422, 'An ICE restart needs a new password too.');
    const mayRestart =
      match === 'any' || (!this.env.WHIP_STRICT_ETAG && hasPassword && !session.pastUfrags.includes(iceUfrag ?? ''));
    if (other && mayRestart) {
      await countRestart();
      return this.restart(session, fragment, iceUfrag);
    }
    // The user fragment tells candidates of an earlier ICE session.
    if (other) throw refuse(412, 'The fragment belongs to another ICE session.');
    // Candidates themselves are of no use: the node learns the publisher's addresses from its checks, and sends none of its own.
    return undefined;
  }

  /** Ends the session; what its node cannot be told, its own timeouts will tell it. */
  async end(session: RunningSession): Promise<void> {
    try {
      await this.wire.ask(
        session.ownerNode,
        'endSession',
        { sessionId: session.id, reason: 'publisher_left' },
        END_TIMEOUT_MS,
      );
    } catch (error) {
      this.logger.warn(
        `node ${session.ownerNode} did not hear that a session of stream ${session.streamId} ended: ${String(error)}`,
      );
    }
    await endSession(this.sql, session.id);
  }

  /** Throws 404 unless the session runs, which it does not when its node is lost: its publisher is to begin a new one. 410 for one that was ended on purpose, so that its publisher does not come back. */
  async running(sessionId: string): Promise<RunningSession> {
    const found = SESSION_ID.test(sessionId) ? await findSession(this.sql, sessionId) : undefined;
    return this.requireRunning(found);
  }

  /** The running session under this name that the same token or signature has opened last. Throws 404 when there is none. */
  async openedBy(target: PublishTarget, proof: string | undefined): Promise<RunningSession> {
    const found = await findOpenedSession(this.sql, target, proof);
    if (found === undefined) throw new NotFoundException('No session that this token began publishes under this name.');
    return this.requireRunning(found);
  }

  private async requireRunning(found: FoundSession | undefined): Promise<RunningSession> {
    const isOver = found !== undefined && (found.endedAt !== null || found.streamState === 'ended');
    const why = isOver ? (found.reason ?? found.streamReason ?? '') : '';
    if (ON_PURPOSE.has(why)) throw refuse(410, reasonOf(why)?.text ?? 'This session was ended.', { code: why });
    if (found === undefined || isOver || found.ownerNode === null || (await this.isLost(found, found.ownerNode)))
      throw new NotFoundException('This session does not exist, or has ended.');
    return { ...found, ownerNode: found.ownerNode };
  }

  private async isLost({ isLapsed, streamId }: FoundSession, ownerNode: string): Promise<boolean> {
    return isLapsed && this.lost.endIfNodeIsGone(streamId, ownerNode);
  }

  /**
   * First the row, then the node: of two restarts at once one is refused before its node hears of it. When the node cannot, the
   * session stays as it was (RFC 9725, section 4.3.3).
   */
  private async restart(session: RunningSession, fragment: string, iceUfrag: string): Promise<Patched> {
    const { id, ownerNode } = session;
    const etag = newEtag();
    const begun = { etag, iceUfrag, pastUfrags: pastOf(session), restartAnswer: UNDER_WAY };
    if (!(await changeIceSession(this.sql, id, session.etag, begun))) {
      // Of the same credentials (candidates that were sent as if they were a restart), its answer is ours too.
      const other = await this.answerOf(id, iceUfrag);
      if (other === undefined) throw refuse(412, 'Another ICE restart was faster.');
      return other;
    }
    let restartAnswer: string;
    try {
      ({ fragment: restartAnswer } = await this.askOwner(() =>
        this.wire.ask(ownerNode, 'restartIce', { sessionId: id, fragment }, this.env.ANSWER_TIMEOUT_MS),
      ));
    } catch (error) {
      await changeIceSession(this.sql, id, etag, session);
      throw error;
    }
    if (!(await changeIceSession(this.sql, id, etag, { ...begun, restartAnswer })))
      throw refuse(412, 'Another ICE restart came after this one.');
    return { etag, fragment: restartAnswer };
  }

  /** For a publisher that our answer never reached, or that sends candidates as if they were a restart; also while the node is still asked. */
  private async repeatRestart({ id, etag, iceUfrag }: RunningSession, answer: string): Promise<Patched> {
    if (answer !== UNDER_WAY) return { etag, fragment: answer };
    const answered = await this.answerOf(id, iceUfrag);
    if (answered === undefined)
      throw refuse(503, 'This ICE restart is under way.', { headers: { 'Retry-After': '1' } });
    return answered;
  }

  /** The answer to the restart with these credentials, which another request began; undefined: it failed, another took its place, or it takes too long. */
  private async answerOf(id: string, iceUfrag: string | null): Promise<Patched> {
    for (
      const deadline = performance.now() + this.env.ANSWER_TIMEOUT_MS;
      performance.now() < deadline;
      await sleep(POLL_MS)
    ) {
      const session = await findSession(this.sql, id);
      if (session?.iceUfrag !== iceUfrag) break;
      if (session.restartAnswer !== null && session.restartAnswer !== UNDER_WAY)
        return { etag: session.etag, fragment: session.restartAnswer };
    }
    return undefined;
  }

  private async askOwner<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw sessionError(error);
    }
  }
}

/** The fragments that a restart makes past ones: the last few. */
const pastOf = ({ iceUfrag, pastUfrags }: RunningSession): string[] =>
  [...pastUfrags, ...(iceUfrag === null ? [] : [iceUfrag])].slice(-MAX_PAST_UFRAGS);
