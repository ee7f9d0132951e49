import { Controller, Get, NotFoundException, Param, Query } from '@nestjs/common';
import { PrismaService, type CallbackDelivery } from '#libs/db';
import { CurrentCaller, ownedBy, type Caller } from '../auth/caller.js';
import { PageQuery, toPage } from '../page.js';
import { PathName } from '../validation.js';

export interface DeliveryResponse {
  id: string;
  streamId: string | null;
  attempt: number;
  url: string;
  /** HTTP status, when there was an answer. */
  status: number | null;
  /** `ok`, or the reason's code. */
  outcome: string;
  detail: string | null;
  durationMs: number;
  /** Its first bytes, with the keys of its URLs masked. */
  answerHead: string | null;
  createdAt: string;
}

/** The log of an entry point's callbacks, newest first. */
@Controller('v1/projects/:appid/fls/entry_points/:entryPoint/callbacks')
export class DeliveryController {
  constructor(private readonly prisma: PrismaService) {}

  @Get()
  async list(
    @CurrentCaller() caller: Caller,
    @Param('appid', PathName) appid: string,
    @Param('entryPoint', PathName) entryPoint: string,
    @Query() { limit, cursor }: PageQuery,
  ): Promise<{ callbacks: DeliveryResponse[]; nextCursor: string | null }> {
    const found = await this.prisma.entryPoint.findFirst({ where: { name: entryPoint, project: { ...ownedBy(caller), id: appid } }, select: { id: true } });
    if (found === null) throw new NotFoundException('This entry point does not exist.');
    const deliveries = await this.prisma.callbackDelivery.findMany({
      where: { entryPointId: found.id, id: cursor === undefined ? undefined : { lt: cursor } },
      orderBy: { id: 'desc' },
      take: limit + 1,
    });
    const { rows, nextCursor } = toPage(deliveries, limit);
    return { callbacks: rows.map(toDeliveryResponse), nextCursor };
  }
}

function toDeliveryResponse({ id, streamId, attempt, url, status, outcome, detail, durationMs, answerHead, createdAt }: CallbackDelivery): DeliveryResponse {
  return { id, streamId, attempt, url, status, outcome, detail, durationMs, answerHead, createdAt: createdAt.toISOString() };
}
