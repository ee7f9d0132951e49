import { TransferUrl } from './transfer-url.js';

/** How a stream's name and a server's URL become the URL to publish to (Flashphoner, "Set stream name to publish to RTMP server"). */
export interface PushNaming {
  /** Stands before the stream's name on the RTMP server. */
  streamNamePrefix: string;
  /** The URL names the stream itself; prefix and name stay out of it. */
  fullUrl: boolean;
  /** Send the parameters of the server's URL (`/app?user=1`) in RTMP's connect; otherwise they are left out. */
  passUrlParameters: boolean;
}

/** Where a push goes; the name under which the stream is found there is its `target.streamName`. Throws as TransferUrl.parse does. */
export function pushUrl(
  rtmpUrl: string,
  streamName: string,
  { streamNamePrefix, fullUrl, passUrlParameters }: PushNaming,
): TransferUrl {
  if (fullUrl) return TransferUrl.parse(rtmpUrl);
  const server = passUrlParameters ? rtmpUrl : rtmpUrl.replace(/\?.*/s, '');
  return TransferUrl.parse(inServer(server, streamNamePrefix + streamName));
}

/** A server's URL with more parameters for its application, as RTMP's connect shall carry them. */
export function withParameters(serverUrl: string, parameters: Record<string, string>): string {
  const added = Object.entries(parameters).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  );
  if (added.length === 0) return serverUrl;
  return `${serverUrl}${serverUrl.includes('?') ? '&' : '?'}${added.join('&')}`;
}

/**
 * `rtmp://host/app[/instance][?parameters]` with a stream's name at its end. Between an instance and its parameters
 * stands a slash: without it, `/app/instance?a=1/name` would read as application `app` and stream `instance?a=1/name`.
 */
function inServer(serverUrl: string, name: string): string {
  const [, server = '', query = ''] = /^([^?]*)(\?.*)?$/s.exec(serverUrl) ?? [];
  if (query === '') return `${server.replace(/\/$/, '')}/${name}`;
  const hasInstance = /^rtmps?:\/\/[^/]*\/[^/]+\/[^/]/i.test(server);
  return `${server}${hasInstance && !server.endsWith('/') ? '/' : ''}${query}/${name}`;
}
