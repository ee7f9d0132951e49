import { randomBytes } from 'node:crypto';

/** A push's id as Web Call Server makes them: 130 random bits as 26 characters of 0-9a-v. */
export const newMediaSessionId = (): string => Array.from(randomBytes(26), (byte) => (byte & 31).toString(32)).join('');
