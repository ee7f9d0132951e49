/** Stream names travel in paths, query strings, RTMP messages and file names: nothing that any of them gives a meaning to. */
export const STREAM_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** Agora's rule for entry points: letters, digits, underscores and hyphens, 64 at most. */
export const ENTRY_POINT_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** Public id of a project. */
export const APPID = /^[0-9a-f]{32}$/;
