export { DbModule } from './db.module.js';
export { type DbLimits, PATIENT, PrismaService } from './prisma.service.js';
export { isRefused } from './refused.js';
export { SecretBox } from './secret-box.js';
export { recordEvent, type EventInput } from './events.js';
export * from './generated/client.js';
