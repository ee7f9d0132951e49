/** Makes what a first look needs (an operator, a customer, a project), once; prints all of it as one line of JSON. */
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { randomBytes } from 'node:crypto';
import { ConfigModule } from '#libs/config';
import { DbModule, PrismaService, type Role, SecretBox } from '#libs/db';
import { DEFAULT_ENTRY_POINT, newProject } from './project/new-project.js';
import { signPublishToken } from './publish-token/publish-token.js';

const TOKEN_DAYS = 30;

@Module({ imports: [ConfigModule, DbModule] })
class SeedModule {}

/** The customer of this name with its secret, made if there is none. */
async function customer(prisma: PrismaService, box: SecretBox, name: string, role: Role): Promise<{ customerId: string; customerSecret: string }> {
  const found = await prisma.customer.findFirst({ where: { name, role }, include: { credentials: { where: { revokedAt: null } } } });
  const [credential] = found?.credentials ?? [];
  if (found && credential) return { customerId: found.id, customerSecret: box.open(credential.secret, `credential:${credential.id}`) };
  const customerId = randomBytes(16).toString('hex');
  const customerSecret = randomBytes(32).toString('hex');
  await prisma.$transaction(async (tx) => {
    await tx.customer.create({ data: { id: customerId, name, role } });
    // The id is part of what the secret is sealed with.
    const { id } = await tx.credential.create({ data: { customerId, label: 'seed', secret: '' } });
    await tx.credential.update({ where: { id }, data: { secret: box.seal(customerSecret, `credential:${id}`) } });
  });
  return { customerId, customerSecret };
}

const app = await NestFactory.createApplicationContext(SeedModule, { logger: ['error', 'warn'] });
const prisma = app.get(PrismaService);
const box = app.get(SecretBox);
const operator = await customer(prisma, box, 'Demo operator', 'operator');
const demo = await customer(prisma, box, 'Demo customer', 'customer');
const { customerId } = demo;
const project =
  (await prisma.project.findFirst({ where: { customerId, name: 'Demo' } })) ??
  (await prisma.project.create({ data: newProject(customerId, 'Demo', box) }));
const expiresAt = new Date(Date.now() + TOKEN_DAYS * 86_400_000);
const publishToken = await signPublishToken({ appid: project.id, entryPoint: DEFAULT_ENTRY_POINT }, box.open(project.signingKey, `project:${project.id}`), expiresAt);
process.stdout.write(`${JSON.stringify({ operator, customer: demo, appid: project.id, entryPoint: DEFAULT_ENTRY_POINT, publishToken })}\n`);
await app.close();
