// The typed face of the binding: elements, pads, pipelines. Knows nothing of streams.
import { native, type Handle, type IceRestart, type Structure, type Value } from './native.js';

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

/** The structure that answers an action signal. */
export type PromiseReply = Structure | null;

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

/** GStreamer's version, e.g. "GStreamer 1.22.0". */
export const version = native.init((id, ...values) => listeners.get(id)?.(...(values as never[])));

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
    return this.connect(signal, false, listener);
  }

  /**
   * Sets a property on the object that a signal brings (its first argument), on the emitting thread: for what must be so
   * before the emitter goes on; a listener would come too late. The value is parsed as the property's type.
   */
  setOnSignal(signal: string, property: string, value: string): void {
    native.setOnSignal(this.handle, signal, property, value);
  }

  /** Emits an action signal and returns its result. */
  emit(signal: string, ...args: Value[]): unknown {
    return native.emit(this.handle, signal, args, 0);
  }

  /** Emits an action signal that answers with a promise. Rejects with GstError. */
  ask(signal: string, ...args: Value[]): Promise<PromiseReply> {
    return new Promise((resolve, reject) => {
      const id = once((outcome: string, reply: PromiseReply) => {
        keepAlive(-1);
        const error = reply?.error as { message?: string } | undefined;
        if (outcome !== 'replied') reject(new GstError(`${signal} was ${outcome}`));
        else if (error) reject(new GstError(`${signal}: ${error.message}`));
        else resolve(reply);
      });
      // Throws for arguments that do not fit; then nothing will answer.
      native.emit(this.handle, signal, args, id);
      keepAlive(1);
    });
  }

  protected connect(signal: string, hold: boolean, listener: (...values: never[]) => void): () => void {
    const id = this.hear(listener);
    const handler = native.connect(this.handle, signal, id, hold);
    return () => {
      native.disconnect(this.handle, handler);
      this.listening.delete(id);
      listeners.delete(id);
    };
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

/** A pad of an element. */
export class Pad extends GstObject {
  get caps(): string {
    return native.padCaps(this.handle);
  }

  /** Links to the element's sink pad and lets go what was held back. */
  linkTo(element: Element): void {
    native.linkPad(this.handle, element.handle);
    native.releaseHold(this.handle);
  }

  /** Counts what passes from now on. */
  count(): () => { packets: number; bytes: number; idleMs: number } {
    native.countPad(this.handle);
    return () => {
      const [packets, bytes, idleMs] = native.readCounter(this.handle);
      return { packets, bytes, idleMs };
    };
  }
}

/** An element of a pipeline, made by its factory: no launch text, which could not be quoted safely. */
export class Element extends GstObject {
  static make(factory: string, properties: Record<string, Value> = {}): Element {
    return new Element(native.make(factory)).set(properties);
  }

  pad(name: string): Pad {
    const handle = native.getPad(this.handle, name);
    if (handle === null) throw new GstError(`there is no pad "${name}"`);
    return new Pad(handle);
  }

  /** Links by the first pads that fit, or by the named ones (a request pad's template, too). */
  link(target: Element, sourcePad?: string, targetPad?: string): Element {
    native.link(this.handle, target.handle, sourcePad, targetPad);
    return target;
  }

  /** New source pads, each blocked until `linkTo`, so that nothing is lost or refused before it is linked. */
  onPadAdded(listener: (pad: Pad) => void): () => void {
    return this.connect('pad-added', true, (handle: Handle) => listener(new Pad(handle)));
  }

  /** Every sample of an appsink, as it arrives. */
  onSample(listener: (sample: Sample) => void): void {
    const id = this.hear((data: Buffer, pts: number | null, dts: number | null, keyframe: boolean, caps?: string, codecData?: Buffer | null) =>
      listener({ data, pts, dts, keyframe, caps, codecData }),
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

  /** Brings an element that was added to a running pipeline to its state. */
  syncState(): void {
    native.syncState(this.handle);
  }

  /** Every element of this factory inside, however deep. */
  findByFactory(factory: string): Element[] {
    return native.findByFactory(this.handle, factory).map((handle) => new Element(handle));
  }
}

/** What is inside an rtpsession element. */
export class RtpSession extends GstObject {
  /** Of an rtpsession element: asks the sender from now on, with its reports, how long a packet takes there and back. */
  static watched(element: Element): RtpSession {
    const session = new RtpSession(element.child('internal-session').handle);
    native.watchRoundTrip(session.handle);
    return session;
  }

  /** Null until the sender has answered; some never do. */
  get roundTripMs(): number | null {
    return native.readRoundTrip(this.handle);
  }
}

/** A libnice agent. `stream` counts from 1; a bundled session has one. */
export class IceAgent extends GstObject {
  /** The agent of a webrtcbin. */
  static of(webrtcbin: Element): IceAgent {
    return new IceAgent(webrtcbin.child('ice-agent').child('agent').handle);
  }

  /** Offers only addresses named so. */
  addLocalAddress(address: string): void {
    native.addLocalAddress(this.handle, address);
  }

  /** Room in the kernel for what the process has not read yet; of the sockets that are there after gathering. */
  setReceiveBuffer(stream: number, bytes: number): void {
    native.setReceiveBuffer(this.handle, stream, bytes);
  }

  /** Takes a remote candidate (`a=candidate:...`); false when it is not understood. */
  addCandidate(stream: number, line: string): boolean {
    return native.addIceCandidate(this.handle, stream, line);
  }

  /** ICE restart: takes the peer's new credentials, gives ours. */
  restart(stream: number, ufrag: string, pwd: string): IceRestart {
    return native.restartIce(this.handle, stream, ufrag, pwd);
  }
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
    const id = this.hear((type: string, source: string, body: Structure | { message: string } | null, debug?: string | null) => {
      if (this.closed) return;
      // GStreamer asks for this wherever an element's latency changes; applications have to do it themselves.
      if (type === 'latency') native.recalculateLatency(this.handle);
      if (type === 'error' || type === 'warning') {
        listener({ type, source, message: (body as { message: string } | null)?.message ?? type, debug: debug ?? null });
      } else {
        listener({ type: type as 'eos' | 'element' | 'latency', source, structure: body as Structure | null });
      }
    });
    native.onMessage(this.handle, id);
  }

  recalculateLatency(): void {
    native.recalculateLatency(this.handle);
  }

  /** Ends the media orderly: an `eos` message follows once it has reached every sink. */
  sendEos(): void {
    native.sendEos(this.handle);
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
