import type { Answer } from '../app.js';
import type { Installation, Tenant } from './installation.js';

/** How many pages a statement may look at, and why it is more than is usual. */
export interface Bound {
  buffers: number;
  because: string;
}

/** One way to call an operation. */
export interface Way {
  what?: string;
  /** Before the plans are looked at: something to call it with. */
  make?: (by: Tenant, at: Installation) => Promise<string>;
  run: (by: Tenant, made: string, at: Installation) => Promise<Answer>;
  most?: Bound | ((by: Tenant) => Bound);
  /** How often, so that prepared statements come to the plan that they keep. */
  rounds?: number;
  /** It takes long: the big customer and the operator call it, once each. */
  isSlow?: true;
}

/** The ways to call each operation, by `method path` of the document. */
export type Calls = Record<string, Way[]>;

/** Of a statement that is about one thing, with what belongs to it. */
export const POINT: Bound = { buffers: 60, because: 'one thing, and what belongs to it' };

/** Prisma's pool hands the same connection to one request after the other; Postgres weighs the plan for all parameters at the sixth. */
export const ROUNDS = 6;
/** HotSql sends statements over two connections in turn. */
export const HOT_ROUNDS = 13;

/** Rows of a page in these calls. */
export const PAGE = 100;
/** A page of rows that may lie in partitions, each with an index of its own that is asked. */
export const pageOfLog = (rows = PAGE): Bound => ({
  buffers: 10 * rows + POINT.buffers,
  because: `a page of ${rows} rows of several days`,
});
/** A page: each row is found by an index of three or four levels, and so is what belongs to it. */
export const page = (rows = PAGE): Bound => ({ buffers: 6 * rows + POINT.buffers, because: `a page of ${rows} rows` });

/** A page of streams in one statement: each with its entry point, its transfers, which are counted, and its project and customer. */
export const pageOfStreams = (rows = PAGE): Bound => ({
  buffers: 20 * rows + POINT.buffers,
  because: `a page of ${rows} streams with what belongs to each`,
});

/** What looks at all that runs of the caller's, so many pages for each. */
export const running =
  (pagesEach: number, because: string) =>
  (by: Tenant): Bound => ({ buffers: pagesEach * (by.running + 100) + POINT.buffers, because });

export const fls = ({ appid }: Tenant, path: string): string => `/v1/projects/${appid}/fls/${path}`;
export const live = (by: Tenant, path = ''): string => fls(by, `entry_points/live${path}`);
/** The id of what was just made. */
export const idOf = (answer: Answer): string => (answer.body as { id: string }).id;

/** Calls with a body that is the same each time. */
export const ask =
  (method: string, path: (by: Tenant, made: string) => string, body?: unknown): Way['run'] =>
  (by, made) =>
    by.call(method, path(by, made), body);
