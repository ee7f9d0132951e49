import { load } from './load.js';

/** A reference to a GObject; only the binding looks inside. */
export type Handle = { readonly __gobject: unique symbol };

/** A JavaScript value that a property or a signal's argument can take. */
export type Value = string | number | boolean | null | Handle | SessionDescription;

/** An SDP with its role, as webrtcbin takes and gives it. */
export interface SessionDescription {
  type: 'offer' | 'answer';
  sdp: string;
}

/** A GstStructure: its fields, and its name as `$name`. */
export type Structure = { $name: string } & Record<string, unknown>;

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
export interface Native {
  init(dispatch: (id: number, ...values: unknown[]) => void): string;
  keepAlive(keep: boolean): void;
  make(factory: string, name?: string): Handle;
  makePipeline(name?: string): Handle;
  preload(factories: string[]): void;
  add(bin: Handle, element: Handle): void;
  link(source: Handle, target: Handle, sourcePad?: string, targetPad?: string): void;
  set(object: Handle, property: string, value: Value): void;
  get(object: Handle, property: string): unknown;
  forceKeyUnit(element: Handle): boolean;
  connect(object: Handle, signal: string, id: number): number;
  setOnSignal(object: Handle, signal: string, property: string, value: string): void;
  disconnect(object: Handle, handler: number): void;
  emit(object: Handle, signal: string, args: Value[], id: number): unknown;
  setState(element: Handle, state: string, id: number): void;
  onMessage(pipeline: Handle, id: number): void;
  recalculateLatency(bin: Handle): void;
  onSample(appsink: Handle, id: number): void;
  push(appsrc: Handle, data: Buffer, pts: number | null, duration: number | null): string;
  openConverter(element: Handle, appsink: Handle, caps: string): Handle;
  convert(converter: Handle, data: Buffer, pts: number): (Buffer | number | null)[];
  convertGap(converter: Handle, pts: number, duration: number): (Buffer | number | null)[];
  makeTransport(dtls: Handle): Handle;
  hearTransport(transport: Handle, packetsId: number, stateId: number): void;
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
  addLocalAddress(agent: Handle, address: string): boolean;
  tcpProgress(fd: number): [acked: number, waiting: number] | null;
  limitUnsent(fd: number, bytes: number): boolean;
}

export const native = load<Native>('gst');
