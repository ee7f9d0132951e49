import { loadAddon } from '#libs/process';

/** A reference to a GObject; only the binding looks inside. */
export type Handle = { readonly __gobject: unique symbol };

/** A JavaScript value that a property or a signal's argument can take. */
export type Value = string | number | boolean | null | Handle;

/** A GstStructure: its fields, and its name as `$name`. */
export type Structure = { $name: string } & Record<string, unknown>;

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
  disconnect(object: Handle, handler: number): void;
  emit(object: Handle, signal: string, args: Value[]): unknown;
  setState(element: Handle, state: string, id: number): void;
  onMessage(pipeline: Handle, id: number): void;
  recalculateLatency(bin: Handle): void;
  onSample(appsink: Handle, id: number): void;
  push(appsrc: Handle, data: Buffer, pts: number | null, duration: number | null): string;
  openConverter(element: Handle, appsink: Handle, caps: string): Handle;
  convert(converter: Handle, data: Buffer, pts: number): (Buffer | number | null)[];
  convertGap(converter: Handle, pts: number, duration: number): (Buffer | number | null)[];
}

export const native = loadAddon<Native>('gst');
