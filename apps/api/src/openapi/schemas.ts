// The shapes of requests and answers by their names in the document.
import { OPERATIONS } from './operations.js';
import { component, componentsOf, ref, type Schema } from './schema.js';
import { ACCESS } from './schemas/access.js';
import { AGORA } from './schemas/agora.js';
import { COMMON } from './schemas/common.js';
import { FLASHPHONER } from './schemas/flashphoner.js';
import { OPERATION } from './schemas/operation.js';
import { SETTINGS } from './schemas/settings.js';
import { STREAMS } from './schemas/streams.js';
import { TENANTS } from './schemas/tenants.js';

export type { Schema };

for (const table of [COMMON, TENANTS, SETTINGS, AGORA, ACCESS, STREAMS, FLASHPHONER, OPERATION])
  for (const [name, schema] of Object.entries(table)) component(name, schema);

/** Everything that operations name. */
export const SCHEMAS: Record<string, Schema> = componentsOf([
  OPERATIONS.map(({ body, answers }) => [body, answers]),
  ref('Problem'),
  ref('RestApiError'),
]);
