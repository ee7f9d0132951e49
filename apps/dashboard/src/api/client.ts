// The one place that speaks HTTP with the API.

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

type Query = Record<string, string | number | undefined>;

interface Call {
  query?: Query;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
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

/** Fills `{name}`s of a path; whatever a value holds stays inside its segment. */
export function pathOf(template: string, values: Record<string, string>): string {
  return template.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(values[name] ?? ''));
}

export async function request<Answer>(method: string, path: string, { query = {}, body, headers = {}, signal }: Call = {}): Promise<Answer> {
  const search = new URLSearchParams(Object.entries(query).flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, String(value)]])));
  const url = search.size > 0 ? `${path}?${search}` : path;
  const response = await send(url, {
    method,
    // The header proves that the request comes from this page and not from a foreign one that rides on the cookie.
    headers: { accept: 'application/json', 'x-manycast': 'dashboard', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal,
  });
  if (!response.ok) {
    if (response.status === 401 && path !== '/session') onSignedOut();
    throw await errorOf(response);
  }
  const text = await response.text();
  return (text === '' ? undefined : JSON.parse(text)) as Answer;
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, 'The service does not answer. Check your connection; the page tries again by itself.');
  }
}

async function errorOf(response: Response): Promise<ApiError> {
  const problem = (await response.json().catch(() => ({}))) as Problem;
  const fields = Object.fromEntries((problem.errors ?? []).map(({ field, message }) => [field, message]));
  const retryAfter = Number(response.headers.get('retry-after')) || null;
  const text = problem.detail ?? problem.message ?? problem.title ?? `The service answered ${response.status}.`;
  return new ApiError(response.status, text, fields, problem.requestId ?? response.headers.get('x-request-id'), retryAfter);
}
