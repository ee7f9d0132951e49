import { Injectable, Logger } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Changes, HotSql, PrismaService, type Role, SecretBox } from '#libs/db';
import type { Caller } from './caller.js';
import { RememberedSecrets } from './remembered-secrets.js';

const POSSIBLE_ID = /^[A-Za-z0-9_-]{1,64}$/;
/** "Last used" is for people; nobody needs it to the second, and each write costs a row version. */
const TOUCH_INTERVAL_MS = 60_000;

interface KnownCredential {
  id: string;
  secret: string;
  /** Null: nobody's. */
  role: Role | null;
  /** Until it expires; null: it does not. */
  msLeft: number | null;
}

const VALID = {
  name: 'valid_credentials',
  text: `SELECT credentials.id, secret, role::text, 1000 * extract(epoch FROM expires_at - now())::float8 AS "msLeft"
    FROM credentials JOIN customers ON customers.id = customer_id
    WHERE customer_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())`,
};

/** The proof that a caller sends: given a secret that might be theirs, does it fit? Takes the same time either way. */
export type Proof = (secret: string) => boolean;

/** Authenticates with any of the customer's valid secrets. */
@Injectable()
export class Credentials {
  private readonly logger = new Logger(Credentials.name);
  /** What an unknown customer's proof is compared with, so that the time of an answer does not tell who exists. */
  private readonly nobody: KnownCredential;
  private readonly touched = new LRUCache<string, true>({ max: 10_000, ttl: TOUCH_INTERVAL_MS });

  private readonly remembered: RememberedSecrets;

  constructor(
    private readonly prisma: PrismaService,
    private readonly hot: HotSql,
    private readonly box: SecretBox,
    changes: Changes,
  ) {
    this.nobody = { id: 'nobody', secret: box.seal(newSecret(), 'credential:nobody'), role: null, msLeft: null };
    this.remembered = new RememberedSecrets(() => changes.isListening);
    changes.on('credentials', (customerId) => this.remembered.forget(customerId));
  }

  /** The caller whose secret was good a moment ago, without a look into the database; undefined when it has to be looked up. */
  recall(customerId: string, secret: string): Caller | undefined {
    const caller = this.remembered.find(customerId, secret);
    if (caller !== undefined) this.touch(caller.limitKey);
    return caller;
  }

  /** The caller whose secret it is, or null. */
  async verifySecret(customerId: string, secret: string): Promise<Caller | null> {
    const { state } = this.remembered;
    const found = await this.find(customerId, secretProof(secret));
    if (found !== null) this.remembered.remember(state, secret, found.caller, found.msLeft);
    return found?.caller ?? null;
  }

  /** Of a customer whose credentials this process has changed: at the next request it is as if nothing had been known. */
  forget(customerId: string): void {
    this.remembered.forget(customerId);
  }

  /** The caller whose secret fits the proof, or null. */
  async verify(customerId: string, proof: Proof): Promise<Caller | null> {
    return (await this.find(customerId, proof))?.caller ?? null;
  }

  private async find(customerId: string, proof: Proof): Promise<{ caller: Caller; msLeft: number | null } | null> {
    const credentials = POSSIBLE_ID.test(customerId) ? await this.hot.read<KnownCredential>(VALID, [customerId]) : [];
    let found: { caller: Caller; msLeft: number | null } | null = null;
    for (const credential of credentials.length > 0 ? credentials : [this.nobody]) {
      const fits = proof(this.box.open(credential.secret, `credential:${credential.id}`));
      const { id, role, msLeft } = credential;
      if (fits && role)
        found = { caller: { customerId, role, credentialId: id, limitKey: id, bySession: false }, msLeft };
    }
    if (found) this.touch(found.caller.limitKey);
    return found;
  }

  /** Of callers of answers that take hours: those whose secret, or session at the dashboard, is good no more, by one look for all. While the database is away, nobody is sent away. */
  async refused(callers: readonly Caller[]): Promise<ReadonlySet<Caller>> {
    const ids = [...new Set(callers.map(({ credentialId }) => credentialId))];
    const sessionIds = [...new Set(callers.flatMap(({ sessionId }) => sessionId ?? []))];
    try {
      const isValid = { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: new Date() } }] };
      const [credentials, sessions] = await Promise.all([
        this.prisma.credential.findMany({ where: { id: { in: ids }, ...isValid }, select: { id: true } }),
        sessionIds.length === 0
          ? []
          : this.prisma.dashboardSession.findMany({ where: { id: { in: sessionIds } }, select: { id: true } }),
      ]);
      const good = new Set([...credentials, ...sessions].map(({ id }) => id));
      return new Set(
        callers.filter(
          ({ credentialId, sessionId }) => !good.has(credentialId) || (sessionId !== undefined && !good.has(sessionId)),
        ),
      );
    } catch (error) {
      this.logger.warn(`credentials not looked up: ${String(error).slice(0, 200)}`);
      return new Set();
    }
  }

  private touch(id: string): void {
    if (this.touched.has(id)) return;
    this.touched.set(id, true);
    this.prisma.credential.updateMany({ where: { id }, data: { lastUsedAt: new Date() } }).catch((error: unknown) => {
      this.logger.warn(`last use of credential ${id} not noted: ${String(error).slice(0, 200)}`);
    });
  }
}

/** 256 random bits as 64 hexadecimal digits: nothing to guess, so nothing that needs a slow hash. */
export const newSecret = (): string => randomBytes(32).toString('hex');

/** HTTP Basic: the secret itself. */
export function secretProof(given: string): Proof {
  const digest = sha256(given);
  return (secret) => timingSafeEqual(digest, sha256(secret));
}

/** HTTP HMAC: a signature over `text` with the secret as key. */
export function signatureProof(algorithm: 'sha256' | 'sha384' | 'sha512', signature: Buffer, text: string): Proof {
  return (secret) => {
    const expected = createHmac(algorithm, secret).update(text).digest();
    return expected.length === signature.length && timingSafeEqual(expected, signature);
  };
}

/** Equal length for timingSafeEqual, whatever the secrets' lengths. */
const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();
