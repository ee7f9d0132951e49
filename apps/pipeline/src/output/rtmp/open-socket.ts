import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type Address, type AllowList, ForbiddenAddress, lookupHost, resolveAllowed } from '#libs/net';
import { TransferError, type TransferTarget } from '#libs/transfer';
import { DEADLINES, type Deadlines, within } from '../../process/deadlines.js';

/** A name with very many addresses must not make one attempt last for minutes. */
const MAX_ADDRESSES = 6;
/** What Node calls certificates that it does not accept; a server that misses one of ours says so in codes with ERR_SSL_. */
const CERTIFICATE_CODE = /^(?!ERR_SSL_).*(CERT|ISSUER|UNABLE_TO_|HOSTNAME|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH)/;

const NO_DNS_ANSWER = 'the name server does not answer';

/** How to get to the platform. */
export interface SocketOptions {
  allowList: AllowList;
  /** Verify the certificate of rtmps; true unless switched off. */
  tlsVerify?: boolean;
  /** Local address to connect from. */
  localAddress?: string;
  /** Instead of the system's resolver and certificate authorities, for tests. */
  lookup?: (host: string) => Promise<Address[]>;
  ca?: string;
}

/** A connection to one of the host's permitted addresses, exactly as it was checked; over TLS for rtmps. Throws TransferError. */
export async function openSocket(
  target: TransferTarget,
  options: SocketOptions,
  deadlines: Deadlines,
  signal: AbortSignal,
): Promise<Socket> {
  const addresses = await resolve(target, options, deadlines, signal);
  const socket = await connectToAny(addresses, target.port, options.localAddress, deadlines, signal);
  // Each message is one write: waiting for more to send would only delay it.
  socket.setNoDelay(true);
  return target.protocol === 'rtmps' ? secure(socket, target.host, options, deadlines, signal) : socket;
}

/** For each step of `isPortOpen`: less than what a lost SYN takes to be sent again would tell nothing. */
const KNOCK_MS = 1500;

/** Whether one of the host's permitted addresses accepts connections; the connection is closed at once. Never rejects. */
export async function isPortOpen(
  target: TransferTarget,
  options: SocketOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const deadlines = { ...DEADLINES, dnsMs: KNOCK_MS, tcpMs: KNOCK_MS };
  try {
    const socket = await connectToAny(
      await resolve(target, options, deadlines, signal),
      target.port,
      options.localAddress,
      deadlines,
      signal,
    );
    socket.destroy();
    return true;
  } catch {
    // Why not, the next attempt tells.
    return false;
  }
}

async function resolve(
  target: TransferTarget,
  options: SocketOptions,
  deadlines: Deadlines,
  signal: AbortSignal,
): Promise<Address[]> {
  try {
    const lookup = options.lookup ?? ((host: string) => lookupHost(host, deadlines.dnsMs, signal));
    const resolved = resolveAllowed(target.host, target.port, options.allowList, lookup);
    return await within(resolved, deadlines.dnsMs, () => new TransferError('dns_failed', NO_DNS_ANSWER), signal);
  } catch (error) {
    if (error instanceof ForbiddenAddress) throw new TransferError('address_forbidden');
    if (error instanceof TransferError || signal.aborted) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new TransferError('dns_failed', code === 'ETIMEOUT' ? NO_DNS_ANSWER : code);
  }
}

/** One address after the other; the last one's failure is reported. */
async function connectToAny(
  addresses: Address[],
  port: number,
  localAddress: string | undefined,
  deadlines: Deadlines,
  signal: AbortSignal,
): Promise<Socket> {
  let failure: unknown;
  for (const { address, family } of addresses.slice(0, MAX_ADDRESSES)) {
    const socket = connectTcp({ host: address, port, family, localAddress });
    try {
      await within(ready(socket, 'connect'), deadlines.tcpMs, () => new TransferError('tcp_timeout'), signal);
      return socket;
    } catch (error) {
      socket.destroy();
      if (signal.aborted) throw error;
      failure = error;
    }
  }
  throw failure instanceof TransferError ? failure : tcpError(failure as NodeJS.ErrnoException);
}

function tcpError({ code }: NodeJS.ErrnoException): TransferError {
  if (code === 'ECONNREFUSED') return new TransferError('tcp_refused');
  if (code === 'ETIMEDOUT') return new TransferError('tcp_timeout');
  return new TransferError('tcp_unreachable', code);
}

async function secure(
  socket: Socket,
  host: string,
  options: SocketOptions,
  deadlines: Deadlines,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const secured = connectTls({
    socket,
    // The name decides the certificate, without the root's dot; an address has none (RFC 6066, section 3).
    servername: isIP(host) === 0 ? host.replace(/\.$/, '') : '',
    host,
    rejectUnauthorized: options.tlsVerify !== false,
    ca: options.ca,
    minVersion: 'TLSv1.2',
  });
  try {
    await within(
      ready(secured, 'secureConnect'),
      deadlines.tlsMs,
      () => new TransferError('tls_failed', 'no answer in time'),
      signal,
    );
    return secured;
  } catch (error) {
    secured.destroy();
    socket.destroy();
    if (error instanceof TransferError || signal.aborted) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? '';
    throw new TransferError(CERTIFICATE_CODE.test(code) ? 'tls_certificate' : 'tls_failed', code);
  }
}

/** Rejects with the socket's own error, or when it closes without one. */
function ready(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolvePromise, reject) => {
    socket.once(event, () => resolvePromise());
    // Stays on for the socket's life: an 'error' that nobody listens to would end the process.
    socket.on('error', reject);
    socket.once('close', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })));
  });
}
