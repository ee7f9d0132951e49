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
  /** Which of our sockets it uses; -1: none yet. */
  socket: number;
  /** The handshake is done: media can be decrypted. */
  isSecured: boolean;
}

/** What native/*.c exports; see there. */
interface Native {
  init(dispatch: (id: number, ...values: unknown[]) => void): void;
  makeTransport(isClient: boolean, digests: Buffer[]): Handle;
  ownFingerprint(): string;
  subscribeTransport(transport: Handle, packetsId: number, stateId: number): void;
  closeTransport(transport: Handle): void;
  sayGoodbye(transport: Handle): boolean;
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
