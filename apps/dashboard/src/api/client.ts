// The one place that speaks HTTP with the API: paths, parameters, bodies and answers are those of docs/openapi.json, or it does not compile.
import createClient, { defaultPathSerializer } from 'openapi-fetch';
import type { paths } from './schema.js';

/** A refusal in words that may be shown as they are. */
export class ApiError extends Error {
  constructor(
    /** HTTP status; 0: no answer at all. */
    readonly status: number,
    message: string,
    readonly fields: Record<string, string> = {},
    readonly requestId: string | null = null,
    /** Seconds after which asking again may help. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

interface Problem {
  detail?: string;
  message?: string;
  title?: string;
  requestId?: string;
  errors?: { field: string; message: string }[];
}

/** Told when the session is over, so that the page asks to sign in again. */
let onSignedOut: () => void = () => undefined;

export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener;
}

export const api = createClient<paths>({
  // The second header proves that the request comes from this page and not from a foreign one that rides on the cookie.
  headers: { accept: 'application/json', 'x-manycast': 'dashboard' },
});

api.use({
  async onResponse({ response, schemaPath }) {
    if (response.ok) return undefined;
    if (response.status === 401 && schemaPath !== '/session') onSignedOut();
    throw await errorOf(response);
  },
  onError({ error }) {
    if (error instanceof DOMException && error.name === 'AbortError') return undefined;
    return new ApiError(0, 'The service does not answer. Check your connection; the page tries again by itself.');
  },
});

/** The body of a good answer; refusals are thrown as `ApiError`. */
export async function answer<Data>(call: Promise<{ data?: Data }>): Promise<Data> {
  return (await call).data as Data;
}

/** For calls that answer nothing. */
export async function done(call: Promise<unknown>): Promise<void> {
  await call;
}

/** The address of something that the browser itself asks for; whatever a value holds stays inside its segment. */
export const urlOf = (path: keyof paths, values: Record<string, string> = {}): string =>
  defaultPathSerializer(path, values);

async function errorOf(response: Response): Promise<ApiError> {
  const problem = (await response.json().catch(() => ({}))) as Problem;
  const fields = Object.fromEntries((problem.errors ?? []).map(({ field, message }) => [field, message]));
  const retryAfter = Number(response.headers.get('retry-after')) || null;
  const text = problem.detail ?? problem.message ?? problem.title ?? `The service answered ${response.status}.`;
  return new ApiError(
    response.status,
    text,
    fields,
    problem.requestId ?? response.headers.get('x-request-id'),
    retryAfter,
  );
}
