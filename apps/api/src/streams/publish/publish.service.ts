import { HttpException, Injectable, Logger } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { addLogFields, Env } from '#libs/config';
import { Prisma, PrismaService, recordEvent, type Stream } from '#libs/db';
import type { PublishAnswer } from '#libs/protocol';
import { NodeAbsent, Wire, WireError, WireTimeout } from '#libs/queue';
import { type ReasonCode, reasonOf } from '#libs/transfer';
import { requireNotBanned } from '../../agora/ban/ban.js';
import { countRunningStreams, QuotaService } from '../../tenants/customer/quotas.js';
import { refuse } from '../../http/problem.js';
import { AutoRepublish } from '../../flashphoner/republish/auto-republish.js';
import { Admission, type AdmissionRules } from '../../agora/stream-auth/admission.js';
import { Dispatcher } from './dispatcher.js';
import { endStream, newSessionId } from '../end-stream.js';
import { openSession } from './open-session.js';
import { requireConnectedOnes } from './unconnected.js';

/** Where a publisher wants to go, with what the callback needs to know. */
export interface PublishTarget {
  customerId: string;
  projectId: string;
  entryPointId: string;
  streamName: string;
  transferEnabled: boolean;
  callbackUrl: string | null;
  /** What may keep a publisher out. */
  admission: AdmissionRules;
}

/** The publisher's side of a new session. */
export interface Publisher {
  offer: string;
  iceUfrag: string;
  clientIp: string | undefined;
  userAgent: string | undefined;
  /** Short hash of the publish token or signature; undefined: unknown. */
  proof?: string;
  /** The host that was asked, and `?token=` of the URL: for the customer's server that says who may publish. */
  host?: string;
  token?: string;
}

/** What the publisher gets. */
export interface Published {
  sessionId: string;
  etag: string;
  sdp: string;
}

type RunningStream = Pick<Stream, 'id' | 'ownerNode'>;

/** A stream just begun by another request has no owner for a moment; longer than this and it will not get one. */
const OWNER_WAIT_MS = 1500;
const OWNER_POLL_MS = 50;
/** A node writes the end of a stream as soon as its pipeline has left. */
const END_WAIT_MS = 1500;
/** Two publishers of one name may find and end each other's leftovers; nobody needs more turns than this. */
const MAX_TURNS = 3;
/** The publisher closed its connection; nobody reads this answer. */
const PUBLISHER_LEFT = 499;

/** Finds a node for a publisher: the one that runs the stream already, or any with room. */
@Injectable()
export class PublishService {
  private readonly logger = new Logger(PublishService.name);

  constructor(
    private readonly prisma: PrismaService,
    private readonly wire: Wire,
    private readonly dispatcher: Dispatcher,
    private readonly env: Env,
    private readonly quotas: QuotaService,
    private readonly republish: AutoRepublish,
    private readonly admission: Admission,
  ) {}

  /** `gone` aborts when the publisher hangs up while it waits. */
  async publish(target: PublishTarget, publisher: Publisher, gone: AbortSignal): Promise<Published> {
    await untilGone(gone, this.admission.require(target, publisher));
    for (let turn = 0; turn < MAX_TURNS; turn += 1) {
      const running = await this.findRunning(target);
      const published = running === null ? await this.begin(target, publisher, gone) : await this.rejoin(running, publisher, gone);
      if (published !== undefined) return published;
    }
    throw refuse(409, 'Another publisher is starting a stream of this name.', { headers: { 'Retry-After': '1' } });
  }

  /** With the state as a literal: Prisma's parameter keeps Postgres from using the partial index, and every stream that ever was is read. */
  private async findRunning({ entryPointId, streamName }: PublishTarget): Promise<RunningStream | null> {
    const [running] = await this.prisma.$queryRaw<RunningStream[]>`
      SELECT id, owner_node AS "ownerNode" FROM streams
      WHERE entry_point_id = ${entryPointId}::uuid AND name = ${streamName} AND state <> 'ended'`;
    return running ?? null;
  }

