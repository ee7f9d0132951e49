export { Element, GstError, GstObject, IceAgent, Pad, Pipeline, preload, RtpSession, version, type Message, type PromiseReply, type Sample } from './gst.js';
export type { IceRestart, SessionDescription, Structure, Value } from './native.js';
