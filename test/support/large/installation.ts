// A large installation: a filled database, the API on it, and who asks it.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { History } from '../../../apps/api/src/metrics/history.js';
import { Sweeper } from '../../../apps/api/src/streams/sweeper/sweeper.js';
import { issueCredential } from '../../../apps/api/src/tenants/customer/issue-credential.js';
import { newSigningKey } from '../../../apps/api/src/tenants/project/new-project.js';
import { sealedTransfer } from '../../../libs/db/src/index.js';
import { TransferUrl } from '../../../libs/transfer/src/index.js';
import { fillDatabase } from '../../../tools/lib/fill/fill.ts';
import type { Scale } from '../../../tools/lib/fill/scale.ts';
import { basic, startApp, type Call, type TestApp } from '../app.js';
import { type CallbackServer, json, startCallbackServer } from '../callback-server.js';
import { Plans, tellPlans } from '../plans.js';
import { type ScriptedNode, startScriptedNode } from '../scripted-node.js';

/** Who owns live streams in the tests. */
export const NODE = 'node-1';

const SEALED_AT_ONCE = 1000;

/** A customer of the filled database, and one of its projects. */
export interface Tenant {
  what: 'big' | 'small' | 'operator';
  id: string;
  secret: string;
  appid: string;
  entryPointId: string;
  /** A stream that has ended, and one that runs, with one of its transfers. */
  ended: string;
  live: { id: string; name: string; transferId: string; pushUrl: string };
  token: string;
  call: Call;
  /** How many streams of its run; of an operator: of all. */
  running: number;
}

/** What a call may use. */
export interface Installation {
  api: TestApp;
  node: ScriptedNode;
  callback: CallbackServer;
  plans: Plans;
  big: Tenant;
  small: Tenant;
  operator: Tenant;
  /** Of the requests so far, with their queries. */
  paths: string[];
  stop(): Promise<void>;
}

