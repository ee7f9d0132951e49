import { refuse } from '../../http/problem.js';

/** A pipeline gives up a session whose publisher does not come after so long (of those that did come, in more). */
const GIVEN_UP_S = 5;

/** 429: so many new streams of the customer wait for their publisher, and each holds a slot of a node. `oldestS`: since the first of them came. */
export const tooManyOfCustomer = (limit: number, oldestS: number | null): Error =>
  tooMany(limit, 'of this customer', oldestS);

/** The same of those who hold one publish token. */
export const tooManyOfToken = (limit: number, oldestS: number | null): Error =>
  tooMany(limit, 'of this publish token', oldestS);

const tooMany = (limit: number, whose: string, oldestS: number | null): Error =>
  refuse(429, `${limit} streams ${whose} wait for their publisher already.`, {
    code: 'too_many_unconnected',
    detail: 'A stream whose publisher does not connect is ended after some seconds.',
    headers: { 'Retry-After': String(Math.max(1, Math.ceil(GIVEN_UP_S - (oldestS ?? 0)))) },
  });
