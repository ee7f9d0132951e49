import { Prisma } from './generated/client.js';

/** SQLSTATE classes 22 (data exception) and 23 (integrity constraint). */
const SQLSTATE = /^2[23][0-9A-Z]{3}$/;
/** Prisma's codes for what a database has judged: values (P2000 to P2023 but for P2010, a raw query's), and rows that are not there. */
const PRISMA = /^P20(0\d|1[1-9]|2[0-3]|25)$/;
const MAX_CAUSES = 5;

/** Whether Postgres has seen this statement and refuses its values: it will each time. False for what may pass (a server that is away). */
export function isRefused(error: unknown): boolean {
  if (error instanceof Prisma.PrismaClientValidationError) return true;
  let current = error;
  for (let depth = 0; depth < MAX_CAUSES && current instanceof Object; depth += 1) {
    const { code, originalCode, cause, meta } = current as {
      code?: unknown;
      originalCode?: unknown;
      cause?: unknown;
      meta?: { driverAdapterError?: unknown };
    };
    for (const one of [code, originalCode])
      if (typeof one === 'string' && (SQLSTATE.test(one) || PRISMA.test(one))) return true;
    current = cause ?? meta?.driverAdapterError;
  }
  return false;
}
