import { Controller, Get, NotFoundException, Param, Query } from '@nestjs/common';
import { PrismaService, type Event } from '#libs/db';
import { CurrentCaller, ownedBy, type Caller } from '../auth/caller.js';
import { EventQuery, toPage } from '../page.js';
import { PathName } from '../validation.js';

export interface EventResponse {
  id: string;
  type: string;
  streamId: string | null;
  transferId: string | null;
  data: unknown;
  at: string;
}

/** What happened in a project, newest first. */
@Controller('v1/projects/:appid/fls/events')
export class EventController {
  constructor(private readonly prisma: PrismaService) {}

  @Get()
  async list(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Query() { limit, cursor, streamId }: EventQuery,
  ): Promise<{ events: EventResponse[]; nextCursor: string | null }> {
    const project = await this.prisma.project.findFirst({ where: { ...ownedBy(caller), id: appid }, select: { id: true } });
    if (project === null) throw new NotFoundException('This project does not exist.');
    const found = await this.prisma.event.findMany({
      where: { projectId: appid, streamId, id: cursor === undefined ? undefined : { lt: BigInt(cursor) } },
      orderBy: { id: 'desc' },
      take: limit + 1,
    });
    const { rows, nextCursor } = toPage(found, limit);
    return { events: rows.map(toEventResponse), nextCursor };
  }
}

function toEventResponse({ id, type, streamId, transferId, data, at }: Event): EventResponse {
  return { id: String(id), type, streamId, transferId, data, at: at.toISOString() };
}
