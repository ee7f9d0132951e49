import {
  applyDecorators,
  type CallHandler,
  type ExecutionContext,
  HttpException,
  Injectable,
  Logger,
  type NestInterceptor,
  Post,
  UseInterceptors,
} from '@nestjs/common';
import type { Response } from 'express';
import { createHash } from 'node:crypto';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { Prisma, PrismaService, SecretBox } from '#libs/db';
import type { AuthenticatedRequest } from '../auth/caller.js';
import { rawBody } from './body.js';
import { badRequest, refuse } from './problem.js';

const KEY = /^[!-~]{1,255}$/;
/** A first request that takes longer than this died with its process; its key may be used again. */
const ABANDONED_MS = 60_000;

interface Stored {
  fingerprint: string;
  status: number | null;
  body: string | null;
  createdAt: Date;
}

/**
 * `Idempotency-Key` on POST (draft-ietf-httpapi-idempotency-key-header): the same request again within a day gets the first
 * one's answer, and nothing is done twice. Refusals and failures are not kept: they changed nothing, and may be tried again.
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  private readonly logger = new Logger(IdempotencyInterceptor.name);

  constructor(
    private readonly prisma: PrismaService,
    private readonly box: SecretBox,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const key = request.headers['idempotency-key'];
    // Without a caller there is nobody whose keys they could be.
    const caller = request.user as AuthenticatedRequest['user'] | undefined;
    if (key === undefined || caller === undefined) return next.handle();
    if (typeof key !== 'string' || !KEY.test(key))
      throw badRequest([{ field: 'Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters' }]);
    return from(this.once(request, context.switchToHttp().getResponse<Response>(), key, next));
  }

  private async once(
    request: AuthenticatedRequest,
    response: Response,
    key: string,
    next: CallHandler<unknown>,
  ): Promise<unknown> {
    const id = { customerId: request.user.customerId, key };
    const fingerprint = createHash('sha256')
      .update(
        `${request.method} ${request.originalUrl}${request.user.projectId === undefined ? '' : ` ${request.user.projectId}`}\n`,
      )
      .update(rawBody(request))
      .digest('base64url');
    const before = await this.claim(id, fingerprint);
    if (before !== null) return this.replay(before, fingerprint, id, response);
    try {
      const answer = await lastValueFrom(next.handle(), { defaultValue: undefined });
      const body = answer === undefined ? null : this.box.seal(JSON.stringify(answer), context(id));
      // What was done is done: the answer goes out even if it cannot be kept.
      await this.update(id, { status: response.statusCode, body }).catch((error: unknown) =>
        this.logger.warn(`answer to an Idempotency-Key not kept: ${String(error)}`),
      );
      return answer;
    } catch (error) {
      await this.prisma.idempotencyKey
        .deleteMany({ where: id })
        .catch((second: unknown) => this.logger.warn(`Idempotency-Key not released: ${String(second)}`));
      throw error;
    }
  }

  /** Null: it is ours now. Else what the first request left, or is about to leave. */
  private async claim(id: { customerId: string; key: string }, fingerprint: string): Promise<Stored | null> {
    try {
      await this.prisma.idempotencyKey.create({ data: { ...id, fingerprint } });
      return null;
    } catch (error) {
      if (!(error instanceof Prisma.PrismaClientKnownRequestError) || error.code !== 'P2002') throw error;
    }
    const count = await this.prisma.$executeRaw`
      UPDATE idempotency_keys SET fingerprint = ${fingerprint}, created_at = clock_timestamp()
      WHERE customer_id = ${id.customerId} AND key = ${id.key} AND status IS NULL AND created_at < clock_timestamp() - ${ABANDONED_MS} * interval '1 millisecond'`;
    if (count === 1) return null;
    // Gone: the first request failed just now and gave the key back.
    return (
      (await this.prisma.idempotencyKey.findUnique({ where: { customerId_key: id } })) ?? this.claim(id, fingerprint)
    );
  }

  private replay(
    stored: Stored,
    fingerprint: string,
    id: { customerId: string; key: string },
    response: Response,
  ): unknown {
    if (stored.fingerprint !== fingerprint)
      throw refuse(422, 'This Idempotency-Key was used for another request.', { code: 'idempotency_key_reused' });
    if (stored.status === null) throw inProgress();
    response.status(stored.status);
    response.setHeader('Idempotency-Replayed', 'true');
    return stored.body === null ? undefined : (JSON.parse(this.box.open(stored.body, context(id))) as unknown);
  }

  private async update(
    id: { customerId: string; key: string },
    data: Prisma.IdempotencyKeyUpdateManyMutationInput,
  ): Promise<void> {
    await this.prisma.idempotencyKey.updateMany({ where: id, data });
  }
}

/** A POST route of callers: its requests may bear an Idempotency-Key. Not for all routes at once, as each would pay for an interceptor. */
export const IdempotentPost = (path?: string): MethodDecorator =>
  applyDecorators(Post(path), UseInterceptors(IdempotencyInterceptor));

const context = ({ customerId, key }: { customerId: string; key: string }): string =>
  `idempotency:${customerId}:${key}`;

const inProgress = (): HttpException =>
  refuse(409, 'The first request with this Idempotency-Key is still being worked on.', {
    code: 'idempotency_in_progress',
    headers: { 'Retry-After': '1' },
  });