export async function startInstallation(scale: Scale, say: (what: string) => void): Promise<Installation> {
  const plans = new Plans();
  const mediaDir = mkdtempSync(join(tmpdir(), 'large-'));
  const callback = await startCallbackServer();
  callback.reply = json({ transferUrls: ['rtmp://127.0.0.1:9/live/KEY'] });
  const settings = {
    MEDIA_DIR: mediaDir,
    QUOTA_PROJECTS: '1000000',
    QUOTA_ENTRY_POINTS: '10000',
    QUOTA_STREAMS: '1000000',
    // They are counted, and never reached.
    WHIP_UNCONNECTED_PER_CUSTOMER: '100000',
    WHIP_UNCONNECTED_PER_TOKEN: '100000',
    QUOTA_CALLBACKS_PER_MINUTE: '1000000',
  };
  let node: ScriptedNode | undefined;
  const api = await startApp(settings, async ({ DATABASE_URL }) => {
    await fillDatabase(DATABASE_URL as string, scale, say);
    await withoutAutovacuum(DATABASE_URL as string);
    await tellPlans(DATABASE_URL as string);
    return {};
  }).catch(async (error: unknown) => {
    plans.stop();
    await callback.stop();
    throw error;
  });
  const paths: string[] = [];
  const stop = async (): Promise<void> => {
    plans.stop();
    await node?.stop();
    await api.stop();
    await callback.stop();
    rmSync(mediaDir, { recursive: true });
  };
  try {
    // What goes on by itself is asked for where it is looked at.
    await Promise.all([Sweeper, History].map((service) => api.app.get<Sweeper | History>(service).onModuleDestroy()));
    node = await startScriptedNode(api, { nodeId: NODE, slots: 100_000 });
    await sealPushes(api);
    const place = { api, mediaDir, callbackUrl: callback.url, paths };
    const big = await tenant(place, 'big');
    const small = await tenant(place, 'small');
    const operator = {
      ...big,
      what: 'operator' as const,
      ...(await login(place, await newOperator(api))),
      running: await api.prisma.stream.count({ where: { state: { not: 'ended' } } }),
    };
    return { api, node, callback, plans, big, small, operator, paths, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The project that has most, and the newest one that has a stream that runs and one that has ended. */
const APPIDS = {
  big: `SELECT md5('p1') AS appid`,
  small: `SELECT id AS appid FROM projects WHERE customer_id <> md5('c1')
    AND EXISTS (SELECT FROM streams WHERE project_id = projects.id AND state = 'ended' AND started_at IS NOT NULL)
    AND id IN (SELECT project_id FROM streams WHERE state <> 'ended' AND started_at IS NOT NULL) ORDER BY created_at DESC LIMIT 1`,
};

interface Place {
  api: TestApp;
  mediaDir: string;
  callbackUrl: string;
  paths: string[];
}

async function tenant(place: Place, what: 'big' | 'small'): Promise<Tenant> {
  const { api, mediaDir, callbackUrl } = place;
  const { prisma, box } = api;
  const [{ appid } = { appid: '' }] = await prisma.$queryRawUnsafe<{ appid: string }[]>(APPIDS[what]);
  const { customerId } = await prisma.project.update({
    where: { id: appid },
    data: { signingKey: newSigningKey(appid, box) },
  });
  const { id: entryPointId } = await prisma.entryPoint.findFirstOrThrow({ where: { projectId: appid, name: 'live' } });
  // What the filling has sealed, nobody can open.
  await prisma.callbackSecret.deleteMany({ where: { entryPointId } });
  await prisma.credential.deleteMany({ where: { customerId } });
  await prisma.stream.updateMany({ where: { projectId: appid, state: { not: 'ended' } }, data: { ownerNode: NODE } });
  await prisma.entryPoint.update({ where: { id: entryPointId }, data: { transferEnabled: true, callbackUrl } });
  const caller = await login(place, customerId);
  const ended = await prisma.stream.findFirstOrThrow({
    where: { projectId: appid, state: 'ended', startedAt: { not: null } },
    orderBy: { id: 'desc' },
  });
  const live = await prisma.stream.findFirstOrThrow({
    where: { projectId: appid, state: { not: 'ended' }, startedAt: { not: null } },
    include: { transfers: { orderBy: { id: 'asc' } } },
    orderBy: { id: 'desc' },
  });
  const push = live.transfers.find(({ mediaSessionId }) => mediaSessionId !== null);
  const token = await caller.call('POST', `/v1/projects/${appid}/fls/entry_points/live/publish_tokens`);
  mkdirSync(join(mediaDir, appid));
  writeFileSync(join(mediaDir, appid, 'test.wav'), '');
  return {
    what,
    ...caller,
    appid,
    entryPointId,
    ended: ended.id,
    live: {
      id: live.id,
      name: live.name,
      transferId: live.transfers[0]?.id as string,
      pushUrl: `rtmp://127.0.0.1/${push?.id}`,
    },
    token: (token.body as { token: string }).token,
    running: await prisma.stream.count({ where: { customerId, state: { not: 'ended' } } }),
  };
}

async function newOperator({ prisma }: TestApp): Promise<string> {
  const id = randomBytes(16).toString('hex');
  await prisma.customer.create({ data: { id, name: 'operator', role: 'operator' } });
  return id;
}

/** Gives a customer a secret. */
async function login(
  { api: { prisma, box, anonymous }, paths }: Place,
  id: string,
): Promise<Pick<Tenant, 'id' | 'secret' | 'call'>> {
  const { secret } = await prisma.$transaction((tx) => issueCredential(tx, box, id, { label: 'test' }));
  const authorization = basic(id, secret);
  const call: Call = (method, path, body, headers = {}) => {
    paths.push(path);
    const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
    return anonymous(method, path, body, { authorization, ...type, ...headers });
  };
  return { id, secret, call };
}

/** All running pushes, sealed as the API seals them, so that it can show them. */
async function sealPushes({ prisma, box }: TestApp): Promise<void> {
  const rows = await prisma.$queryRaw<{ id: string; streamId: string }[]>`
    SELECT id, stream_id AS "streamId" FROM transfers WHERE media_session_id IS NOT NULL AND ended_at IS NULL`;
  for (let from = 0; from < rows.length; from += SEALED_AT_ONCE) {
    const sealed = rows.slice(from, from + SEALED_AT_ONCE).map(({ id, streamId }) => {
      const rtmpUrl = `rtmp://127.0.0.1/${id}`;
      const { url, urlHash } = sealedTransfer(box, streamId, TransferUrl.parse(`${rtmpUrl}/name`));
      return { id, url, urlHash, pushUrl: box.seal(rtmpUrl, `push:${streamId}`) };
    });
    await prisma.$executeRaw`
      UPDATE transfers SET url = sealed.url, url_hash = sealed."urlHash", push_url = sealed."pushUrl"
      FROM jsonb_to_recordset(${JSON.stringify(sealed)}::jsonb) AS sealed(id uuid, url text, "urlHash" text, "pushUrl" text) WHERE transfers.id = sealed.id`;
  }
}

/** A stream of the tenant that runs on the node, which nobody else uses. */
export async function newStream({ api: { prisma } }: Installation, { appid, entryPointId }: Tenant) {
  const id = uuidv7();
  const session = { id: `session-${id}`, etag: 'etag', iceUfrag: 'user' };
  return prisma.stream.create({
    data: {
      id,
      projectId: appid,
      entryPointId,
      name: `new-${id}`,
      state: 'live',
      startedAt: new Date(),
      ownerNode: NODE,
      epoch: 1,
      leaseUntil: new Date(Date.now() + 86_400_000),
      sessions: { create: session },
    },
  });
}

/** A UUID of version 7 from so many days ago: a cursor into the middle of a list. */
export const cursorAt = (daysAgo: number): string => uuidv7({ msecs: Date.now() - daysAgo * 86_400_000 });

/** While it analyses one table, Postgres may remove no dead row of any other: an update then looks at more pages, in some runs and not in others. */
async function withoutAutovacuum(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`
      DO $$ DECLARE each regclass; BEGIN
        FOR each IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
          EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', each);
        END LOOP;
      END $$`);
  } finally {
    await client.end();
  }
}
