// What many nodes ask Postgres to keep the streams that they run: leases, and what is to be sent where. Prints a line when all have begun.
import { setTimeout as sleep } from 'node:timers/promises';
import { built } from '../lib/built.ts';
import { idOfStream, nodeOf } from './growth-streams.ts';

const { Env } = await built<typeof import('../../libs/config/src/index.js')>('libs/config/src/index');
const { HotSql, PrismaService } = await built<typeof import('../../libs/db/src/index.js')>('libs/db/src/index');
const { StreamRows } = await built<typeof import('../../apps/worker/src/streams/stream-rows.js')>(
  'apps/worker/src/streams/stream-rows',
);
const { TransferRows } = await built<typeof import('../../apps/worker/src/streams/transfer-rows.js')>(
  'apps/worker/src/streams/transfer-rows',
);

const [nodes = 0, perNode = 0] = process.argv.slice(2).map(Number);
const envOf = (NODE_ID: string) => Object.assign(new Env(), { DATABASE_URL: process.env.DATABASE_URL, NODE_ID });
const env = envOf('');
const prisma = new PrismaService(env);
const sql = new HotSql(env, prisma);

async function startNode(node: number): Promise<void> {
  const ids = Array.from({ length: perNode }, (_, i) => idOfStream(node * perNode + i));
  const rows = new StreamRows(prisma, sql, envOf(nodeOf(node)));
  const transfers = new TransferRows(sql);
  const renew = async (): Promise<void> => {
    const renewed = await rows.renew(ids.map((id) => ({ id, projectId: '', epoch: 1 })));
    if (renewed.size !== ids.length) throw new Error(`${renewed.size} of ${ids.length} leases were renewed`);
    await Promise.all(ids.map((id) => transfers.ofStream(id)));
  };
  const period = env.LEASE_MS / 3;
  await sleep(Math.random() * period);
  await renew();
  setInterval(() => {
    renew().catch((error) => {
      process.stderr.write(`${error}\n`);
      process.exit(1);
    });
  }, period);
}

await Promise.all(Array.from({ length: nodes }, (_, node) => startNode(node)));
process.stdout.write('ready\n');
