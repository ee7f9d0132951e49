// The shapes of requests and answers by their names in the document.
import type { Schema } from './schema.js';
import { ACCESS } from './schemas/access.js';
import { AGORA } from './schemas/agora.js';
import { COMMON } from './schemas/common.js';
import { FLASHPHONER } from './schemas/flashphoner.js';
import { OPERATION } from './schemas/operation.js';
import { SETTINGS } from './schemas/settings.js';
import { STREAMS } from './schemas/streams.js';
import { TENANTS } from './schemas/tenants.js';

export type { Schema };

/** Everything that is named. */
export const SCHEMAS: Record<string, Schema> = {
  ...COMMON,
  ...TENANTS,
  ...SETTINGS,
  ...AGORA,
  ...ACCESS,
  ...STREAMS,
  ...FLASHPHONER,
  ...OPERATION,
};
