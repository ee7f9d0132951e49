// The real API in the test's process, on a database and a Redis prefix of its own.
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { inject } from 'vitest';
import { AppModule } from '../../apps/api/src/app.module.js';
import { issueCredential } from '../../apps/api/src/tenants/customer/issue-credential.js';
import { createProject } from '../../apps/api/src/tenants/project/new-project.js';
import { setup } from '../../apps/api/src/setup.js';
import { createLogger } from '../../libs/config/src/index.js';
import { PrismaService, type Role, SecretBox } from '../../libs/db/src/index.js';
import { requireDocumented } from './contract.js';
import { createTestDatabase } from './database.js';

export interface TestCustomer {
  id: string;
  secret: string;
  appid: string;
  call: Call;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The text as JSON, when it is. */
  body: never;
}
export type Call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;

export interface TestApp {
  url: string;
  prisma: PrismaService;
  box: SecretBox;
  app: NestExpressApplication;
  /** A new customer with one project. */
  customer(role?: Role): Promise<TestCustomer>;
  /** A request without credentials. */
  anonymous: Call;
  /** Another API on the same database and Redis, as a second process would be. */
  another(): Promise<{ url: string; stop(): Promise<void> }>;
  stop(): Promise<void>;
}

/** The environment of a test's own installation; `settings` win. Returned for a second process (a worker) on the same one. */
export async function testEnvironment(
  settings: Record<string, string> = {},
): Promise<{ env: Record<string, string>; drop: () => Promise<void> }> {
  const database = await createTestDatabase();
  const env = {
    DATABASE_URL: database.url,
    REDIS_URL: inject('redisUrl'),
    REDIS_PREFIX: `test-${randomBytes(6).toString('hex')}`,
    MASTER_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    ALLOWED_PRIVATE_HOSTS: '127.0.0.1',
    // Tests ask faster than any customer; the limits have tests of their own.
    REQUESTS_PER_SECOND: '0',
    WHIP_ADDRESS_REQUESTS_PER_SECOND: '0',
    WHIP_ENTRY_POINT_REQUESTS_PER_SECOND: '0',
    WHIP_UNCONNECTED_PER_CUSTOMER: '0',
    WHIP_UNCONNECTED_PER_TOKEN: '0',
    QUOTA_STREAMS: '100',
    LOGIN_FAILURES_PER_MINUTE: '10000',
    LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'silent',
    ...settings,
  };
  return { env, drop: () => database.drop() };
}

/** `detour` may put something (a proxy) between the API and what the environment names. */
export async function startApp(
  settings: Record<string, string> = {},
  detour?: (env: Record<string, string>) => Promise<Record<string, string>>,
): Promise<TestApp> {
  const { env, drop } = await testEnvironment(settings);
  Object.assign(env, await detour?.(env));
  // The file's own: see own-environment.ts.
  Object.assign(process.env, env);
  const { app, url } = await listen(env);
  const prisma = app.get(PrismaService);
  const box = app.get(SecretBox);

  const caller =
    (authorization?: string): Call =>
    async (method, path, body, headers = {}) => {
      const response = await fetch(url + path, {
        method,
        headers: { ...(authorization === undefined ? {} : { authorization }), ...headers },
        body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
        redirect: 'manual',
      });
      const text = await response.text();
      requireDocumented({
        method,
        path,
        status: response.status,
        contentType: response.headers.get('content-type'),
        headers: response.headers,
        text,
      });
      const isJson = /json/.test(response.headers.get('content-type') ?? '');
      return {
        status: response.status,
        headers: response.headers,
        text,
        body: (isJson ? JSON.parse(text) : undefined) as never,
      };
    };

  return {
    url,
    prisma,
    box,
    app,
    anonymous: caller(),
    another: async () => {
      const other = await listen(env);
      return { url: other.url, stop: () => other.app.close() };
    },
    customer: async (role = 'customer') => {
      const id = randomBytes(16).toString('hex');
      await prisma.customer.create({ data: { id, name: `customer ${id.slice(0, 6)}`, role } });
      const { secret } = await prisma.$transaction((tx) => issueCredential(tx, box, id, { label: 'test' }));
      const { id: appid } = await prisma.$transaction((tx) => createProject(tx, id, 'Test', box));
      return { id, secret, appid, call: caller(basic(id, secret)) };
    },
    stop: async () => {
      await app.close();
      await drop();
    },
  };
}

async function listen(env: Record<string, string>): Promise<{ app: NestExpressApplication; url: string }> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule, { bodyParser: false, logger: false });
  setup(app, createLogger('api', env.LOG_LEVEL as string));
  await app.listen(0, '127.0.0.1');
  return { app, url: `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}` };
}

export const basic = (id: string, secret: string): string =>
  `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
