// What is kept, and for how long: with the days that are the default, and with others.
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Housekeeping } from '../apps/api/src/retention/housekeeping.js';
import { startApp, type TestApp, type TestCustomer } from './support/app.js';

const MINUTE_MS = 60_000;
const DAY_MS = 1440 * MINUTE_MS;
/** Before and after. */
const AS_SET = [['inside', 'outside'], ['inside']];

interface Days {
  deliveries: number;
  events: number;
  streams: number;
}

it('old streams go however many transfers they had, and their deliveries stay for as long as their own days say', async () => {
  const api = await startApp();
  try {
    const { appid } = await api.customer();
    const { id } = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: appid } });
    // On this disk, deleting the transfers of 2,000 streams takes longer than a statement may; a tenth of that does not.
    const client = new Client({ connectionString: process.env.DATABASE_URL });
    await client.connect();
    await client.query(`
      INSERT INTO streams (id, project_id, entry_point_id, name, state, ended_at)
        SELECT gen_random_uuid(), '${appid}', '${id}', 's' || n, 'ended', now() - interval '400 days' FROM generate_series(1, 2000) AS n;
      INSERT INTO transfers (id, stream_id, url, redacted_url, url_hash, state, ended_at, figures)
        SELECT gen_random_uuid(), id, repeat('x', 200), 'rtmp://x/live/***', n::text, 'ended', now(), '{"bytesSent": 1, "bytesAcked": 1}' FROM streams, generate_series(1, 10) AS n;
      INSERT INTO callback_deliveries (id, entry_point_id, stream_id, attempt, url, outcome, duration_ms) SELECT gen_random_uuid(), '${id}', id, 1, 'http://x/', 'ok', 1 FROM streams;
      CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.002); RETURN OLD; END';
      CREATE TRIGGER slow BEFORE DELETE ON transfers FOR EACH ROW WHEN (random() < 0.1) EXECUTE FUNCTION be_slow()`);
    await client.end();
    expect(await api.app.get(Housekeeping).clean()).toBe(2000);
    const { prisma } = api;
    expect(
      await Promise.all([
        prisma.stream.count(),
        prisma.transfer.count(),
        prisma.callbackDelivery.count(),
        prisma.callbackDelivery.count({ where: { streamId: null } }),
      ]),
    ).toEqual([0, 0, 2000, 2000]);
  } finally {
    await api.stop();
  }
}, 120_000);

