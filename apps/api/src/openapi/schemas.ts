// The shapes of requests and answers by their names in the document.
import { RestApiError } from '../flashphoner/rest/rest-api.js';
import { ProblemResponse } from '../http/problem.js';
import { OPERATIONS } from './operations.js';
import { componentsOf, type Schema } from './schema.js';

export type { Schema };

const used = componentsOf([OPERATIONS.map(({ body, answers }) => [body, answers]), ProblemResponse, RestApiError]);

/** Everything that operations name, in the order of the names. */
export const SCHEMAS: Record<string, Schema> = Object.fromEntries(
  Object.entries(used).toSorted(([a], [b]) => (a < b ? -1 : 1)),
);
