import { badRequest } from '../../http/problem.js';

/** RFC 3339, section 5.6: a date, a time and an offset. */
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;

/** What every part of this keeps as text of four digits: Postgres, JSON, and Agora's clients. */
const YEARS = { first: 1970, last: 9998 };

/** A time of a request, as Agora writes them. An offset whose plus was not encoded in a query has come as a space. Throws 400 that names `field`. */
export function readTime(field: string, given: string): Date {
  const text = given.replace(/ (?=\d{2}:\d{2}$)/, '+');
  const time = new Date(RFC_3339.test(text) ? text.toUpperCase() : Number.NaN);
  const year = time.getUTCFullYear();
  // Also true for a time that is none.
  if (!(year >= YEARS.first && year <= YEARS.last))
    throw badRequest([{ field, message: 'must be a time in RFC 3339 form, e.g. 2026-11-30T19:00:00+08:00' }]);
  return time;
}
