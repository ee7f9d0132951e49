import { Injectable } from '@nestjs/common';
import { Agent, request } from 'undici';
import { Env } from '#libs/config';
import { AllowList, ForbiddenAddress, type ReasonCode, resolveAllowed, TransferError } from '#libs/transfer';
import { lookupCustomer } from './customer-dns.js';

/** An answer holds 50 URLs at most; whoever sends more does not mean us. */
const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_HEADER_BYTES = 16 * 1024;
const DEFAULT_PORTS: Record<string, number> = { 'http:': 80, 'https:': 443 };

/** What a callback attempt came to: an answer to read, or the reason why there is none. */
export interface Attempt {
  status: number | null;
  /** Of a 200. */
  body: string | null;
  failure: TransferError | null;
  durationMs: number;
}

/** The one place that talks to customers' servers. Each attempt has a connection of its own and one deadline for all of it. */
@Injectable()
export class CallbackClient {
  private readonly allowList: AllowList;

  constructor(private readonly env: Env) {
    this.allowList = AllowList.parse(env.ALLOWED_PRIVATE_HOSTS);
  }

  /** POSTs JSON to a customer's URL. Never throws for what the customer's server does. */
  async post(url: string, body: object): Promise<Attempt> {
    const started = performance.now();
    const since = (): number => Math.round(performance.now() - started);
    let status: number | null = null;
    try {
      const answer = await this.ask(new URL(url), JSON.stringify(body), (code) => (status = code));
      return { status, body: answer, failure: null, durationMs: since() };
    } catch (error) {
      return { status, body: null, failure: toFailure(error, this.env.CALLBACK_TIMEOUT_MS), durationMs: since() };
    }
  }

  private async ask(url: URL, body: string, onStatus: (status: number) => void): Promise<string> {
    // One deadline from the first DNS question to the last byte: a server that drips must not hold us.
    const signal = AbortSignal.timeout(this.env.CALLBACK_TIMEOUT_MS);
    const agent = await this.agentFor(url, signal);
    try {
      const response = await request(url, {
        method: 'POST',
        dispatcher: agent,
        signal,
        body,
        // A compressed answer could be a thousand times its size.
        headers: { 'content-type': 'application/json', accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'manycast' },
      });
      onStatus(response.statusCode);
      if (response.statusCode >= 300 && response.statusCode < 400) throw new TransferError('callback_redirect', `it answered ${response.statusCode}`);
      if (response.statusCode !== 200) throw new TransferError('callback_status', `it answered ${response.statusCode}`);
      const encoding = response.headers['content-encoding'];
      if (encoding !== undefined && encoding !== 'identity') throw new TransferError('callback_encoded');
      return await readLimited(response.body);
    } finally {
      // Whatever is still under way on this connection ends now.
      void agent.destroy().catch(() => undefined);
    }
  }

  /** Connects to an address that was checked, and to no other: a second lookup could lead elsewhere (DNS rebinding). */
  private async agentFor(url: URL, signal: AbortSignal): Promise<Agent> {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const port = url.port === '' ? (DEFAULT_PORTS[url.protocol] as number) : Number(url.port);
    const timeout = this.env.CALLBACK_TIMEOUT_MS;
    const lookup = (name: string) => lookupCustomer(name, timeout, signal);
    const addresses = await untilAborted(signal, resolveAllowed(host, port, this.allowList, lookup)).catch((error: unknown) => {
      if (error instanceof ForbiddenAddress) throw new TransferError('callback_address_forbidden');
      if (signal.aborted) throw error;
      throw new TransferError('callback_dns_failed', (error as NodeJS.ErrnoException).code);
    });
    return new Agent({
      connections: 1,
      pipelining: 0,
      headersTimeout: timeout,
      bodyTimeout: timeout,
      maxHeaderSize: MAX_HEADER_BYTES,
      connect: {
        timeout,
        // Node asks for all addresses and tries them in turn (RFC 8305).
        lookup: (_host, options, done) => {
          if (options.all) done(null, addresses);
          else done(null, addresses[0]?.address ?? '', addresses[0]?.family);
        },
      },
    });
  }
}

async function readLimited(body: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    if (size > MAX_ANSWER_BYTES) throw new TransferError('callback_too_large', `more than ${MAX_ANSWER_BYTES / 1024} KiB`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

const FAILURES: [test: RegExp, code: ReasonCode][] = [
  [/HEADERS_OVERFLOW/, 'callback_too_large'],
  // What came is not HTTP, or an interim response that nobody asked for.
  [/^HTTPParserError|bad response$/, 'callback_bad_answer'],
  [/TIMEOUT/, 'callback_timeout'],
];

function toFailure(error: unknown, timeoutMs: number): TransferError {
  if (error instanceof TransferError) return error;
  const { name, code = '', message } = error as NodeJS.ErrnoException;
  if (name === 'TimeoutError' || name === 'AbortError') return new TransferError('callback_timeout', `not within ${timeoutMs / 1000} s`);
  const what = `${name} ${code} ${message}`;
  const found = FAILURES.find(([test]) => test.test(what))?.[1];
  return new TransferError(found ?? 'callback_connect_failed', found === 'callback_bad_answer' ? 'it does not speak HTTP' : code || name);
}
