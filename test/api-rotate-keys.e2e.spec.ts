import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { rotateKeys } from '../apps/api/src/cli/rotate-keys.js';
import { SecretBox } from '../libs/db/src/index.js';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';
import { type CallbackServer, json, startCallbackServer } from './support/callback-server.js';
import { offer } from './support/sdp.js';
import { type ScriptedNode, startScriptedNode } from './support/scripted-node.js';

let api: TestApp;
let alice: TestCustomer;
let node: ScriptedNode;
let customer: CallbackServer;

beforeAll(async () => {
  api = await startApp();
  alice = await api.customer();
  node = await startScriptedNode(api);
  customer = await startCallbackServer();
});
afterAll(async () => {
  await node?.stop();
  await customer?.stop();
  await api?.stop();
});

/** Every row of every table, as text. */
async function everything(): Promise<string> {
  const tables = await api.prisma.$queryRaw<
    { name: string }[]
  >`SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`;
  const rows = await Promise.all(
    tables.map(({ name }) =>
      api.prisma.$queryRawUnsafe<{ row: string }[]>(`SELECT t::text AS row FROM "${name}" AS t`),
    ),
  );
  return rows
    .flat()
    .map(({ row }) => row)
    .join('\n');
}

it('seals everything with the new key, whatever there is, and only that key is needed afterwards', async () => {
  const fls = `/v1/projects/${alice.appid}/fls`;
  customer.reply = json({ transferUrls: ['rtmp://127.0.0.1/live/KEY'] });
  await alice.call('PATCH', `${fls}/entry_points/live/settings/transfer`, { enabled: true, callbackUrl: customer.url });
  await alice.call('PATCH', `/v1/projects/${alice.appid}`, { authKey: 'some-auth-key' });
  await alice.call('PATCH', `${fls}/entry_points/live/settings/push`, {
    hookSecret: 'hook-secret',
    republish: [{ url: 'rtmp://127.0.0.1/app' }],
  });
  await alice.call('PATCH', `${fls}/settings/streamauth/webhook`, { secret: 'stream-auth-secret' });
  await alice.call('POST', `/v1/customers/${alice.id}/credentials`, { label: 'x' }, { 'idempotency-key': 'k' });
  const { token } = (await alice.call('POST', `${fls}/entry_points/live/publish_tokens`)).body as { token: string };
  await api.anonymous('POST', `/whip/${alice.appid}/live/s`, offer(), {
    authorization: `Bearer ${token}`,
    'content-type': 'application/sdp',
  });
  await expect.poll(() => everything()).toContain('callback.answered');

  // As older versions wrote it.
  await api.prisma.transfer.updateMany({
    where: { stream: { projectId: alice.appid } },
    data: { pushName: 'NAME-IN-CLEAR' },
  });
  const before = await everything();
  const sealed = before.match(/v1\.k1\./g)?.length ?? 0;
  // One of each kind, at the least: a column that rotation forgets would be found below.
  expect(sealed).toBeGreaterThanOrEqual(11);
  const newKey = `k2:${randomBytes(32).toString('base64')}`;
  expect(await rotateKeys(api.prisma, new SecretBox(`${newKey},${process.env.MASTER_KEYS}`))).toBe(sealed);
  const after = await everything();
  expect([after.match(/v1\.k1\./g), after.match(/v1\.k2\./g)?.length]).toEqual([null, sealed]);

  expect(before).toContain('NAME-IN-CLEAR');
  expect(after).not.toContain('NAME-IN-CLEAR');

  // And the same URL is known to be the same: a callback that is repeated makes no second publisher of a stream key.
  const transfer = await api.prisma.transfer.findFirstOrThrow({
    where: { stream: { projectId: alice.appid }, redactedUrl: { contains: '/live/' } },
  });
  expect(transfer.urlHash).toBe(new SecretBox(newKey).hash('rtmp://127.0.0.1/live/KEY'));

  const box = new SecretBox(newKey);
  const { id, secret } = await api.prisma.credential.findFirstOrThrow({
    where: { customerId: alice.id, label: 'test' },
  });
  expect(box.open(secret, `credential:${id}`)).toBe(alice.secret);
  expect(await rotateKeys(api.prisma, box)).toBe(0);
});
