import { Injectable, Logger } from '@nestjs/common';
import type { Socket } from 'node:net';
import { Agent, buildConnector, request } from 'undici';
import { addressRules, Env } from '#libs/config';
import { type Address, AllowList, ForbiddenAddress, lookupHost, resolveAllowed } from '#libs/net';
import { type ReasonCode, TransferError } from '#libs/transfer';
import type { Timings } from './timings.js';

/** An answer holds 50 URLs at most; a longer answer is not a callback answer. */
const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_HEADER_BYTES = 16 * 1024;
const ERROR_HEAD_BYTES = 1024;
const DEFAULT_PORTS: Record<string, number> = { 'http:': 80, 'https:': 443 };

/** What a callback attempt came to: an answer to read, or the reason why there is none. */
export interface Attempt {
  status: number | null;
  /** Of a 200. */
  body: string | null;
  /** How the answer of any other status began: customers' frameworks say there what went wrong. */
  errorHead: string | null;
  failure: TransferError | null;
  durationMs: number;
  timings: Timings;
}

/** What is known of an answer, also when nothing comes of it. */
type Seen = Pick<Attempt, 'status' | 'errorHead'>;

/** The one place that talks to customers' servers. Each attempt has a connection of its own and one deadline for all of it. */
@Injectable()
export class CallbackClient {
  /** Who is asked for the addresses of a host; tests have a name server of their own. */
  lookup = lookupHost;
  private readonly allowList: AllowList;
  private readonly logger = new Logger(CallbackClient.name);

  constructor(private readonly env: Env) {
    this.allowList = AllowList.parse(addressRules(env));
  }

  /** POSTs JSON to a customer's URL. Never throws for what the customer's server does. All of it takes `timeoutMs` at most. */
  async post(
    url: string,
    payload: string,
    headers: Record<string, string> = {},
    timeoutMs = this.env.CALLBACK_TIMEOUT_MS,
  ): Promise<Attempt> {
    const started = performance.now();
    const timings: Timings = {};
    const seen: Seen = { status: null, errorHead: null };
    const end = (body: string | null, failure: TransferError | null): Attempt => ({
      ...seen,
      body,
      failure,
      durationMs: Math.round(performance.now() - started),
      timings,
    });
    try {
      return end(await this.ask(new URL(url), { payload, headers, timeoutMs }, timings, seen), null);
    } catch (error) {
      return end(null, toFailure(error, timeoutMs));
    }
  }

