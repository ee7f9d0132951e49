/** Makes what a first look needs (an operator, a customer, a project), once; prints all of it as one line of JSON. */
import { randomBytes } from 'node:crypto';
import { loadEnv } from '#libs/config';
import { PATIENT, type Prisma, PrismaService, type Role, SecretBox } from '#libs/db';
import { issueCredential } from '../tenants/customer/issue-credential.js';
import { createProject, DEFAULT_ENTRY_POINT } from '../tenants/project/new-project.js';
import { signPublishToken } from '../streams/tokens/publish-token.js';
import { isUnavailable } from '../http/unavailable.js';

/** A customer ID with its secret in plain text. */
export interface SeededCredential {
  customerId: string;
  customerSecret: string;
}

/** What the seed made, or found from before. */
export interface Seeded {
  operator: SeededCredential;
  customer: SeededCredential;
  appid: string;
  entryPoint: string;
  /** For any stream name, for 30 days. */
  publishToken: string;
}

const TOKEN_DAYS = 30;
/** An arbitrary constant: two seeds at once take turns. */
const SEED_LOCK = 72_707_370;

/** The demo rows, known by their fixed names. The same on every run, but for the token. */
export async function seed(prisma: PrismaService, box: SecretBox): Promise<Seeded> {
  const { operator, customer, project } = await prisma.$transaction(async (tx) => {
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(${SEED_LOCK})`;
    const demo = await seededCustomer(tx, box, 'Demo customer', 'customer');
    const { customerId } = demo;
    return {
      operator: await seededCustomer(tx, box, 'Demo operator', 'operator'),
      customer: demo,
      project:
        (await tx.project.findFirst({
          where: { customerId, name: 'Demo', deletedAt: null },
          orderBy: { createdAt: 'asc' },
        })) ?? (await createProject(tx, customerId, 'Demo', box)),
    };
  });
  const expiresAt = new Date(Date.now() + TOKEN_DAYS * 86_400_000);
  const signingKey = box.open(project.signingKey, `project:${project.id}`);
  const publishToken = await signPublishToken(
    { appid: project.id, entryPoint: DEFAULT_ENTRY_POINT },
    signingKey,
    expiresAt,
  );
  return { operator, customer, appid: project.id, entryPoint: DEFAULT_ENTRY_POINT, publishToken };
}

/** The customer of this name with a secret of its own that is valid; what is missing of it is made. */
async function seededCustomer(
  tx: Prisma.TransactionClient,
  box: SecretBox,
  name: string,
  role: Role,
): Promise<SeededCredential> {
  const { id: customerId, credentials } =
    (await tx.customer.findFirst({
      where: { name, role, deletedAt: null },
      orderBy: { createdAt: 'asc' },
      include: { credentials: { where: { label: 'seed', revokedAt: null, expiresAt: null }, orderBy: { id: 'asc' } } },
    })) ??
    (await tx.customer.create({
      data: { id: randomBytes(16).toString('hex'), name, role },
      include: { credentials: true },
    }));
  const [credential] = credentials;
  if (credential) return { customerId, customerSecret: box.open(credential.secret, `credential:${credential.id}`) };
  const { secret: customerSecret } = await issueCredential(tx, box, customerId, { label: 'seed' });
  return { customerId, customerSecret };
}

/** What a person who starts the service for the first time reads when it fails. */
function sentence(error: unknown): string {
  if (isUnavailable(error))
    return 'Postgres cannot be reached, or did not answer in time (is the machine very busy?). Nothing was changed; start again.';
  return `${(error as Error).message.trim().split('\n').at(-1)}\nNothing was changed.`;
}

if (process.argv[1] === import.meta.filename) {
  try {
    const env = loadEnv();
    const prisma = new PrismaService(env, PATIENT);
    process.stdout.write(`${JSON.stringify(await seed(prisma, new SecretBox(env.MASTER_KEYS)))}\n`);
    await prisma.$disconnect();
  } catch (error) {
    process.stderr.write(`${sentence(error)}\n`);
    process.exit(1);
  }
}
