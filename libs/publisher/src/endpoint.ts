const PLACEHOLDER = /\{stream_name\}|%7Bstream_name%7D/i;

/**
 * The WHIP URL of a stream: its name replaces `{stream_name}`, or follows the entry point's URL. Without a name the URL is taken as
 * complete. `base` is the page's own address, for URLs without a host.
 */
export function endpointOf(whipUrl: string, name: string | undefined, base: string): string {
  const url = new URL(whipUrl, base);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new Error(`${url.protocol}// does not lead to WHIP: urlServer is https://<host>/whip/<appid>/<entry point>.`);
  }
  if (name === undefined) {
    if (PLACEHOLDER.test(url.pathname)) throw new Error('The stream needs a name.');
    return url.href;
  }
  if (name === '') throw new Error('The name of the stream is empty.');
  const encoded = encodeURIComponent(name);
  url.pathname = PLACEHOLDER.test(url.pathname)
    ? url.pathname.replace(PLACEHOLDER, () => encoded)
    : `${url.pathname.replace(/\/$/, '')}/${encoded}`;
  return url.href;
}
