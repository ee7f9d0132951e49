// The shapes of requests and answers by their names in the document.
import { RestApiError } from '../flashphoner/rest/rest-api.js';
import { OPERATIONS } from './operations.js';
import { component, componentsOf, ref, type Schema } from './schema.js';
import { COMMON } from './schemas/common.js';
import { OPERATION } from './schemas/operation.js';
import { SETTINGS } from './schemas/settings.js';
import { STREAMS } from './schemas/streams.js';

export type { Schema };

for (const table of [COMMON, SETTINGS, STREAMS, OPERATION])
  for (const [name, schema] of Object.entries(table)) component(name, schema);

const used = componentsOf([OPERATIONS.map(({ body, answers }) => [body, answers]), ref('Problem'), RestApiError]);

/** Everything that operations name, in the order of the names. */
export const SCHEMAS: Record<string, Schema> = Object.fromEntries(
  Object.entries(used).toSorted(([a], [b]) => (a < b ? -1 : 1)),
);
