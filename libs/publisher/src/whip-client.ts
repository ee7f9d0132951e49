// WHIP signalling (RFC 9725) by fetch alone: knows nothing of cameras or peer connections.
import { parseRetryAfter } from './backoff.js';
import { parseIceServers } from './link-header.js';

/** A publish token, or a function that gets a fresh one: asked at every (re)connect, since tokens expire. */
export type TokenSource = string | (() => string | Promise<string>);

/** The server's answer to an offer. */
export interface WhipAnswer {
  sdp: string;
  iceServers: RTCIceServer[];
}

interface WhipRequest {
  method: 'POST' | 'PATCH' | 'DELETE' | 'GET';
  headers?: Record<string, string>;
  body?: string;
  keepalive?: boolean;
  signal?: AbortSignal | undefined;
}

const SDP = 'application/sdp';
const FRAGMENT = 'application/trickle-ice-sdpfrag';
/** The server gives up a slow media node after less. */
const TIMEOUT_MS = 15_000;

/** Why the server, or the way to it, refused. `status` is 0 when no answer came at all. */
export class WhipError extends Error {
  override readonly name = 'WhipError';

  constructor(
    readonly status: number,
    message: string,
    /** The machine-readable reason of the server's problem document, where it gives one. */
    readonly code?: string,
    readonly retryAfterMs?: number,
  ) {
    super(message);
  }

  /** Trying again as things are may help: no answer, an overloaded or failing server, or it said when to come back. */
  get temporary(): boolean {
    return (
      this.status === 0 ||
      this.status === 429 ||
      (this.status >= 500 && this.status !== 501) ||
      this.retryAfterMs !== undefined
    );
  }
}

/** One WHIP session: made by `offer`, ended by `end`. */
export class WhipClient {
  /** Why the stream is not pushed to the `rtmpUrl`, as the server said with its answer. */
  rtmpError: string | null = null;
  private sessionUrl: string | undefined;
  private etag: string | null = null;
  private bearer: string | undefined;
  /** PATCHes go one after the other: a candidate that overtook its ICE restart would carry a tag that is over. */
  private patches: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly endpoint: string,
    private readonly token?: TokenSource,
    /** manycast pushes the stream there as well; it travels in a header, because URLs end up in logs. */
    private readonly rtmpUrl?: string,
  ) {}

  /** Publishes. The offer needs no candidates; they follow by `trickle`. */
  async offer(sdp: string, signal?: AbortSignal): Promise<WhipAnswer> {
    this.bearer = typeof this.token === 'function' ? await this.token() : this.token;
    const response = await this.request(this.endpoint, {
      method: 'POST',
      headers: {
        'Content-Type': SDP,
        Accept: SDP,
        ...(this.rtmpUrl === undefined ? {} : { 'Manycast-Rtmp-Url': this.rtmpUrl }),
      },
      body: sdp,
      signal,
    });
    const location = response.headers.get('Location');
    // The base is where the answer came from: a 307 may have led elsewhere.
    this.sessionUrl = location === null ? undefined : new URL(location, response.url || this.endpoint).href;
    this.etag = response.headers.get('ETag');
    this.rtmpError = response.headers.get('Manycast-Rtmp-Error');
    const answer = await response.text();
    if (response.status !== 201 || !answer.startsWith('v=0'))
      throw new WhipError(response.status, 'The server is no WHIP endpoint: its answer is not SDP.');
    return { sdp: answer, iceServers: parseIceServers(response.headers.get('Link')) };
  }

  /** Sends candidates. A server that does not take them learns the addresses from our connectivity checks. */
  trickle(fragment: string): Promise<void> {
    return this.inTurn(async () => {
      await this.patch(fragment, this.etag);
    });
  }

  /** Restarts ICE; resolves with the server's fragment. */
  restart(fragment: string): Promise<string> {
    return this.inTurn(async () => {
      const response = await this.patch(fragment, '*');
      if (response.status !== 200) throw new WhipError(response.status, 'The server did not restart ICE.');
      this.etag = response.headers.get('ETag') ?? this.etag;
      return response.text();
    });
  }

  /** Whether the server still has the session; rejects with its reason (410) where it was ended on purpose. */
  async isThere(): Promise<boolean> {
    if (this.sessionUrl === undefined) return false;
    try {
      await this.request(this.sessionUrl, { method: 'GET' });
      return true;
    } catch (error) {
      if (error instanceof WhipError && error.status === 404) return false;
      throw error;
    }
  }

  /** Ends the session at once, also while the page is being closed: `keepalive` lets the request outlive it. */
  async end(): Promise<void> {
    if (this.sessionUrl === undefined) return;
    const url = this.sessionUrl;
    this.sessionUrl = undefined;
    try {
      await this.request(url, { method: 'DELETE', keepalive: true });
    } catch (error) {
      // Gone already: what was wanted.
      if (!(error instanceof WhipError && [404, 405, 410].includes(error.status))) throw error;
    }
  }

  private patch(fragment: string, etag: string | null): Promise<Response> {
    if (this.sessionUrl === undefined) throw new WhipError(404, 'The session is over.');
    return this.request(this.sessionUrl, {
      method: 'PATCH',
      headers: { 'Content-Type': FRAGMENT, ...(etag === null ? {} : { 'If-Match': etag }) },
      body: fragment,
    });
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.patches.then(work);
    this.patches = result.catch(() => undefined);
    return result;
  }

  private async request(url: string, { signal, headers = {}, ...init }: WhipRequest): Promise<Response> {
    if (this.bearer !== undefined) headers.Authorization = `Bearer ${this.bearer}`;
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    let response: Response;
    try {
      response = await fetch(url, { ...init, headers, signal: signal ? either(signal, timeout) : timeout });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new WhipError(0, timeout.aborted ? 'The server did not answer in time.' : 'The server cannot be reached.');
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }
}

/** `AbortSignal.any`, which Safari before 17.4 lacks. */
function either(...signals: AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) controller.abort(signal.reason);
    signal.addEventListener('abort', () => controller.abort(signal.reason), { signal: controller.signal });
  }
  return controller.signal;
}

/** The sentence of a problem document (RFC 9457), else the bare status. */
async function refusal(response: Response): Promise<WhipError> {
  const retryAfterMs = parseRetryAfter(response.headers.get('Retry-After'));
  const problem: unknown = /json/.test(response.headers.get('Content-Type') ?? '')
    ? await response.json().catch(() => undefined)
    : undefined;
  const text = (field: string): string | undefined => {
    const found: unknown =
      typeof problem === 'object' && problem !== null && field in problem
        ? problem[field as keyof typeof problem]
        : undefined;
    return typeof found === 'string' && found !== '' ? found : undefined;
  };
  const sentence =
    text('message') ??
    text('detail') ??
    text('title') ??
    `The server answered ${response.status} ${response.statusText}`.trim();
  return new WhipError(response.status, sentence, text('code'), retryAfterMs);
}
