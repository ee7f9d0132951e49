import type { AmfValue } from './amf0.js';

/** An `onStatus` or the information of a refusal (RTMP specification, 7.2.2). */
export interface Status {
  level: string;
  code: string;
  description: string;
  /** Where to connect instead: a URL, or `` when it says that we have to but not where to. Null for all other statuses. */
  redirect: string | null;
}

/** What Adobe Media Server, Wowza and SRS send with a refusal that is a redirect: `ex: {code: 302, redirect: <tcUrl>}`. */
const REDIRECTS = 302;

type Fields = Record<string, AmfValue>;

/** The information object is the last value; servers differ in what stands before it. */
export function toStatus(values: AmfValue[]): Status {
  const found = values.findLast(isObject);
  return {
    level: text(found?.level),
    code: text(found?.code),
    description: text(found?.description),
    redirect: found ? redirectOf(found) : null,
  };
}

function redirectOf(fields: Fields): string | null {
  const extra = isObject(fields.ex) ? fields.ex : {};
  const url = [extra.redirect, fields.redirect, extra.redirect2].map(text).find((candidate) => candidate !== '');
  if (url !== undefined) return url;
  return extra.code === REDIRECTS || fields.code === 'NetConnection.Connect.Redirect' ? '' : null;
}

const isObject = (value: AmfValue): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: AmfValue): string => (typeof value === 'string' ? value : '');
