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

/** What one side of a connection tells the other (RFC 8839). */
export interface IceHalf {
  ufrag: string;
  pwd: string;
  /** `a=candidate:...` lines. */
  candidates: string[];
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
  makeIceAgent(): Handle;
  openTransport(agent: Handle, id: number, dtls: Handle): number;
  closeTransport(agent: Handle): void;
  useKeys(agent: Handle, decoder: Handle, encoder: Handle): void;
  sendPacket(agent: Handle, data: Buffer): boolean;
  sendRtcp(agent: Handle, data: Buffer): boolean;
  gather(agent: Handle, stream: number, lowestPort: number, highestPort: number): void;
  iceHalf(agent: Handle, stream: number): IceHalf;
  setIcePeer(agent: Handle, stream: number, ufrag: string, pwd: string): void;
  restartIce(agent: Handle, stream: number, ufrag: string, pwd: string): IceHalf;
  addIceCandidate(agent: Handle, stream: number, line: string): boolean;
  addLocalAddress(agent: Handle, address: string): boolean;
  setReceiveBuffer(agent: Handle, stream: number, bytes: number): void;
}

export const native = load<Native>('gst');
