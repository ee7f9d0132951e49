import { Controller, Get, Headers, Param, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import {
  endWith,
  exhaustMap,
  filter,
  ignoreElements,
  interval,
  map,
  merge,
  type Observable,
  share,
  takeUntil,
} from 'rxjs';
import { PrismaService } from '#libs/db';
import { CurrentCaller, OperatorOnly, type Caller } from '../auth/caller.js';
import { Credentials } from '../auth/credentials.js';
import { newestFirst, pastTime, writtenSince } from '../http/newest-first.js';
import { toPage } from '../http/page.js';
import { PathName } from '../http/validation.js';
import { requireProject } from '../tenants/owned.js';
import { EventQuery, FeedQuery } from './event.query.js';
import { toEventResponse, type EventPage } from './event.response.js';
import { EventFeed, type FeedItem, type Wanted } from './event-feed.js';
import { formatPosition, parsePosition } from './position.js';
import { sendEvents, type SseMessage } from './sse.js';

/** Proxies close connections on which nothing moves. */
const HEARTBEAT_MS = 15_000;
/** A revoked secret opens nothing, at once; what it has opened is closed after this. */
const RECHECK_MS = 5000;

/** What happened in a project: its history, newest first, and as it happens (Server-Sent Events). */
@Controller('v1/projects/:appid/fls/events')
export class EventController {
  constructor(
    private readonly prisma: PrismaService,
    private readonly feed: EventFeed,
    private readonly credentials: Credentials,
  ) {}

  @Get()
  async list(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Query() { limit, cursor, streamId }: EventQuery,
  ): Promise<EventPage> {
    await requireProject(this.prisma, caller, appid);
    const [id, time] = cursor?.split('.') ?? [];
    const found = await newestFirst(
      {
        size: limit + 1,
        before: time === undefined ? undefined : pastTime(Number(time)),
        since: writtenSince(streamId),
      },
      (at) =>
        this.prisma.event.findMany({
          where: { projectId: appid, streamId, id: id === undefined ? undefined : { lt: BigInt(id) }, at },
          orderBy: { id: 'desc' },
          take: limit + 1,
        }),
      (event) => event.at,
    );
    const { rows, nextCursor: nextId } = toPage(found, limit);
    const nextCursor = nextId && `${nextId}.${rows.at(-1)?.at.getTime()}`;
    return { events: rows.map(toEventResponse), nextCursor };
  }

  /** Resumes after Last-Event-ID. */
  @Get('stream')
  async stream(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Query() query: FeedQuery,
    @Headers('last-event-id') lastId: string | undefined,
    @Res() response: Response,
  ): Promise<void> {
    await requireProject(this.prisma, caller, appid);
    this.feed.requireRoom(appid);
    sendEvents(
      response,
      toMessages(this.feed.listen(wantedBy(appid, query, lastId))).pipe(takeUntil(refused(this.credentials, caller))),
    );
  }
}

/** The same for operators, over all projects. */
@OperatorOnly()
@Controller('v1/events')
export class AllEventsController {
  constructor(
    private readonly feed: EventFeed,
    private readonly credentials: Credentials,
  ) {}

  @Get('stream')
  stream(
    @CurrentCaller() caller: Caller,
    @Query() query: FeedQuery,
    @Headers('last-event-id') lastId: string | undefined,
    @Res() response: Response,
  ): void {
    this.feed.requireRoom(null);
    sendEvents(
      response,
      toMessages(this.feed.listen(wantedBy(null, query, lastId))).pipe(takeUntil(refused(this.credentials, caller))),
    );
  }
}

/** The header is the newer one: a browser sends it when it comes back by itself, to the address that it was once given. */
function wantedBy(projectId: string | null, { lastEventId, figuresOf }: FeedQuery, lastId: string | undefined): Wanted {
  return { projectId, after: parsePosition(lastId) ?? parsePosition(lastEventId), figuresOf: figuresOf?.split(',') };
}

/** When the reader's secret is good no more. */
function refused(credentials: Credentials, caller: Caller): Observable<unknown> {
  return interval(RECHECK_MS).pipe(
    exhaustMap(() => credentials.isGoodStill(caller)),
    filter((isGood) => !isGood),
  );
}

function toMessages(items: Observable<FeedItem>): Observable<SseMessage> {
  const messages = items.pipe(
    map((item): SseMessage => {
      if ('event' in item)
        return { event: 'event', id: formatPosition(item.position), data: toEventResponse(item.event) };
      if ('position' in item) return { id: formatPosition(item.position) };
      if ('reset' in item) return { event: 'reset', data: {} };
      const streams = Object.fromEntries(
        Object.entries(item.figures).map(([id, { input, transfers }]) => [id, { figures: input, transfers }]),
      );
      return { event: 'figures', data: { streams } };
    }),
  );
  const shared = messages.pipe(share());
  const over = shared.pipe(ignoreElements(), endWith(true));
  return merge(
    shared,
    interval(HEARTBEAT_MS).pipe(
      takeUntil(over),
      map((): SseMessage => ({ event: 'heartbeat', data: {} })),
    ),
  );
}
