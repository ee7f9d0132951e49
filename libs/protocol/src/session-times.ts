/** A publisher that is there sends its first ICE check within a second of its answer; without one for so long, ms, its pipeline gives the session up. */
export const FIRST_CHECK_MS = 5000;

/**
 * How long a session may take from its answer to its first media, ms; then its pipeline gives it up. Checks of ICE (RFC 8445) and DTLS take
 * a few seconds at most, a camera's question for permission some more. (CONNECT_MS of libs/publisher, which imports nothing, is the same.)
 */
export const FIRST_MEDIA_MS = 15_000;
