import { serverOf, TransferUrl } from './transfer-url.js';

const MASK = '***';
/** Deeper is shown as masked; no answer that we understand has more than four levels. */
const MAX_DEPTH = 6;
/** As applications are called: `live`, `app`, `live2`, `rtmp_in`. */
const PLAIN_NAME = /^[a-z]{1,12}(_[a-z]{1,12})?\d{0,2}$/;
/** Of a text that is no JSON, and of one in it. */
const MAX_WORDS = 30;
/** HTTP codes and counts help; a key of three digits is none. */
const MAX_NUMBER = 999;

/** Names that the answer has or might have by mistake, and that frameworks give to errors; all others are hidden. */
const NAMES = new Set(
  (
    'transferUrls transferUrl transfer_urls transfer_url urls url uri options option streams stream destinations targets rtmpUrl rtmp ' +
    'muted paused tlsVerify flashVer sendMetadata sound file loop width height fps keyFrameInterval bitrate bufferStartMs bufferMaxMs bufferPollMs bufferRefills reconnectAttempts reconnectIntervalMs ' +
    'status statusCode code error errors message msg description detail details reason result results data body response success ok enabled type title instance path timestamp trace cause for name field value allowed count'
  )
    .toLowerCase()
    .split(' '),
);

/** Words of servers' and frameworks' sentences about failures. None of them alone is a key. */
const WORDS = new Set(
  (
    'a an and any are as at be because been but by can cannot check could did do does for from has have he in into is it its no none nor not of on one only or our out please see she so some such than that the their them then there these they this to too try unable up us was we were what when where which while who why will with without would you your ' +
    'access account again allowed already answer application argument arguments attempt authentication authorization authorised authorized authenticate available bad because body broken busy call client configuration configured connect connection could creating credentials data database denied disabled does down due empty entry error errors exceeded exception exist existing exists expected expired fail failed failing failure fatal field fields file forbidden format found function gateway gone handler handling header headers host internal invalid json later length limit limited list long login lookup maintenance many match method missing moved name named nginx null number object off ok parameter parameters parse parsing password path payload permanently permission permitted point problem proxy query quota rate read reading refused rejected request required requests reset resolve resource response retry route seconds server service session signature size something sorry status stopped stored stream streaming string success successful syntax system temporarily timed time timeout token transfer true type unauthorised unauthorized unavailable undefined unexpected unhandled unknown unprocessable unsupported until upstream url urls use used user valid validation value values version webhook went wrong write ' +
    'false yes apache cloudflare express django laravel php python java node html'
  ).split(' '),
);

/**
 * The head of a callback's answer as it may be kept: what is no known word is hidden, whatever it is. Of JSON the structure is
 * shown, with the host and application of URLs that can be forwarded to; of all else the kind, the length and known words.
 */
export function redactAnswer(body: string, maxLength: number): string {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    return notJson(body).slice(0, maxLength);
  }
  const out: string[] = [];
  let left = maxLength;
  const write = (text: string): boolean => {
    out.push(text);
    left -= text.length;
    return left > 0;
  };
  writeValue(answer, 0, write);
  return out.join('').slice(0, maxLength).toWellFormed();
}

/** False from `write` ends it: there is no room for more. */
function writeValue(value: unknown, depth: number, write: (text: string) => boolean): boolean {
  if (typeof value === 'string') return write(JSON.stringify(shownText(value)));
  if (typeof value === 'number')
    return write(Number.isInteger(value) && Math.abs(value) <= MAX_NUMBER ? String(value) : MASK);
  if (typeof value !== 'object' || value === null) return write(String(value));
  if (depth === MAX_DEPTH) return write(MASK);
  const isList = Array.isArray(value);
  const entries: [string, unknown][] = isList ? [] : Object.entries(value);
  const items = isList ? value : entries;
  if (!write(isList ? '[' : '{')) return false;
  for (let i = 0; i < items.length; i += 1) {
    if (i > 0 && !write(',')) return false;
    const [name, item] = isList ? [null, value[i] as unknown] : (entries[i] as [string, unknown]);
    if (name !== null && !write(`${JSON.stringify(NAMES.has(name.toLowerCase()) ? name : MASK)}:`)) return false;
    if (!writeValue(item, depth + 1, write)) return false;
  }
  return write(isList ? ']' : '}');
}

function shownText(text: string): string {
  const url = text.trim();
  if (!/^rtmps?:\/\//i.test(url)) return words(text);
  try {
    // Of the application only a plain name: an instance, or what stands in an application's place, may be a part of a key.
    const { target, masked } = TransferUrl.parse(url);
    const { app, streamName } = target;
    const name = app.replace(/\?.*/s, '');
    return streamName !== '' && PLAIN_NAME.test(name)
      ? masked
      : `${serverOf(target)}/${PLAIN_NAME.test(name.split('/')[0] as string) && streamName !== '' ? `${name.split('/')[0]}/` : ''}${MASK}`;
  } catch {
    return `${url.slice(0, url.indexOf(':'))}://${MASK}`;
  }
}

/** What we add to an answer that was broken off. */
const BROKEN_OFF = / \[broken off: \w+\]$/;

function notJson(body: string): string {
  const text = body.replace(BROKEN_OFF, '');
  const isMarkup = /^\s*(\ufeff)?\s*</.test(text);
  const shown = words(isMarkup ? text.replace(/<[^>]*>?/g, ' ') : text);
  const size = `${isMarkup ? 'HTML or XML' : 'text'} of ${text.length} characters${BROKEN_OFF.test(body) ? ', broken off' : ''}`;
  return shown === '' || shown === MASK ? `(${size})` : `(${size}) ${shown}`;
}

/** A sentence with everything hidden that is no known word. */
function words(text: string): string {
  const shown: string[] = [];
  for (const part of text.trim().split(/\s+/, MAX_WORDS * 4)) {
    const [, word = '', end = ''] = /^([a-z]+)([.,:;!?]?)$/i.exec(part) ?? [];
    if (WORDS.has(word.toLowerCase())) shown.push(word + end);
    else if (part !== '' && shown.at(-1) !== MASK) shown.push(MASK);
    if (shown.length === MAX_WORDS) break;
  }
  return shown.join(' ');
}
