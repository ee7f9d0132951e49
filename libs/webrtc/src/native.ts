import { dispatch, type Handle } from '#libs/gst';
import { loadAddon } from '#libs/process';

/** A socket that listens: one of our ICE host candidates. */
export interface LocalSocket {
  address: string;
  port: number;
}

/** What a transport's peer has sent so far. */
export interface IceFigures {
  /** Connectivity checks with the credentials that it was given. */
  checks: number;
  /** Checks with others. */
  strangers: number;
  /** DTLS records. */
  records: number;
  /** Which of our sockets it uses; -1: none yet. */
  socket: number;
}

/** What native/*.c exports; see there. */
interface Native {
  init(dispatch: (id: number, ...values: unknown[]) => void): void;
  makeTransport(dtls: Handle): Handle;
  subscribeTransport(transport: Handle, packetsId: number, stateId: number): void;
  closeTransport(transport: Handle): void;
  useKeys(transport: Handle, decoder: Handle, encoder: Handle): void;
  sendPacket(transport: Handle, data: Buffer): boolean;
  sendRtcp(transport: Handle, data: Buffer): boolean;
  listenOn(
    transport: Handle,
    addresses: string[],
    lowestPort: number,
    highestPort: number,
    receiveBuffer: number,
  ): LocalSocket[];
  setCredentials(transport: Handle, ufrag: string, pwd: string): void;
  askStun(transport: Handle, transaction: Buffer, address: string, port: number): void;
  iceFigures(transport: Handle): IceFigures;
}

export const native = loadAddon<Native>('webrtc');
native.init(dispatch);