  /** Undefined when another request was faster: the partial unique index lets only one stream of a name run. */
  private async begin(target: PublishTarget, publisher: Publisher, gone: AbortSignal): Promise<Published | undefined> {
    if (!(await this.dispatcher.hasFreeSlot())) throw noFreeSlot();
    const session = newSession(publisher);
    const callback = firstCallbackState(target);
    let stream: Stream;
    try {
      const { customerId, projectId, entryPointId, streamName } = target;
      const pushSettings = await this.republish.settingsOf(entryPointId);
      stream = await this.quotas.within(
        customerId,
        'streams',
        (tx) => countRunningStreams(tx, customerId),
        async (tx) => {
          await requireConnectedOnes(tx, this.env, customerId, publisher.proof);
          await requireNotBanned(tx, target);
          const created = await tx.stream.create({ data: { projectId, entryPointId, name: streamName, ...callback } });
          // Within the same call, Prisma would read the stream once more.
          await tx.session.create({ data: { ...session, streamId: created.id }, select: { id: true } });
          await this.republish.begin(tx, created, pushSettings);
          return created;
        },
      );
    } catch (error) {
      if (error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002') return undefined;
      throw error;
    }
    addLogFields({ streamId: stream.id });
    try {
      const [answer] = await untilGone(
        gone,
        Promise.all([
          this.dispatcher.requestAnswer(stream.id, session.id, this.env.ANSWER_TIMEOUT_MS),
          callback.callbackState === 'pending' ? this.dispatcher.requestCallback(stream.id) : undefined,
          recordEvent(this.prisma, { projectId: stream.projectId, streamId: stream.id, type: 'stream.starting', data: { streamName: stream.name } }),
        ]),
      );
      return { sessionId: session.id, etag: session.etag, sdp: answer.sdp };
    } catch (error) {
      throw await this.abandon(stream.id, session.id, error);
    }
  }

  /** A reconnect, or a takeover by a second publisher. Undefined when the stream turned out to be lost, and was ended. */
  private async rejoin(running: RunningStream, publisher: Publisher, gone: AbortSignal): Promise<Published | undefined> {
    const owner = running.ownerNode ?? (await this.ownerSoon(running.id, gone));
    if (owner === null) {
      // Left behind by an API process that died between its row and its answer.
      const old = await this.prisma.$queryRaw<unknown[]>`
        SELECT 1 FROM streams WHERE id = ${running.id}::uuid AND created_at < clock_timestamp() - ${2 * this.env.ANSWER_TIMEOUT_MS} * interval '1 millisecond'`;
      const ended = old.length === 0 ? null : await endStream(this.prisma, running.id, { reason: 'no_answer' }, { ownerNode: null });
      if (ended === null) throw refuse(409, 'Another publisher is starting a stream of this name.', { headers: { 'Retry-After': '1' } });
      return undefined;
    }
    if (owner === undefined) return undefined;
    addLogFields({ streamId: running.id });
    const session = newSession(publisher);
    await openSession(this.prisma, { ...session, streamId: running.id });
    try {
      const asked = this.wire.ask(owner, 'publish', { streamId: running.id, sessionId: session.id }, this.env.ANSWER_TIMEOUT_MS);
      const answer: PublishAnswer = await untilGone(gone, asked);
      return { sessionId: session.id, etag: session.etag, sdp: answer.sdp };
    } catch (error) {
      await this.prisma.session.updateMany({ where: { id: session.id }, data: { endedAt: new Date(), offer: null } });
      if ((await this.endIfLost(running.id, owner, error)) || (await this.endsSoon(running.id, error, gone))) return undefined;
      if (gone.aborted) {
        this.wire.ask(owner, 'endSession', { sessionId: session.id, reason: 'publisher_left' }, 2000).catch((failure: unknown) => this.logger.debug(`the session of a publisher that left: ${String(failure)}`));
      }
      throw toHttp(error, true);
    }
  }

  /** Undefined: ended meanwhile. Null: still nobody's. */
  private async ownerSoon(streamId: string, gone: AbortSignal): Promise<string | null | undefined> {
    for (const deadline = performance.now() + OWNER_WAIT_MS; ; ) {
      const stream = await this.prisma.stream.findUnique({ where: { id: streamId }, select: { ownerNode: true, state: true } });
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
    if (!(error instanceof WireError) || error.code === 'negotiation_failed' || error.code === 'no_answer') return false;
    for (const deadline = performance.now() + END_WAIT_MS; ; await sleep(OWNER_POLL_MS)) {
      const stream = await this.prisma.stream.findUnique({ where: { id: streamId }, select: { state: true } });
      if (stream === null || stream.state === 'ended') return true;
      if (performance.now() > deadline || gone.aborted) return false;
    }
  }

  /**
   * A node that is slow or away keeps its stream for as long as its lease holds: a worker that restarts adopts its pipelines.
   * Afterwards a publisher who is here counts for more than a node that may come back.
   */
  private async endIfLost(streamId: string, owner: string, error: unknown): Promise<boolean> {
    const forgotten = error instanceof WireError && error.code === 'unknown_stream';
    if (!forgotten && !(error instanceof WireTimeout)) return false;
    if (!forgotten) {
      const expired = await this.prisma.$queryRaw<unknown[]>`SELECT 1 FROM streams WHERE id = ${streamId}::uuid AND lease_until < clock_timestamp()`;
      if (expired.length === 0) return false;
    }
    this.logger.warn(`stream ${streamId} was lost with node ${owner}`);
    if (await endStream(this.prisma, streamId, { reason: 'node_lost' }, { ownerNode: owner })) this.dispatcher.tellEnded(owner, streamId, 'node_lost');
    return true;
  }

  /** Leaves nothing behind: no job, no running row; who claims late finds the epoch gone up. Returns the error to answer with. */
  private async abandon(streamId: string, sessionId: string, error: unknown): Promise<unknown> {
    try {
      const claimed = await this.prisma.stream.findUnique({ where: { id: streamId }, select: { ownerNode: true } });
      const http = toHttp(error, claimed?.ownerNode != null);
      const [ended] = await Promise.all([endStream(this.prisma, streamId, endReason(http)), this.dispatcher.withdraw(streamId, sessionId)]);
      const owner = ended?.ownerNode;
      if (owner) this.dispatcher.tellEnded(owner, streamId, endReason(http).reason);
      return http;
    } catch (second) {
      this.logger.warn(`stream ${streamId} could not be ended, the sweeper will: ${String(second)}`);
      return error;
    }
  }
}

function newSession({ offer, iceUfrag, clientIp, userAgent, proof }: Publisher) {
  return { id: newSessionId(), etag: newEtag(), offer, iceUfrag, clientIp, proof, userAgent: userAgent?.slice(0, 256) };
}

/** An entity tag of an ICE session, without its quotes. */
export const newEtag = (): string => randomBytes(9).toString('base64url');

function firstCallbackState({ transferEnabled, callbackUrl }: PublishTarget) {
  if (!transferEnabled) return { callbackState: 'none', callbackReason: 'transfer_disabled' } as const;
  if (callbackUrl === null) return { callbackState: 'none', callbackReason: 'callback_url_missing' } as const;
  return { callbackState: 'pending' } as const;
}

async function untilGone<T>(gone: AbortSignal, work: Promise<T>): Promise<T> {
  let onAbort = (): void => undefined;
  const left = new Promise<never>((_, reject) => {
    onAbort = () => reject(refuse(PUBLISHER_LEFT, 'The publisher closed the connection.', { code: 'publisher_left' }));
    if (gone.aborted) onAbort();
    else gone.addEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([work, left]);
  } finally {
    gone.removeEventListener('abort', onAbort);
    work.catch(() => undefined);
  }
}

const noFreeSlot = (): HttpException =>
  refuse(503, 'No node has room for another stream right now.', { code: 'no_free_slot', headers: { 'Retry-After': '5' } });

/** Of the node, or of the pipeline behind it. */
const noAnswer = (): HttpException => refuse(504, 'The media node did not answer in time.', { code: 'no_answer' });

const nodeAway = (): HttpException =>
  refuse(503, 'The media node of this stream is away for the moment.', { code: 'node_away', headers: { 'Retry-After': '3' } });

/** What the publisher is told. Errors that are neither ours nor the worker's pass unchanged. */
function toHttp(error: unknown, claimed: boolean): unknown {
  if (error instanceof NodeAbsent) return nodeAway();
  if (error instanceof WireTimeout) return claimed ? noAnswer() : noFreeSlot();
  if (!(error instanceof WireError)) return error;
  if (error.code === 'no_answer') return noAnswer();
  if (error.code === 'no_free_slot') return noFreeSlot();
  if (error.code === 'negotiation_failed') return refuse(422, error.message, { code: error.code });
  return refuse(500, 'The media node could not start this session.', { code: error.code });
}

/** What the stream's row says; codes of the catalogue only. */
function endReason(http: unknown): { reason: ReasonCode; detail?: string } {
  if (!(http instanceof HttpException)) return { reason: 'service_error', detail: 'The database or Redis was away.' };
  const { code, message } = http.getResponse() as { code?: string; message?: string };
  return { reason: reasonOf(code) ? (code as ReasonCode) : 'service_error', detail: message };
}