describe.each<[what: string, days: Days, settings: Record<string, string>]>([
  ['as nobody has set them', { deliveries: 30, events: 90, streams: 365 }, {}],
  [
    'as an operator has set them',
    { deliveries: 400, events: 2, streams: 8 },
    { KEEP_DELIVERIES_DAYS: '400', KEEP_EVENTS_DAYS: '2', KEEP_STREAMS_DAYS: '8' },
  ],
])('days %s', (_what, days, settings) => {
  let api: TestApp;
  let alice: TestCustomer;
  let entryPointId: string;

  beforeAll(async () => {
    api = await startApp(settings);
    alice = await api.customer();
    ({ id: entryPointId } = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: alice.appid } }));
  });
  afterAll(() => api?.stop());

  /** Writes one row from just before the end of its time and one from just after; what is there before the housekeeping, and after it. */
  async function around(
    forDays: number,
    write: (at: Date, name: string) => Promise<unknown>,
    list: () => Promise<string[]>,
  ): Promise<[before: string[], after: string[]]> {
    const end = Date.now() - forDays * DAY_MS;
    await write(new Date(end + MINUTE_MS), 'inside');
    await write(new Date(end - MINUTE_MS), 'outside');
    const before = await list();
    await api.app.get(Housekeeping).clean();
    return [before.toSorted(), await list()];
  }
  const stream = (name: string, more: object) =>
    api.prisma.stream.create({ data: { projectId: alice.appid, entryPointId, name, state: 'ended', ...more } });
  const call = async <T>(path: string): Promise<T> =>
    (await alice.call('GET', `/v1/projects/${alice.appid}/fls/${path}`)).body as T;

  it(`a callback's delivery: ${days.deliveries}`, async () => {
    expect(
      await around(
        days.deliveries,
        (createdAt, streamName) =>
          api.prisma.callbackDelivery.create({
            data: { entryPointId, streamName, attempt: 1, url: 'http://x/', outcome: 'ok', durationMs: 1, createdAt },
          }),
        async () =>
          (await call<{ deliveries: { streamName: string }[] }>('entry_points/live/callbacks')).deliveries.map(
            ({ streamName }) => streamName,
          ),
      ),
    ).toEqual(AS_SET);
  });

  it(`an event: ${days.events}`, async () => {
    expect(
      await around(
        days.events,
        (at, type) => api.prisma.event.create({ data: { projectId: alice.appid, type, at } }),
        async () =>
          (await call<{ events: { type: string }[] }>('events')).events
            .map(({ type }) => type)
            .filter((type) => type.endsWith('side')),
      ),
    ).toEqual(AS_SET);
  });

  it(`a stream that has ended, with its transfers, sessions and last answer: ${days.streams}; one that runs, always`, async () => {
    const createdAt = new Date(Date.now() - 4000 * DAY_MS);
    const running = await stream('runs', { state: 'live', createdAt });
    expect(
      await around(
        days.streams,
        async (endedAt, name) => {
          const { id: streamId } = await stream(name, { createdAt, endedAt });
          await api.prisma.transfer.create({
            data: { streamId, origin: 'api', url: 'x', urlHash: name, redactedUrl: name },
          });
          await api.prisma.session.create({ data: { id: `session-of-a-stream-${name}`, streamId, etag: 'x' } });
          await api.prisma.lastAnswer.create({
            data: { entryPointId, streamName: name, answer: 'x', answeredAt: endedAt },
          });
        },
        async () =>
          (await call<{ streams: { name: string }[] }>('streams?state=ended')).streams.map(({ name }) => name),
      ),
    ).toEqual(AS_SET);
    const { prisma } = api;
    const [transfers, sessions, answers] = await Promise.all([
      prisma.transfer.findMany(),
      prisma.session.findMany(),
      prisma.lastAnswer.findMany(),
    ]);
    expect([
      transfers.map(({ urlHash }) => urlHash),
      sessions.map(({ id }) => id),
      answers.map(({ streamName }) => streamName),
    ]).toEqual([['inside'], ['session-of-a-stream-inside'], ['inside']]);
    expect(await prisma.stream.count({ where: { id: running.id } })).toBe(1);
  });

  it('what has days of its own is not theirs: a repeated request 1, a secret that is over 30, a dashboard session none', async () => {
    const { prisma } = api;
    expect(
      await around(
        1,
        (createdAt, key) =>
          prisma.idempotencyKey.create({ data: { customerId: alice.id, key, fingerprint: 'x', createdAt } }),
        async () => (await prisma.idempotencyKey.findMany()).map(({ key }) => key),
      ),
    ).toEqual(AS_SET);
    for (const over of ['revokedAt', 'expiresAt'] as const) {
      await prisma.credential.deleteMany({ where: { label: { endsWith: 'side' } } });
      expect(
        await around(
          30,
          (at, label) =>
            prisma.credential.create({ data: { customerId: alice.id, label, secret: 'v1.k1.', [over]: at } }),
          async () =>
            (await prisma.credential.findMany({ where: { label: { endsWith: 'side' } } })).map(({ label }) => label),
        ),
      ).toEqual(AS_SET);
    }
    expect(
      await around(
        30,
        (expiresAt, secret) => prisma.callbackSecret.create({ data: { entryPointId, secret, expiresAt } }),
        async () => (await prisma.callbackSecret.findMany()).map(({ secret }) => secret),
      ),
    ).toEqual(AS_SET);
    const { id: credentialId } = await prisma.credential.findFirstOrThrow({
      where: { customerId: alice.id, label: 'test' },
    });
    expect(
      await around(
        0,
        (expiresAt, name) =>
          prisma.dashboardSession.create({ data: { id: name, customerId: alice.id, credentialId, expiresAt } }),
        async () => (await prisma.dashboardSession.findMany()).map(({ id }) => id),
      ),
    ).toEqual(AS_SET);
    // Those that are good are always kept.
    expect((await alice.call('GET', '/v1/me')).status).toBe(200);
  });
});
