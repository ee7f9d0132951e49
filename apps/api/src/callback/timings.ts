import { record, whole, type Shape } from '../openapi/schema.js';

/** How long the parts of a request took. */
export const TIMINGS = record(
  {},
  {
    dnsMs: whole(),
    connectMs: whole(),
    tlsMs: whole(),
    waitMs: whole("From the request to the answer's first byte."),
    readMs: whole(),
  },
);
export type Timings = Shape<typeof TIMINGS>;
