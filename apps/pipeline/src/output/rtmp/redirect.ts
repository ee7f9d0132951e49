import { pushUrl, serverOf, TransferError, type TransferTarget, TransferUrl } from '#libs/transfer';
import type { Status } from './status.js';

/** From one of a platform's entries to its nearest, and there to a machine with room. More are a loop. */
export const MAX_REDIRECTS = 3;
/** Stands for the stream's name while a URL of an application is read. */
const NAME = 'name';

/** The server wants us to publish elsewhere. */
export class Redirected extends Error {
  constructor(readonly status: Status) {
    super('redirected');
  }
}

/**
 * Where to publish after a redirect. Servers name the application (a tcUrl), so the stream's name goes with it; a URL that
 * ends with the stream's name is a whole one. Throws TransferError `redirected` for what is not followed. The address itself
 * is checked where it is connected to.
 */
export function redirectTarget(from: TransferTarget, url: string): TransferTarget {
  if (url === '') throw refused('it does not say where to');
  const to = read(from, url);
  if (from.protocol === 'rtmps' && to.protocol === 'rtmp')
    throw refused('from rtmps to rtmp, which would send the stream key in clear');
  return { ...to, user: to.user ?? from.user, password: to.password ?? from.password, redirectedFrom: from };
}

function read(from: TransferTarget, url: string): TransferTarget {
  const [, server = '', path = ''] = /^([a-z]+:\/\/[^/?#]*)\/?(.*)$/is.exec(url) ?? [];
  try {
    const bare = withoutQuery(from.streamName);
    if (bare !== '' && withoutQuery(path).endsWith(`/${bare}`)) {
      const whole = TransferUrl.parse(url).target;
      return { ...whole, streamName: whole.streamName.includes('?') ? whole.streamName : from.streamName };
    }
    // Exactly as the server wrote it, but for a slash at its end.
    const app = path.replace(/\/$/, '') || from.app;
    const naming = { streamNamePrefix: '', fullUrl: false, passUrlParameters: true };
    const { target } = pushUrl(`${server}/${app}`, NAME, naming);
    return { ...target, app, tcUrl: `${serverOf(target)}/${app}`, streamName: from.streamName };
  } catch (error) {
    if (error instanceof TransferError) throw refused('to a URL that cannot be used');
    throw error;
  }
}

const withoutQuery = (text: string): string => text.replace(/\?.*/s, '');
const refused = (why: string): TransferError => new TransferError('redirected', why);
