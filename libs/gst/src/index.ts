export {
  type Converted,
  Converter,
  dispatch,
  Element,
  GstError,
  GstObject,
  Pipeline,
  preload,
  version,
  type Message,
  type Sample,
} from './gst.js';
export type { Handle, Structure, Value } from './native.js';
