// Guessing secrets: in bursts, through several API processes, from many addresses, and for many customers.
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Logins } from '../apps/api/src/auth/logins.js';
import { basic, startApp, type TestApp } from './support/app.js';

const LIMIT = 5;
const METRICS_TOKEN = 'metrics-token-of-this-test';
const RATE = 10;
let api: TestApp;
let other: { url: string; stop(): Promise<void> };

beforeAll(async () => {
  // Every request says where it comes from.
  api = await startApp({
    LOGIN_FAILURES_PER_MINUTE: String(LIMIT),
    TRUSTED_PROXIES: '1',
    METRICS_TOKEN,
    REQUESTS_PER_SECOND: String(RATE),
    PUBLIC_URL: 'https://live.example',
  });
  other = await api.another();
});
afterAll(async () => {
  await other?.stop();
  await api?.stop();
});

const get = (url: string, authorization: string, ip: string, path = '/v1/me') =>
  fetch(url + path, { headers: { authorization, 'x-forwarded-for': ip } });
const statuses = async (answers: Promise<Response>[]): Promise<number[]> =>
  (await Promise.all(answers)).map(({ status }) => status);
const anybody = () => randomBytes(16).toString('hex');

it('a burst is not looked at as a whole', async () => {
  const id = anybody();
  let looks = 0;
  // As slow as any question to the database, so that all of them are there before the first answer.
  const verify = async (): Promise<null> => {
    looks += 1;
    await api.prisma.$queryRaw`SELECT 1`;
    return null;
  };
  const logins = api.app.get(Logins);
  const answers = await Promise.allSettled(Array.from({ length: 100 }, () => logins.attempt('192.0.2.1', id, verify)));
  expect(answers.filter(({ status }) => status === 'rejected').length).toBeGreaterThanOrEqual(100 - 2 * LIMIT);
  expect(looks).toBeLessThan(2 * LIMIT);
});

it('who is blocked by one API process is by all', async () => {
  const dave = await api.customer();
  for (let i = 0; i < LIMIT; i += 1)
    expect((await get(api.url, basic(dave.id, 'wrong'), '192.0.2.2')).status).toBe(401);
  for (const url of [api.url, other.url])
    expect((await get(url, basic(dave.id, dave.secret), '192.0.2.2')).status).toBe(429);
  expect((await get(other.url, basic(dave.id, dave.secret), '192.0.2.3')).status).toBe(200);
});

it.each([
  ['an IPv4 address', () => '192.0.2.4'],
  ['a network of IPv6', () => `2001:db8:0:7:${randomBytes(2).toString('hex')}::1`],
])('%s has a limit over all customers, but not for who had the right secret just before', async (_, ip) => {
  const [known, unknown] = [await api.customer(), await api.customer()];
  const address = ip();
  expect((await get(api.url, basic(known.id, known.secret), address)).status).toBe(200);
  const guesses = [];
  for (let i = 0; i < 5 * LIMIT + 1; i += 1) guesses.push((await get(api.url, basic(anybody(), 'wrong'), ip())).status);
  expect([guesses.slice(0, 5 * LIMIT).every((status) => status === 401), guesses.at(-1)]).toEqual([true, 429]);
  expect((await get(api.url, basic(unknown.id, unknown.secret), ip())).status).toBe(429);
  expect((await get(other.url, basic(unknown.id, unknown.secret), ip())).status).toBe(429);
  expect((await get(api.url, basic(known.id, known.secret), address)).status).toBe(200);
  expect((await get(api.url, basic(unknown.id, unknown.secret), '192.0.2.5')).status).toBe(200);
});

it('the token for metrics cannot be guessed either', async () => {
  const metrics = (token: string) => get(api.url, `Bearer ${token}`, '192.0.2.6', '/metrics');
  expect((await metrics(METRICS_TOKEN)).status).toBe(200);
  for (let i = 0; i < LIMIT; i += 1) expect((await metrics(`wrong-wrong-wrong-${i}`)).status).toBe(401);
  expect((await metrics(METRICS_TOKEN)).status).toBe(429);
});

it('a customer that asks in bursts is heard', async () => {
  const erin = await api.customer();
  const answers = await Promise.all(
    Array.from({ length: 40 }, () => get(api.url, basic(erin.id, erin.secret), '192.0.2.7')),
  );
  // Its own limit of requests, and no word of secrets.
  for (const answer of answers) expect([200, 429]).toContain(answer.status);
  expect((await Promise.all(answers.map((answer) => answer.text()))).join()).not.toContain('authenticate');
});

it('requests are counted over all API processes', async () => {
  const frank = await api.customer();
  const count = async (): Promise<number> => {
    const answers = await statuses(
      Array.from({ length: 2 * RATE }, (_, i) =>
        get(i % 2 === 0 ? api.url : other.url, basic(frank.id, frank.secret), '192.0.2.8'),
      ),
    );
    return answers.filter((status) => status === 200).length;
  };
  // Unless the second ends in the midst of it.
  await expect.poll(count, { interval: 1100 }).toBe(RATE);
});

it('behind a proxy that sends a Host of its own, the page of PUBLIC_URL may sign in and change things, and no other', async () => {
  const alice = await api.customer();
  const signIn = (origin: string) =>
    api.anonymous('POST', '/session', { customerId: alice.id, customerSecret: alice.secret }, { origin });
  const answer = await signIn('https://live.example');
  expect(answer.status, answer.text).toBe(200);
  const cookie = (answer.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? '';
  const create = (headers: Record<string, string>) =>
    api.anonymous('POST', '/v1/projects', { name: 'x' }, { cookie, 'x-manycast': 'dashboard', ...headers });
  expect((await create({ origin: 'https://live.example' })).status).toBe(201);
  for (const foreign of [
    'https://evil.example',
    'https://live.example.evil.example',
    'https://live.example:8443',
    'null',
  ]) {
    // The one who reads it is a person at a browser.
    expect((await signIn(foreign)).body, foreign).toMatchObject({
      status: 403,
      code: 'foreign_origin',
      detail: expect.stringContaining('PUBLIC_URL'),
    });
    expect((await create({ origin: foreign })).status, foreign).toBe(403);
  }
});
