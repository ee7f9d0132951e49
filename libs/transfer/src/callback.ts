import { TransferError } from './reasons.js';
import { isOption, optionProblems, type TransferOptions } from './options.js';
import { TransferUrl } from './transfer-url.js';

/** The most URLs of one answer that are forwarded to. */
export const MAX_TRANSFER_URLS = 50;
/** The most mistakes of one answer that are reported, and what is read of it: there is room for 30,000 in 64 KiB, each costs time that others' requests wait for, and is a sentence in the history. */
const MAX_BAD_ELEMENTS = 50;
/** The most elements that are looked at, good or bad: the same URL over and over is no mistake. */
const MAX_ELEMENTS = 1000;

/** `{callbackUrl}?entry_point=&stream_name=`, appended to whatever query the URL has (Agora, "Stream transfer settings"). */
export function callbackRequestUrl(callbackUrl: string, entryPoint: string, streamName: string): string {
  const url = new URL(callbackUrl);
  url.hash = '';
  const added = `entry_point=${encodeURIComponent(entryPoint)}&stream_name=${encodeURIComponent(streamName)}`;
  url.search = url.search.length > 1 ? `${url.search}&${added}` : added;
  return url.href;
}

/** Whether a callbackUrl can be stored at all; null if so, else what is wrong. Where it leads is checked at each call. */
export function callbackUrlProblem(text: string): string | null {
  if (text.length > 2048) return 'must not be longer than 2048 characters';
  if (!URL.canParse(text)) return 'must be an http:// or https:// URL';
  const { protocol, username, password } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:') return 'must be an http:// or https:// URL';
  if (username !== '' || password !== '') return 'must not hold a user name or password';
  return null;
}

/** One element of `transferUrls` that can be forwarded to. */
export interface AnsweredUrl {
  /** Its place in the answer, from 0. */
  element: number;
  url: TransferUrl;
  options: TransferOptions;
}

/** What was wrong with an element; `element` counts from 0. */
export interface BadElement {
  element: number;
  message: string;
}

export interface CallbackAnswer {
  urls: AnsweredUrl[];
  bad: BadElement[];
}

/**
 * Reads the customer's answer `{"transferUrls": [...]}`. Good elements are kept whatever the others are; a URL named twice
 * counts once. Throws TransferError `callback_not_json` or `callback_bad_answer`.
 */
export function parseCallbackAnswer(body: string): CallbackAnswer {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    throw new TransferError('callback_not_json');
  }
  const list = (answer as { transferUrls?: unknown } | null)?.transferUrls;
  if (!Array.isArray(list)) throw new TransferError('callback_bad_answer');
  const urls = new Map<string, AnsweredUrl>();
  const bad: BadElement[] = [];
  let element = 0;
  for (; element < Math.min(list.length, MAX_ELEMENTS) && bad.length <= MAX_BAD_ELEMENTS; element += 1) {
    const read = readElement(list[element]);
    if (typeof read === 'string') bad.push({ element, message: read });
    else if (urls.has(read.url.text)) continue;
    else if (urls.size >= MAX_TRANSFER_URLS)
      bad.push({ element, message: `only ${MAX_TRANSFER_URLS} URLs are forwarded to` });
    else urls.set(read.url.text, { element, ...read });
  }
  const rest = list.length - element;
  if (rest > 0)
    bad.push({
      element,
      message: `and what follows was not looked at: ${rest} elements after ${bad.length > MAX_BAD_ELEMENTS ? `${bad.length} mistakes` : `the first ${MAX_ELEMENTS}`}`,
    });
  return { urls: [...urls.values()], bad };
}

/** What an element asks for, or the mistake in it; no Error for each, whose stack costs more than all the rest. */
function readElement(element: unknown): Omit<AnsweredUrl, 'element'> | string {
  if (typeof element === 'string') return checked(element.trim(), {});
  const { url, options = {} } = (element ?? {}) as { url?: unknown; options?: unknown };
  if (typeof url !== 'string') return 'is neither a URL nor an object with one';
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    return 'has options that are not an object';
  const [problem] = optionProblems(options as Record<string, unknown>);
  // A name that is none of ours may be anything, a key too.
  if (problem)
    return isOption(problem.field)
      ? `has a bad option: ${problem.field} ${problem.message}`
      : 'has an option that is not known';
  return checked(url.trim(), options as TransferOptions);
}

function checked(url: string, options: TransferOptions): Omit<AnsweredUrl, 'element'> | string {
  try {
    return { url: TransferUrl.parse(url), options };
  } catch (error) {
    return error instanceof TransferError ? (error.detail ?? error.message) : String((error as Error).message);
  }
}
