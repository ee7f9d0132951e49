import { component, enumOf, record, text, type Shape } from '../openapi/schema.js';

export const HealthResponse = component(
  'Health',
  record({ status: enumOf(['ok', 'unavailable']) }, { postgres: text(), redis: text() }),
);
export type HealthResponse = Shape<typeof HealthResponse>;
