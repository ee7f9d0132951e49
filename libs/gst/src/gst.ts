// The typed face of the binding: elements, pads, pipelines. Knows nothing of streams.
import { native, type Handle, type Structure, type Value } from './native.js';

/** GStreamer refused or failed. */
export class GstError extends Error {}

/** What an appsink delivers. */
export interface Sample {
  data: Buffer;
  /** Running time, ns; null when the buffer bears none. */
  pts: number | null;
  dts: number | null;
  keyframe: boolean;
  /** Only on the first sample and when they changed. */
  caps?: string;
  /** The caps' codec_data, with them. */
  codecData?: Buffer | null;
}

/** A message of a pipeline's bus. */
export type Message =
  | { type: 'error' | 'warning'; source: string; message: string; debug: string | null }
  | { type: 'eos' | 'element' | 'latency'; source: string; structure: Structure | null };

const listeners = new Map<number, (...values: never[]) => void>();
let lastId = 0;
let alive = 0;

function listen(listener: (...values: never[]) => void): number {
  lastId += 1;
  listeners.set(lastId, listener);
  return lastId;
}

function once(listener: (...values: never[]) => void): number {
  const id = listen((...values: never[]) => {
    listeners.delete(id);
    listener(...values);
  });
  return id;
}

/** While somebody waits for GStreamer, the process must not end for want of other work. */
function keepAlive(change: 1 | -1): void {
  alive += change;
  native.keepAlive(alive > 0);
}

/** @internal Takes every event of the binding, and of the addons that share its objects. */
export function dispatch(id: number, ...values: unknown[]): void {
  listeners.get(id)?.(...(values as never[]));
}

/** GStreamer's version, e.g. "GStreamer 1.22.0". */
export const version = native.init(dispatch);

/** Loads the plugins of these element factories now. Throws for one that is not installed. */
export function preload(factories: string[]): void {
  native.preload(factories);
}

/** A GObject with properties and signals. */
export class GstObject {
  private readonly listening = new Set<number>();

  constructor(
    /** @internal */
    readonly handle: Handle,
  ) {}

  /** Strings are parsed as GStreamer writes the property's type (caps, enumerations, ...). Throws what does not fit. */
  set(properties: Record<string, Value>): this {
    for (const [name, value] of Object.entries(properties)) native.set(this.handle, name, value);
    return this;
  }

  get<T = unknown>(property: string): T {
    return native.get(this.handle, property) as T;
  }

  /** An object-valued property, e.g. webrtcbin's ice-agent. */
  child(property: string): GstObject {
    const handle = this.get<Handle | null>(property);
    if (handle === null) throw new GstError(`${property} is not set`);
    return new GstObject(handle);
  }

  /** Listens to a signal (or `notify::property`, which brings the new value); returns how to stop. */
  on(signal: string, listener: (...values: never[]) => void): () => void {
    const id = this.hear(listener);
    const handler = native.connect(this.handle, signal, id);
    return () => {
      native.disconnect(this.handle, handler);
      this.listening.delete(id);
      listeners.delete(id);
    };
  }

  /** Emits an action signal and returns its result. */
  emit(signal: string, ...args: Value[]): unknown {
    return native.emit(this.handle, signal, args);
  }

  /** A listener that is this object's own, until `forget`. */
  protected hear(listener: (...values: never[]) => void): number {
    const id = listen(listener);
    this.listening.add(id);
    return id;
  }

  /** @internal Lets go of all listeners, which hold what they know: else nothing of a pipeline would ever be freed. */
  forget(): void {
    for (const id of this.listening) listeners.delete(id);
    this.listening.clear();
  }
}

/** An element of a pipeline, made by its factory: no launch text, which could not be quoted safely. */
export class Element extends GstObject {
  static make(factory: string, properties: Record<string, Value> = {}): Element {
    return new Element(native.make(factory)).set(properties);
  }

  /** Links by the first pads that fit, or by the named ones (a request pad's template, too). */
  link(target: Element, sourcePad?: string, targetPad?: string): Element {
    native.link(this.handle, target.handle, sourcePad, targetPad);
    return target;
  }

