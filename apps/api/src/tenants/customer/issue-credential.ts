import type { Prisma, SecretBox } from '#libs/db';
import { newSecret } from '../../auth/credentials.js';
import { toCredentialResponse, type NewCredentialResponse } from './customer.dto.js';

/** Makes a secret; the only moment at which it exists in clear. */
export async function issueCredential(
  tx: Prisma.TransactionClient,
  box: SecretBox,
  customerId: string,
  { label, expiresAt = null }: { label: string; expiresAt?: Date | null },
): Promise<NewCredentialResponse> {
  const secret = newSecret();
  // The id is part of what the secret is sealed with.
  const { id } = await tx.credential.create({ data: { customerId, label, expiresAt, secret: '' } });
  const row = await tx.credential.update({ where: { id }, data: { secret: box.seal(secret, `credential:${id}`) } });
  return { ...toCredentialResponse(row), secret };
}
