import { Controller, Get, Headers, Param, Query, Res } from '@nestjs/common';
import type { Response } from 'express';
import { PrismaService } from '#libs/db';
import { CurrentCaller, OperatorOnly, type Caller } from '../auth/caller.js';
import { newestFirst, pastTime, writtenSince } from '../http/newest-first.js';
import { toPage } from '../http/page.js';
import { PathName } from '../http/validation.js';
import { requireProject } from '../tenants/owned.js';
import { EventQuery, FeedQuery } from './event.query.js';
import { toEventResponse, type EventPage } from './event.response.js';
import { EventFeed } from './event-feed.js';
import type { Wanted } from './feed-listener.js';
import { parsePosition } from './position.js';

/** What happened in a project: its history, newest first, and as it happens (Server-Sent Events). */
@Controller('v1/projects/:appid/fls/events')
export class EventController {
  constructor(
    private readonly prisma: PrismaService,
    private readonly feed: EventFeed,
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
    this.feed.answer(response, caller, wantedBy(appid, query, lastId));
  }
}

/** The same for operators, over all projects. */
@OperatorOnly()
@Controller('v1/events')
export class AllEventsController {
  constructor(private readonly feed: EventFeed) {}

  @Get('stream')
  stream(
    @CurrentCaller() caller: Caller,
    @Query() query: FeedQuery,
    @Headers('last-event-id') lastId: string | undefined,
    @Res() response: Response,
  ): void {
    this.feed.requireRoom(null);
    this.feed.answer(response, caller, wantedBy(null, query, lastId));
  }
}

/** The header is the newer one: a browser sends it when it comes back by itself, to the address that it was once given. */
function wantedBy(projectId: string | null, { lastEventId, figuresOf }: FeedQuery, lastId: string | undefined): Wanted {
  return { projectId, after: parsePosition(lastId) ?? parsePosition(lastEventId), figuresOf: figuresOf?.split(',') };
}
