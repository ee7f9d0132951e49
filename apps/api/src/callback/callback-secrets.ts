import { ConflictException, Injectable } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { type CallbackSecret, Prisma, PrismaService, SecretBox } from '#libs/db';

/** Standard Webhooks: 24 to 64 bytes. */
const SECRET_BYTES = 32;
const MAX_VALID = 5;

/** The secrets with which an entry point's callbacks are signed, so that the customer's server knows that it is us. */
@Injectable()
export class CallbackSecrets {
  constructor(
    private readonly prisma: PrismaService,
    private readonly box: SecretBox,
  ) {}

  list(entryPointId: string): Promise<CallbackSecret[]> {
    return this.prisma.callbackSecret.findMany({ where: { entryPointId, ...valid() }, orderBy: { id: 'asc' } });
  }

  /** A new secret (`whsec_...`); those before it stay valid for `overlap` seconds, and everything is signed with all of them. */
  async rotate(entryPointId: string, overlap: number): Promise<{ row: CallbackSecret; secret: string }> {
    const until = new Date(Date.now() + overlap * 1000);
    return this.prisma.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT 1 FROM entry_points WHERE id = ${entryPointId}::uuid FOR NO KEY UPDATE`;
      if (overlap > 0 && (await tx.callbackSecret.count({ where: { entryPointId, ...valid() } })) >= MAX_VALID) {
        throw new ConflictException(`An entry point has ${MAX_VALID} valid secrets at most; rotate with "overlap": 0.`);
      }
      await tx.callbackSecret.updateMany({
        where: { entryPointId, OR: [{ expiresAt: null }, { expiresAt: { gt: until } }] },
        data: { expiresAt: until },
      });
      return this.issue(tx, entryPointId);
    });
  }

  /**
   * The headers of Standard Webhooks. `messageId` is the same for every attempt of one callback.
   *
   * @param sealed the secrets that sign now, the oldest first, where they were just read
   */
  async headers(
    entryPointId: string,
    messageId: string,
    payload: string,
    sealed?: string[],
  ): Promise<Record<string, string>> {
    const found = sealed ?? (await this.list(entryPointId)).map(({ secret }) => secret);
    const secrets =
      found.length > 0
        ? found.map((secret) => this.open(entryPointId, secret))
        : [(await this.prisma.$transaction((tx) => this.issue(tx, entryPointId))).secret];
    const now = new Date();
    return {
      'webhook-id': messageId,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
      // Newest first.
      'webhook-signature': secrets
        .toReversed()
        .map((secret) => new Webhook(secret).sign(messageId, now, payload))
        .join(' '),
    };
  }

  private async issue(
    tx: Prisma.TransactionClient,
    entryPointId: string,
  ): Promise<{ row: CallbackSecret; secret: string }> {
    const secret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
    const row = await tx.callbackSecret.create({
      data: { entryPointId, secret: this.box.seal(secret, `callback-secret:${entryPointId}`) },
    });
    return { row, secret };
  }

  private open(entryPointId: string, secret: string): string {
    return this.box.open(secret, `callback-secret:${entryPointId}`);
  }
}

const valid = (): Prisma.CallbackSecretWhereInput => ({ OR: [{ expiresAt: null }, { expiresAt: { gt: new Date() } }] });
