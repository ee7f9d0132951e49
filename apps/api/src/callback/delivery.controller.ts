import { ConflictException, Controller, Get, HttpCode, NotFoundException, Param, Query } from '@nestjs/common';
import { PrismaService } from '#libs/db';
import { CurrentCaller, type Caller } from '../auth/caller.js';
import { EntryPointParams, type EntryPointPath, namedEntryPoint, requireEntryPoint } from '../tenants/owned.js';
import { newestFirst, timeOfUuid, writtenAround, writtenSince } from '../http/newest-first.js';
import { toPage } from '../http/page.js';
import { Dispatcher } from '../streams/publish/dispatcher.js';
import { PathId } from '../http/validation.js';
import { toDeliveryResponse, type DeliveryPage } from './delivery.js';
import { DeliveryQuery } from './delivery.query.js';
import { IdempotentPost } from '../http/idempotency.interceptor.js';

/** The log of an entry point's callbacks, newest first. */
@Controller('v1/projects/:appid/fls/entry_points/:entryPoint/callbacks')
export class DeliveryController {
  constructor(
    private readonly prisma: PrismaService,
    private readonly dispatcher: Dispatcher,
  ) {}

  @Get()
  async list(
    @CurrentCaller() caller: Caller,
    @EntryPointParams() path: EntryPointPath,
    @Query() { limit, cursor, streamId }: DeliveryQuery,
  ): Promise<DeliveryPage> {
    const found = await requireEntryPoint(this.prisma, caller, path);
    const deliveries = await newestFirst(
      {
        size: limit + 1,
        before: cursor === undefined ? undefined : timeOfUuid(cursor),
        since: writtenSince(streamId),
      },
      (createdAt) =>
        this.prisma.callbackDelivery.findMany({
          where: {
            // Of a stream by the stream alone: of two conditions Postgres looks through all of the entry point's as well.
            ...(streamId === undefined ? { entryPointId: found.id } : { streamId, stream: { entryPointId: found.id } }),
            id: cursor === undefined ? undefined : { lt: cursor },
            createdAt,
          },
          orderBy: { id: 'desc' },
          take: limit + 1,
        }),
      (delivery) => delivery.createdAt,
    );
    const { rows, nextCursor } = toPage(deliveries, limit);
    return { deliveries: rows.map(toDeliveryResponse), nextCursor };
  }

  /** Asks again where the delivery's stream goes, with the settings of now; new URLs are added, none are taken away. */
  @IdempotentPost(':deliveryId/replay')
  @HttpCode(202)
  async replay(
    @CurrentCaller() caller: Caller,
    @EntryPointParams() path: EntryPointPath,
    @Param('deliveryId', PathId) deliveryId: string,
  ): Promise<void> {
    const delivery = await this.prisma.callbackDelivery.findFirst({
      where: { id: deliveryId, createdAt: writtenAround(deliveryId), entryPoint: namedEntryPoint(caller, path) },
      select: { stream: { select: { id: true, state: true } } },
    });
    if (delivery === null) throw new NotFoundException('This delivery does not exist.');
    if (delivery.stream === null || delivery.stream.state === 'ended')
      throw new ConflictException('Its stream has ended; there is nothing to forward.');
    await this.dispatcher.repeatCallback(delivery.stream.id);
  }
}
