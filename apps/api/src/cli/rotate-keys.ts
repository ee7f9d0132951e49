/** Seals everything again with the first key of MASTER_KEYS, so that the older ones can be taken out of it. */
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConfigModule } from '#libs/config';
import { DbModule, openTransferUrl, Prisma, PrismaService, SecretBox } from '#libs/db';

/** A column of sealed values: how each row is found, and what its values are bound to. */
interface SealedColumn {
  table: string;
  column: string;
  /** The primary key's columns, with their types: so rows are found by its index, and in its order. */
  key: Record<string, 'uuid' | 'text'>;
  /** SQL of the context that the value was sealed with. */
  context: string;
}

const COLUMNS: SealedColumn[] = [
  { table: 'credentials', column: 'secret', key: { id: 'uuid' }, context: "'credential:' || id" },
  { table: 'projects', column: 'signing_key', key: { id: 'text' }, context: "'project:' || id" },
  { table: 'projects', column: 'auth_key', key: { id: 'text' }, context: "'auth-key:' || id" },
  { table: 'projects', column: 'stream_auth_secret', key: { id: 'text' }, context: "'stream-auth:' || id" },
  { table: 'transfers', column: 'url', key: { id: 'uuid' }, context: "'transfer:' || stream_id" },
  { table: 'transfers', column: 'push_url', key: { id: 'uuid' }, context: "'push:' || stream_id" },
  {
    table: 'push_settings',
    column: 'republish',
    key: { entry_point_id: 'uuid' },
    context: "'republish:' || entry_point_id",
  },
  {
    table: 'push_settings',
    column: 'hook_secret',
    key: { entry_point_id: 'uuid' },
    context: "'hook-secret:' || entry_point_id",
  },
  { table: 'callback_secrets', column: 'secret', key: { id: 'uuid' }, context: "'callback-secret:' || entry_point_id" },
  {
    table: 'last_answers',
    column: 'answer',
    key: { entry_point_id: 'uuid', stream_name: 'text' },
    context: "'last-answer:' || entry_point_id",
  },
  {
    table: 'idempotency_keys',
    column: 'body',
    key: { customer_id: 'text', key: 'text' },
    context: "'idempotency:' || customer_id || ':' || key",
  },
];
const BATCH = 500;

/** Returns how many values were sealed again. May run while the service does: each value changes only if nobody changed it meanwhile. */
export async function rotateKeys(prisma: PrismaService, box: SecretBox): Promise<number> {
  let count = 0;
  for (const sealed of COLUMNS) count += await rotateColumn(prisma, box, sealed);
  await rotateHashes(prisma, box);
  // In clear in rows of older versions: may be a key, and is a part of the sealed url.
  await prisma.transfer.updateMany({ where: { pushName: { not: null } }, data: { pushName: null } });
  return count;
}

async function rotateColumn(
  prisma: PrismaService,
  box: SecretBox,
  { table, column, key, context }: SealedColumn,
): Promise<number> {
  const [name, value, bound] = [table, column, context].map((sql) => Prisma.raw(sql)) as [
    Prisma.Sql,
    Prisma.Sql,
    Prisma.Sql,
  ];
  const names = Prisma.raw(Object.keys(key).join(', '));
  const asText = Prisma.raw(
    Object.keys(key)
      .map((part) => `${part}::text`)
      .join(', '),
  );
  const typed = (parts: string[]): Prisma.Sql =>
    Prisma.join(parts.map((part, i) => Prisma.sql`${part}::${Prisma.raw(Object.values(key)[i] as string)}`));
  let count = 0;
  let after = Prisma.sql`TRUE`;
  for (;;) {
    const rows = await prisma.$queryRaw<{ id: string[]; value: string; context: string }[]>`
      SELECT ARRAY[${asText}] AS id, ${value} AS value, ${bound} AS context FROM ${name}
      WHERE ${value} IS NOT NULL AND ${value} NOT LIKE ${`v1.${box.currentKey}.%`} AND ${after} ORDER BY ${names} LIMIT ${BATCH}`;
    for (const row of rows) {
      const sealed = box.seal(box.open(row.value, row.context), row.context);
      count +=
        await prisma.$executeRaw`UPDATE ${name} SET ${value} = ${sealed} WHERE (${names}) = (${typed(row.id)}) AND ${value} = ${row.value}`;
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < BATCH) return count;
    after = Prisma.sql`(${names}) > (${typed(last.id)})`;
  }
}

/** What tells that a running stream is forwarded to a URL already; afterwards nobody asks. */
async function rotateHashes(prisma: PrismaService, box: SecretBox): Promise<void> {
  const rows = await prisma.transfer.findMany({
    where: { endedAt: null },
    select: { id: true, streamId: true, url: true, urlHash: true },
  });
  for (const { id, streamId, url, urlHash } of rows) {
    const hash = box.hash(openTransferUrl(box, { streamId, url }).text);
    // A URL that was changed meanwhile has its new hash.
    if (hash !== urlHash) await prisma.transfer.updateMany({ where: { id, urlHash }, data: { urlHash: hash } });
  }
}

@Module({ imports: [ConfigModule, DbModule] })
class RotateModule {}

if (process.argv[1] === import.meta.filename) {
  const app = await NestFactory.createApplicationContext(RotateModule, { logger: ['error', 'fatal'] });
  process.stdout.write(
    `${await rotateKeys(app.get(PrismaService), app.get(SecretBox))} values sealed with the first key of MASTER_KEYS\n`,
  );
  await app.close();
}
