export {
  type Converted,
  Converter,
  Element,
  GstError,
  GstObject,
  Pipeline,
  preload,
  version,
  type Message,
  type PromiseReply,
  type Sample,
} from './gst.js';
export { IceAgent, type IceListener, MediaTransport, type PacketListener } from './ice.js';
export { type Bounds, confine } from './sandbox.js';
export type { IceFigures, LocalSocket, SessionDescription, Structure, Value } from './native.js';
export { limitUnsent, tcpProgress, type TcpProgress } from './tcp.js';