  private async ask(
    url: URL,
    { payload: body, headers, timeoutMs }: { payload: string; headers: Record<string, string>; timeoutMs: number },
    timings: Timings,
    seen: Seen,
  ): Promise<string> {
    // One deadline from the first DNS question to the last byte: a server that drips must not hold us.
    const signal = AbortSignal.timeout(timeoutMs);
    const addresses = await this.addressesOf(url, signal, timings);
    const agent = this.agentFor(addresses, timings);
    try {
      const asked = performance.now();
      const response = await request(url, {
        method: 'POST',
        dispatcher: agent,
        signal,
        body,
        // A compressed answer could be a thousand times its size.
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          'accept-encoding': 'identity',
          'user-agent': 'manycast',
          ...headers,
        },
      });
      const answered = performance.now();
      timings.waitMs = Math.max(0, Math.round(answered - asked - (timings.connectMs ?? 0) - (timings.tlsMs ?? 0)));
      seen.status = response.statusCode;
      if (response.statusCode !== 200) seen.errorHead = await readHead(response.body);
      if (response.statusCode >= 300 && response.statusCode < 400)
        throw new TransferError('callback_redirect', `it answered ${response.statusCode}`);
      if (response.statusCode !== 200) throw new TransferError('callback_status', `it answered ${response.statusCode}`);
      const encoding = response.headers['content-encoding'];
      if (encoding !== undefined && encoding !== 'identity') throw new TransferError('callback_encoded');
      const text = await readLimited(response.body);
      timings.readMs = Math.round(performance.now() - answered);
      return text;
    } finally {
      // Whatever is still under way on this connection ends now.
      agent
        .destroy()
        .catch((error: unknown) => this.logger.debug(`a callback's connection was not closed: ${String(error)}`));
    }
  }

  private async addressesOf(url: URL, signal: AbortSignal, timings: Timings): Promise<Address[]> {
    const started = performance.now();
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const port = url.port === '' ? (DEFAULT_PORTS[url.protocol] as number) : Number(url.port);
    const lookup = (name: string): Promise<Address[]> => this.lookup(name, this.env.CALLBACK_TIMEOUT_MS, signal);
    const addresses = await untilAborted(signal, resolveAllowed(host, port, this.allowList, lookup)).catch(
      (error: unknown) => {
        if (error instanceof ForbiddenAddress) throw new TransferError('callback_address_forbidden');
        if (signal.aborted) throw error;
        throw new TransferError('callback_dns_failed', (error as NodeJS.ErrnoException).code);
      },
    );
    timings.dnsMs = Math.round(performance.now() - started);
    return addresses;
  }

  /** Connects to an address that was checked, and to no other: a second lookup could lead elsewhere (DNS rebinding). */
  private agentFor(addresses: Address[], timings: Timings): Agent {
    const timeout = this.env.CALLBACK_TIMEOUT_MS;
    const connect = buildConnector({
      timeout,
      // Node asks for all addresses and tries them in turn (RFC 8305).
      lookup: (_host, options, done) => {
        if (options.all) done(null, addresses);
        else done(null, addresses[0]?.address ?? '', addresses[0]?.family);
      },
    });
    const timed: buildConnector.connector = (options, done) => {
      const started = performance.now();
      let connected = started;
      // undici's types do not tell that its connector returns the socket it makes.
      const socket = connect(options, (...result: Parameters<typeof done>) => {
        if (options.protocol === 'https:' && result[0] === null)
          timings.tlsMs = Math.round(performance.now() - connected);
        done(...result);
      }) as unknown as Socket | undefined;
      socket?.once('connect', () => {
        connected = performance.now();
        timings.connectMs = Math.round(connected - started);
      });
    };
    return new Agent({
      connections: 1,
      pipelining: 0,
      headersTimeout: timeout,
      bodyTimeout: timeout,
      maxHeaderSize: MAX_HEADER_BYTES,
      connect: timed,
    });
  }
}

/** As much as the delivery log shows; no more, however much there is. What breaks while it is read does not matter. */
async function readHead(body: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of body) {
      parts.push(part);
      size += part.length;
      if (size >= ERROR_HEAD_BYTES) break;
    }
  } catch (error) {
    parts.push(Buffer.from(` [broken off: ${(error as Error).name}]`));
  }
  return Buffer.concat(parts).subarray(0, ERROR_HEAD_BYTES).toString('utf8');
}

async function readLimited(body: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    if (size > MAX_ANSWER_BYTES)
      throw new TransferError('callback_too_large', `more than ${MAX_ANSWER_BYTES / 1024} KiB`);
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

/** Codes of Node and OpenSSL for certificates: DEPTH_ZERO_SELF_SIGNED_CERT, UNABLE_TO_VERIFY_LEAF_SIGNATURE, ERR_TLS_CERT_ALTNAME_INVALID ... */
const CERTIFICATE = /CERT|VERIFY|ISSUER/;

function toFailure(error: unknown, timeoutMs: number): TransferError {
  if (error instanceof TransferError) return error;
  const { name, code = '', message } = error as NodeJS.ErrnoException;
  if (name === 'TimeoutError' || name === 'AbortError')
    return new TransferError('callback_timeout', `not within ${timeoutMs / 1000} s`);
  const what = `${name} ${code} ${message}`;
  const found = FAILURES.find(([test]) => test.test(what))?.[1];
  if (found === 'callback_bad_answer') return new TransferError(found, 'it does not speak HTTP');
  return new TransferError(
    found ?? 'callback_connect_failed',
    CERTIFICATE.test(code) ? `its certificate is not valid: ${code}` : code || name,
  );
}
