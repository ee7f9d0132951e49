import { PathId, PathName, pathParams } from '../http/validation.js';

/** A stream as paths name it. */
export interface StreamPath {
  appid: string;
  streamId: string;
}

/** The StreamPath of a request, as a handler's parameter. */
export const StreamParams = pathParams({ appid: PathName, streamId: PathId });
