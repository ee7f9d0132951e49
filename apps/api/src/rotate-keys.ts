/** Seals everything anew with the first key of MASTER_KEYS, so that the older ones can be taken out of it. */
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ConfigModule } from '#libs/config';
import { DbModule, Prisma, PrismaService, SecretBox } from '#libs/db';

/** A column of sealed values: how each row is found, and what its values are bound to. */
interface SealedColumn {
  table: string;
  column: string;
  /** SQL of the row's identity, as text. */
  id: string;
  /** SQL of the context that the value was sealed with. */
  context: string;
}

const COLUMNS: SealedColumn[] = [
  { table: 'credentials', column: 'secret', id: 'id::text', context: "'credential:' || id" },
  { table: 'projects', column: 'signing_key', id: 'id', context: "'project:' || id" },
  { table: 'projects', column: 'auth_key', id: 'id', context: "'auth-key:' || id" },
  { table: 'transfers', column: 'url', id: 'id::text', context: "'transfer:' || stream_id" },
  { table: 'transfers', column: 'push_url', id: 'id::text', context: "'push:' || stream_id" },
  { table: 'push_settings', column: 'republish', id: 'entry_point_id::text', context: "'republish:' || entry_point_id" },
  { table: 'push_settings', column: 'hook_secret', id: 'entry_point_id::text', context: "'hook-secret:' || entry_point_id" },
  { table: 'callback_secrets', column: 'secret', id: 'id::text', context: "'callback-secret:' || entry_point_id" },
  { table: 'last_answers', column: 'answer', id: "entry_point_id || ':' || stream_name", context: "'last-answer:' || entry_point_id" },
  { table: 'idempotency_keys', column: 'body', id: "customer_id || ':' || key", context: "'idempotency:' || customer_id || ':' || key" },
];
const BATCH = 500;

/** Returns how many values were sealed anew. May run while the service does: each value changes only if nobody changed it meanwhile. */
export async function rotateKeys(prisma: PrismaService, box: SecretBox): Promise<number> {
  let count = 0;
  for (const sealed of COLUMNS) count += await rotateColumn(prisma, box, sealed);
  return count;
}

async function rotateColumn(prisma: PrismaService, box: SecretBox, { table, column, id, context }: SealedColumn): Promise<number> {
  const [name, value, rowId, bound] = [table, column, id, context].map((sql) => Prisma.raw(sql)) as [Prisma.Sql, Prisma.Sql, Prisma.Sql, Prisma.Sql];
  let count = 0;
  for (let after = ''; ; ) {
    const rows = await prisma.$queryRaw<{ id: string; value: string; context: string }[]>`
      SELECT ${rowId} AS id, ${value} AS value, ${bound} AS context FROM ${name}
      WHERE ${value} IS NOT NULL AND ${value} NOT LIKE ${`v1.${box.currentKey}.%`} AND ${rowId} > ${after} ORDER BY 1 LIMIT ${BATCH}`;
    for (const row of rows) {
      const sealed = box.seal(box.open(row.value, row.context), row.context);
      count += await prisma.$executeRaw`UPDATE ${name} SET ${value} = ${sealed} WHERE ${rowId} = ${row.id} AND ${value} = ${row.value}`;
    }
    if (rows.length < BATCH) return count;
    after = rows.at(-1)?.id as string;
  }
}

@Module({ imports: [ConfigModule, DbModule] })
class RotateModule {}

if (process.argv[1] === import.meta.filename) {
  const app = await NestFactory.createApplicationContext(RotateModule, { logger: ['error', 'fatal'] });
  process.stdout.write(`${await rotateKeys(app.get(PrismaService), app.get(SecretBox))} values sealed with the first key of MASTER_KEYS\n`);
  await app.close();
}
