export { DbModule } from './db.module.js';
export { endedTransfer, endStreamRows, type StreamEnd } from './end-stream.js';
export { type DbLimits, PATIENT, PrismaService } from './prisma.service.js';
export { isRefused } from './refused.js';
export { openTransferUrl, sealedTransfer } from './sealed-transfer.js';
export { SecretBox } from './secret-box.js';
export { recordEvent, type EventInput } from './events.js';
export * from './generated/client.js';
