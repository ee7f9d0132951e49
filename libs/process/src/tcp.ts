// What the kernel knows of TCP connections.
import type { Socket } from 'node:net';
import { native } from './native.js';

/** How far a connection is, as its TCP knows; with TLS, of what TLS makes of the bytes. */
export interface TcpProgress {
  /** Bytes that the other side's TCP has acknowledged, since the beginning. */
  acked: number;
  /** Bytes that the kernel has taken and that are not acknowledged. */
  waiting: number;
}

/** Null where it cannot be known: a closed connection, or none of TCP. */
export function tcpProgress(socket: Socket): TcpProgress | null {
  const fd = fdOf(socket);
  const known = fd === null ? null : native.tcpProgress(fd);
  return known && { acked: known[0], waiting: known[1] };
}

/** Has the kernel take no more while so many bytes wait to be sent (TCP_NOTSENT_LOWAT): what it holds cannot be dropped any more. False where that cannot be had. */
export function limitUnsent(socket: Socket, bytes: number): boolean {
  const fd = fdOf(socket);
  return fd !== null && native.limitUnsent(fd, bytes);
}

/** Node's own handle, of TLS sockets that of the connection beneath; it has no public name. Gone with the connection, so that it is asked for each time. */
function fdOf(socket: Socket): number | null {
  const fd = (socket as { _handle?: { fd?: unknown } | null })._handle?.fd;
  return typeof fd === 'number' && fd >= 0 ? fd : null;
}
