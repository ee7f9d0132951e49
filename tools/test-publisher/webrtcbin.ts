// GStreamer's webrtcbin, which the test publisher publishes with: promises and session descriptions, and its libnice agent.
import { Element, GstError, GstObject } from '#libs/gst';
import { loadAddon } from '#libs/process';

type Handle = GstObject['handle'];
/** What a promise of webrtcbin brings, as far as it is read. */
export type Reply = Record<string, unknown>;
/** A session description of webrtcbin. */
export interface Description {
  type: 'offer' | 'answer';
  sdp: string;
}
type Answer = (outcome: string, reply: (Reply & { error?: { message: string } }) | null, offer: string | null) => void;

interface Native {
  init(answered: (id: number, ...values: Parameters<Answer>) => void): void;
  ask(handle: Handle, signal: string, type: string | null, sdp: string | null, id: number): void;
  localDescription(handle: Handle): string | null;
  setOnSignal(handle: Handle, signal: string, property: string, value: string): void;
  addLocalAddress(handle: Handle, address: string): void;
}

const native = loadAddon<Native>('webrtcbin');
const asked = new Map<number, Answer>();
let lastId = 0;
native.init((id, ...values) => {
  asked.get(id)?.(...values);
  asked.delete(id);
});

/** Of a pipeline that must be closed after it is answered. */
export class WebrtcBin extends Element {
  static create(properties: Record<string, string | number | boolean>): WebrtcBin {
    return new WebrtcBin(Element.make('webrtcbin', properties).handle);
  }

  /** Emits an action signal that answers with a promise: the reply. Rejects with GstError. */
  ask(signal: string, description: Description | null): Promise<(Reply & { offer?: Description }) | null> {
    return new Promise((resolve, reject) => {
      lastId += 1;
      asked.set(lastId, (outcome, reply, offer) => {
        if (outcome !== 'replied') reject(new GstError(`${signal} was ${outcome}`));
        else if (reply?.error) reject(new GstError(`${signal}: ${reply.error.message}`));
        else resolve(offer === null ? reply : { ...reply, offer: { type: 'offer', sdp: offer } });
      });
      native.ask(this.handle, signal, description?.type ?? null, description?.sdp ?? null, lastId);
    });
  }

  /** SDP; null: there is none yet. */
  get localDescription(): string | null {
    return native.localDescription(this.handle);
  }

  /**
   * Sets a property on the object that a signal brings (its first argument), on the emitting thread: for what must be so
   * before the emitter goes on; a listener would come too late. `value` is parsed as the property's type.
   */
  setOnSignal(signal: string, property: string, value: string): void {
    native.setOnSignal(this.handle, signal, property, value);
  }
}

/** The libnice agent of a webrtcbin. */
export class IceAgent extends GstObject {
  static of(webrtcbin: Element): IceAgent {
    return new IceAgent(webrtcbin.child('ice-agent').child('agent').handle);
  }

  /** Offers only addresses named so. */
  addLocalAddress(address: string): void {
    native.addLocalAddress(this.handle, address);
  }
}
