import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

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

/** Our half of an ICE restart. */
export interface IceRestart {
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
  remove(bin: Handle, element: Handle): boolean;
  syncState(element: Handle): boolean;
  link(source: Handle, target: Handle, sourcePad?: string, targetPad?: string): void;
  linkPad(pad: Handle, element: Handle): void;
  getPad(element: Handle, name: string): Handle | null;
  padCaps(pad: Handle): string;
  findByFactory(bin: Handle, factory: string): Handle[];
  set(object: Handle, property: string, value: Value): void;
  get(object: Handle, property: string): unknown;
  forceKeyUnit(element: Handle): boolean;
  connect(object: Handle, signal: string, id: number, hold: boolean): number;
  setOnSignal(object: Handle, signal: string, property: string, value: string): void;
  disconnect(object: Handle, handler: number): void;
  releaseHold(pad: Handle): void;
  emit(object: Handle, signal: string, args: Value[], id: number): unknown;
  setState(element: Handle, state: string, id: number): void;
  onMessage(pipeline: Handle, id: number): void;
  recalculateLatency(bin: Handle): void;
  sendEos(element: Handle): boolean;
  onSample(appsink: Handle, id: number): void;
  push(appsrc: Handle, data: Buffer, pts: number | null, duration: number | null): string;
  countPad(pad: Handle): void;
  readCounter(pad: Handle): [packets: number, bytes: number, idleMs: number];
  restartIce(agent: Handle, stream: number, ufrag: string, pwd: string): IceRestart;
  addIceCandidate(agent: Handle, stream: number, line: string): boolean;
  addLocalAddress(agent: Handle, address: string): boolean;
  setReceiveBuffer(agent: Handle, stream: number, bytes: number): void;
  watchRoundTrip(session: Handle): void;
  readRoundTrip(session: Handle): number | null;
}

/** The checkout's root, from the sources as well as from dist/. */
function root(): string {
  for (let dir = import.meta.dirname; dir !== dirname(dir); dir = dirname(dir)) {
    const file = join(dir, 'package.json');
    if (existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === 'manycast') return dir;
  }
  throw new Error('the GStreamer binding is not inside a manycast checkout');
}

function load(): Native {
  const file = join(root(), 'libs/gst/build/gst.node');
  if (!existsSync(file)) throw new Error(`${file} is missing: npm run setup builds it`);
  return createRequire(import.meta.url)(file) as Native;
}

export const native = load();
