import { randomBytes } from 'node:crypto';

/** 192 random bits: what authorises PATCH and DELETE of a WHIP session is only that nobody can guess its URL. */
export const newSessionId = (): string => randomBytes(24).toString('base64url');

/** An entity tag of an ICE session, without its quotes. */
export const newEtag = (): string => randomBytes(9).toString('base64url');