  /** Every sample of an appsink, as it arrives. */
  onSample(listener: (sample: Sample) => void): void {
    const id = this.hear(
      (
        data: Buffer,
        pts: number | null,
        dts: number | null,
        keyframe: boolean,
        caps?: string,
        codecData?: Buffer | null,
      ) => listener({ data, pts, dts, keyframe, caps, codecData }),
    );
    native.onSample(this.handle, id);
  }

  /** Hands a buffer to an appsrc. Times in ns. False when the element takes no more (flushing, EOS). */
  push(data: Buffer, pts: number | null = null, duration: number | null = null): boolean {
    return native.push(this.handle, data, pts, duration) === 'ok';
  }

  /** Asks upstream for a key frame; false when nobody there understood. */
  forceKeyUnit(): boolean {
    return native.forceKeyUnit(this.handle);
  }
}

/** What comes out of a converter. */
export interface Converted {
  data: Buffer;
  /** ns; null when it bears none. */
  pts: number | null;
}

/**
 * A way into a row of elements that work on the caller's thread: what is pushed in has passed them when the call returns. For what
 * takes less time than waking a thread for it. Times in ns.
 */
export class Converter extends GstObject {
  /** @param first of the row, which ends in the appsink; both are playing. @param caps of what is pushed. Throws what does not fit. */
  static into(first: Element, sink: Element, caps: string): Converter {
    return new Converter(native.openConverter(first.handle, sink.handle, caps));
  }

  /** Nothing comes out of elements that are closed, or have failed: their pipeline has said why. */
  push(data: Buffer, pts: number): Converted[] {
    return paired(native.convert(this.handle, data, pts));
  }

  /** So much is missing: decoders fill it in. */
  gap(pts: number, duration: number): Converted[] {
    return paired(native.convertGap(this.handle, pts, duration));
  }
}

function paired(flat: (Buffer | number | null)[]): Converted[] {
  const result: Converted[] = [];
  for (let i = 0; i < flat.length; i += 2) result.push({ data: flat[i] as Buffer, pts: flat[i + 1] as number | null });
  return result;
}

/** A pipeline. Must be closed: it keeps the process alive until then. */
export class Pipeline extends Element {
  private closed = false;
  private readonly elements: Element[] = [];

  constructor(name?: string) {
    super(native.makePipeline(name));
    keepAlive(1);
  }

  add(...elements: Element[]): void {
    for (const element of elements) native.add(this.handle, element.handle);
    this.elements.push(...elements);
  }

  /** Adds and links a row of elements; returns the last. */
  chain(elements: Element[]): Element {
    this.add(...elements);
    return elements.reduce((before, element) => before.link(element));
  }

  onMessage(listener: (message: Message) => void): void {
    const id = this.hear(
      (type: string, source: string, body: Structure | { message: string } | null, debug?: string | null) => {
        if (this.closed) return;
        // GStreamer asks for this wherever an element's latency changes; applications have to do it themselves.
        if (type === 'latency') native.recalculateLatency(this.handle);
        if (type === 'error' || type === 'warning') {
          listener({
            type,
            source,
            message: (body as { message: string } | null)?.message ?? type,
            debug: debug ?? null,
          });
        } else {
          listener({ type: type as 'eos' | 'element' | 'latency', source, structure: body as Structure | null });
        }
      },
    );
    native.onMessage(this.handle, id);
  }

  /** Starts it. Rejects with GstError when an element cannot start; its reason comes as a message. */
  async play(): Promise<void> {
    if ((await this.setState('playing')) === 'FAILURE') throw new GstError('the pipeline does not start');
  }

  /** Stops it and frees what it holds; nothing is delivered any more. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.setState('null');
    for (const object of [this, ...this.elements]) object.forget();
    keepAlive(-1);
  }

  private setState(state: 'null' | 'playing'): Promise<string> {
    return new Promise((resolve) => native.setState(this.handle, state, once(resolve)));
  }
}
