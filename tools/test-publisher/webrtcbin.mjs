// GStreamer's webrtcbin, which the test publisher publishes with: promises and session descriptions, and its libnice agent.
import { Element, GstError, GstObject } from '#libs/gst';
import { loadAddon } from '#libs/process';

const native = loadAddon('webrtcbin');
/** @type {Map<number, (...values: any[]) => void>} */
const asked = new Map();
let lastId = 0;
native.init((id, ...values) => {
  asked.get(id)?.(...values);
  asked.delete(id);
});

/** Of a pipeline that must be closed after it is answered. */
export class WebrtcBin extends Element {
  /** @param {Record<string, string | number | boolean>} properties */
  static create(properties) {
    return new WebrtcBin(Element.make('webrtcbin', properties).handle);
  }

  /**
   * Emits an action signal that answers with a promise. Rejects with GstError.
   *
   * @param {string} signal
   * @param {{type: 'offer' | 'answer', sdp: string} | null} description
   * @returns {Promise<Record<string, any> | null>} the reply
   */
  ask(signal, description) {
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

  /** SDP; null: there is none yet. @returns {string | null} */
  get localDescription() {
    return native.localDescription(this.handle);
  }

  /**
   * Sets a property on the object that a signal brings (its first argument), on the emitting thread: for what must be so
   * before the emitter goes on; a listener would come too late.
   *
   * @param {string} signal
   * @param {string} property
   * @param {string} value parsed as the property's type
   */
  setOnSignal(signal, property, value) {
    native.setOnSignal(this.handle, signal, property, value);
  }
}

/** The libnice agent of a webrtcbin. */
export class IceAgent extends GstObject {
  /** @param {Element} webrtcbin */
  static of(webrtcbin) {
    return new IceAgent(webrtcbin.child('ice-agent').child('agent').handle);
  }

  /** Offers only addresses named so. @param {string} address */
  addLocalAddress(address) {
    native.addLocalAddress(this.handle, address);
  }
}
