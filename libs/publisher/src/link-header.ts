const LINK = /<([^>]*)>((?:\s*;\s*[\w-]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^",;\s]*))?)*)/g;
const PARAMETER = /;\s*([\w-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^",;\s]*)))?/g;

/** The ICE servers in a `Link` header (RFC 9725, section 4.6); `fetch` joins several headers with commas. */
export function parseIceServers(header: string | null): RTCIceServer[] {
  return [...(header ?? '').matchAll(LINK)].flatMap(([, target = '', rest = '']) => {
    const parameters = new Map(
      [...rest.matchAll(PARAMETER)].map(([, name = '', quoted, bare]) => [
        name.toLowerCase(),
        quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '',
      ]),
    );
    if (!(parameters.get('rel') ?? '').split(/\s+/).includes('ice-server') || !/^(stun|turn)s?:/.test(target))
      return [];
    const username = parameters.get('username');
    const credential = parameters.get('credential');
    return [
      username === undefined || credential === undefined ? { urls: target } : { urls: target, username, credential },
    ];
  });
}
