export { type Converted, Converter, Element, GstError, GstObject, Pipeline, preload, version, type Message, type PromiseReply, type Sample } from './gst.js';
export { IceAgent, type IceState, MediaTransport, type PacketListener } from './ice.js';
export { type Bounds, confine } from './sandbox.js';
export type { IceHalf, SessionDescription, Structure, Value } from './native.js';
