import { isIPv6 } from 'node:net';
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

/**
 * Reads `rtmp[s]://[user:password@]host[:port]/app[/instance]/streamName[?query]`. A query before the stream name
 * (`/app?token=1/name`) belongs to the application; without a name behind it (`/app?user=u&pass=p`) there is only an application.
 * docs/destination-urls.md has a table of what platforms publish. Throws TransferError `url_invalid` whose detail says what is wrong and
 * repeats nothing of the URL.
 */
export function parseTransferUrl(url: string): TransferTarget {
  if (url.length > MAX_LENGTH) throw invalid(`is longer than ${MAX_LENGTH} characters`);
  // They would end up in RTMP messages and logs.
  if (/[\s\p{Cc}]/u.test(url) || !url.isWellFormed()) throw invalid('has a blank or a control character');
  const match = PARTS.exec(url);
  if (!match) throw invalid(/^rtmps?:\/\//i.test(url) ? 'is malformed' : 'does not begin with rtmp:// or rtmps://');
  const [, scheme, credentials, rawHost, rawPort, path = ''] = match;
  const protocol = (scheme as string).toLowerCase() as 'rtmp' | 'rtmps';
  const host = (rawHost as string).replace(/^\[|\]$/g, '');
  if ((rawHost as string).startsWith('[') ? !(isIPv6(host) && !host.includes('%')) : !HOST_NAME.test(host)) {
    throw invalid(host === '' ? 'has no host' : 'has a bad host');
  }
  const port = rawPort === undefined || rawPort === '' ? DEFAULT_PORTS[protocol] : Number(rawPort);
  if (port < 1 || port > 65_535) throw invalid('has a bad port');
  const { app, streamName } = splitPath(path.slice(1), host);
  const authority = port === DEFAULT_PORTS[protocol] ? (rawHost as string) : `${rawHost}:${port}`;
  return {
    protocol,
    host,
    port,
    app,
    streamName,
    tcUrl: `${protocol}://${authority}/${app}`,
    ...readCredentials(credentials),
  };
}

function splitPath(text: string, host: string): { app: string; streamName: string } {
  const platform = PLATFORMS.find((one) => one.host.test(host));
  const known = platform?.apps.find((app) => text.startsWith(`${app}/`));
  const { app, streamName } =
    known === undefined ? splitAtLastSlash(text) : { app: known, streamName: text.slice(known.length + 1) };
  if (app === '' && streamName !== '' && platform?.defaultApp !== undefined)
    return { app: platform.defaultApp, streamName };
  // The form of MediaMTX: `rtmp://host/stream?user=u&pass=p`.
  if (app === '' && /^[^?]+\?./.test(streamName)) return { app: streamName, streamName: '' };
  if (app === '' || app.startsWith('?')) throw invalid('has no application in its path (rtmp://host/app/key)');
  if (streamName === '') throw invalid('has no stream key in its path (rtmp://host/app/key)');
  return { app, streamName };
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

function readCredentials(text: string | undefined): { user?: string; password?: string } {
  if (text === undefined || text === '') return {};
  try {
    const [user = '', password = ''] = text.split(/:(.*)/s);
    return { user: decodeURIComponent(user), password: decodeURIComponent(password) };
  } catch {
    throw invalid('has badly escaped credentials');
  }
}

const invalid = (why: string): TransferError => new TransferError('url_invalid', `the URL ${why}`);

/** The one form of a URL that is shown and logged: scheme, host, port and application; credentials, query and key masked. */
export function redactTransferUrl(url: string): string {
  try {
    const { protocol, host, port, app, streamName } = parseTransferUrl(url);
    const shownHost = host.includes(':') ? `[${host}]` : host;
    const shownPort = port === DEFAULT_PORTS[protocol] ? '' : `:${port}`;
    // A key typed without its application looks like an application alone.
    const shownApp = streamName === '' ? '' : `${app.replace(/\?.*/s, '?***')}/`;
    return `${protocol}://${shownHost}${shownPort}/${shownApp}***`;
  } catch {
    return '***';
  }
}
