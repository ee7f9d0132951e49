import { isIPv6 } from 'node:net';
import { inspect } from 'node:util';
import { TransferError } from './reasons.js';

/** Where and how to publish, taken apart the way RTMP's `connect` and `publish` want it. */
export interface TransferTarget {
  protocol: 'rtmp' | 'rtmps';
  /** Name or literal address, without brackets. */
  host: string;
  port: number;
  /** Application: everything of the path but its last part; may hold an instance (`app/instance`) and a query. */
  app: string;
  /** What is published: the last part of the path with its query. The stream key. Empty for servers that have only applications. */
  streamName: string;
  /** `connect`'s tcUrl: scheme, authority (without credentials, without a default port) and app. */
  tcUrl: string;
  user?: string;
  password?: string;
  /** The server that led here, which was told things too. */
  redirectedFrom?: TransferTarget;
}

const DEFAULT_PORTS = { rtmp: 1935, rtmps: 443 };
const MAX_LENGTH = 2048;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i;
/** RFC 3986, appendix B, with the authority already taken apart. A parser of URLs for the web would change the key's characters. */
const PARTS = /^(rtmps?):\/\/(?:([^/?#@]*)@)?(\[[^\]/]*\]|[^/?#:@[\]]*)(?::(\d*))?(\/.*)?$/i;
/** Platforms whose keys may have slashes, so that the last one does not say where the key begins; and those that publish a URL without the application that they want. */
const PLATFORMS: { host: RegExp; apps: string[]; defaultApp?: string }[] = [
  { host: /(^|\.)(nicovideo\.jp|dmc\.nico)\.?$/i, apps: ['live/input', 'named_input'] },
  // Amazon IVS, and Kick, whose page names the host alone.
  { host: /\.live-video\.net\.?$/i, apps: ['app'], defaultApp: 'app' },
];

/** A URL taken apart, with the first rule that it breaks. */
interface TakenApart {
  target: TransferTarget;
  problem: string | null;
}

/**
 * Where a transfer goes: the URL as the customer wrote it, its parts, and the form of it that may be shown. It is made once,
 * where a text comes from outside (`parse`), and is carried as this value from there on. docs/architecture.md says where.
 * It holds a stream key: printed, logged or put into JSON by mistake it is its masked form.
 */
export class TransferUrl {
  private constructor(
    /** As it was given. Only to be sealed, hashed and compared. */
    readonly text: string,
    private parts?: TransferTarget,
  ) {}

  /**
   * Reads and judges `rtmp[s]://[user:password@]host[:port]/app[/instance]/streamName[?query]`. A query before the stream name
   * (`/app?token=1/name`) belongs to the application; without a name behind it (`/app?user=u&pass=p`) there is only an application.
   * docs/destination-urls.md has a table of what platforms publish. Throws TransferError `url_invalid` whose detail says what is
   * wrong and repeats nothing of the URL.
   */
  static parse(text: string): TransferUrl {
    if (text.length > MAX_LENGTH) throw invalid(`is longer than ${MAX_LENGTH} characters`);
    // They would end up in RTMP messages and logs.
    if (/[\s\p{Cc}]/u.test(text) || !text.isWellFormed()) throw invalid('has a blank or a control character');
    const read = takeApart(text);
    if (!read) throw invalid(/^rtmps?:\/\//i.test(text) ? 'is malformed' : 'does not begin with rtmp:// or rtmps://');
    if (read.problem !== null) throw invalid(read.problem);
    return new TransferUrl(text, read.target);
  }

  /**
   * A URL that was parsed before it was stored: taken apart again by the same rule when its parts are asked for, and not judged
   * again. A rule that has become stricter since does not end a transfer that runs.
   */
  static revive(text: string): TransferUrl {
    return new TransferUrl(text);
  }

  /** Throws TransferError `url_invalid` for a revived text that never was a URL. */
  get target(): TransferTarget {
    this.parts ??= takeApart(this.text)?.target;
    if (!this.parts) throw invalid('is malformed');
    return this.parts;
  }

  /** The one form that is shown and logged: scheme, host, port and application; credentials, query and key masked. */
  get masked(): string {
    const target = this.parts ?? takeApart(this.text)?.target;
    if (!target) return '***';
    const { app, streamName } = target;
    // A key typed without its application looks like an application alone.
    return `${serverOf(target)}/${streamName === '' ? '' : `${app.replace(/\?.*/s, '?***')}/`}***`;
  }

  toString(): string {
    return this.masked;
  }

  toJSON(): string {
    return this.masked;
  }

  [inspect.custom](): string {
    return this.masked;
  }
}

/** `rtmp://host` with the port where it is not the scheme's own: what of a URL is no secret, whoever sees it. */
export function serverOf({ protocol, host, port }: TransferTarget): string {
  const shownHost = host.includes(':') ? `[${host}]` : host;
  return `${protocol}://${shownHost}${port === DEFAULT_PORTS[protocol] ? '' : `:${port}`}`;
}

/** Null for what has not the form of a URL at all. */
function takeApart(url: string): TakenApart | null {
  const match = PARTS.exec(url);
  if (!match) return null;
  const [, scheme, credentials, rawHost, rawPort, path = ''] = match;
  const protocol = (scheme as string).toLowerCase() as 'rtmp' | 'rtmps';
  const host = (rawHost as string).replace(/^\[|\]$/g, '');
  const port = rawPort === undefined || rawPort === '' ? DEFAULT_PORTS[protocol] : Number(rawPort);
  const { app, streamName, problem } = splitPath(path.slice(1), host);
  const login = readCredentials(credentials);
  const target = { protocol, host, port, app, streamName, tcUrl: '', ...login };
  target.tcUrl = `${serverOf(target)}/${app}`;
  return {
    target,
    problem:
      hostProblem(rawHost as string, host) ??
      (port < 1 || port > 65_535 ? 'has a bad port' : null) ??
      problem ??
      (login === null ? 'has badly escaped credentials' : null),
  };
}

function hostProblem(rawHost: string, host: string): string | null {
  if (host === '') return 'has no host';
  const isGood = rawHost.startsWith('[') ? isIPv6(host) && !host.includes('%') : HOST_NAME.test(host);
  return isGood ? null : 'has a bad host';
}

function splitPath(text: string, host: string): { app: string; streamName: string; problem: string | null } {
  const platform = PLATFORMS.find((one) => one.host.test(host));
  const known = platform?.apps.find((app) => text.startsWith(`${app}/`));
  const { app, streamName } =
    known === undefined ? splitAtLastSlash(text) : { app: known, streamName: text.slice(known.length + 1) };
  if (app === '' && streamName !== '' && platform?.defaultApp !== undefined)
    return { app: platform.defaultApp, streamName, problem: null };
  // The form of MediaMTX: `rtmp://host/stream?user=u&pass=p`.
  if (app === '' && /^[^?]+\?./.test(streamName)) return { app: streamName, streamName: '', problem: null };
  const problem =
    app === '' || app.startsWith('?')
      ? 'has no application in its path (rtmp://host/app/key)'
      : streamName === ''
        ? 'has no stream key in its path (rtmp://host/app/key)'
        : null;
  return { app, streamName, problem };
}

/** Split at the last slash before the stream's own query; if the stream name has no path before it, there is no app. */
function splitAtLastSlash(text: string): { app: string; streamName: string } {
  const query = text.indexOf('?');
  // `app?x=1/name`: a slash after the question mark ends the application's query; tokens with slashes follow an `=` in the last part.
  // `app/?x=1/name` is the same, as Flashphoner's pages write it; in `app/?sign=a/b==` the slash belongs to a key that is all query.
  const inApp = query !== -1 && (!text.slice(0, query).includes('/') || /^[^?]*\/\?[^?]*\/[^/?=&]+(\?|$)/.test(text));
  // In `app?x=1/name?y=a/b` a second question mark begins the stream's query.
  const ownQuery = inApp ? text.indexOf('?', text.indexOf('/', query) + 1) : query;
  const limit = ownQuery === -1 ? text.length : ownQuery;
  const slash = text.lastIndexOf('/', limit - 1);
  return { app: text.slice(0, Math.max(0, slash)), streamName: text.slice(slash + 1) };
}

/** Null when they are badly escaped. */
function readCredentials(text: string | undefined): { user?: string; password?: string } | null {
  if (text === undefined || text === '') return {};
  try {
    const [user = '', password = ''] = text.split(/:(.*)/s);
    return { user: decodeURIComponent(user), password: decodeURIComponent(password) };
  } catch {
    return null;
  }
}

const invalid = (why: string): TransferError => new TransferError('url_invalid', `the URL ${why}`);
