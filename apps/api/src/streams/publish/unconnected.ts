import { FIRST_CHECK_MS } from '#libs/protocol';
import { refuse } from '../../http/problem.js';

/**
 * 429: so many new streams of the customer wait for their publisher, and each holds a slot of a node. `oldestS`: since the first of them came;
 * its pipeline gives it up after FIRST_CHECK_MS.
 */
export const tooManyOfCustomer = (limit: number, oldestS: number | null): Error =>
  tooMany(limit, 'of this customer', oldestS);

/** The same of those who hold one publish token. */
export const tooManyOfToken = (limit: number, oldestS: number | null): Error =>
  tooMany(limit, 'of this publish token', oldestS);

const tooMany = (limit: number, whose: string, oldestS: number | null): Error =>
  refuse(429, `${limit} streams ${whose} wait for their publisher already.`, {
    code: 'too_many_unconnected',
    detail: 'A stream whose publisher does not connect is ended after some seconds.',
    headers: { 'Retry-After': String(Math.max(1, Math.ceil(FIRST_CHECK_MS / 1000 - (oldestS ?? 0)))) },
  });
