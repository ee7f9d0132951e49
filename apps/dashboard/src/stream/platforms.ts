/** Where people stream to, with all of the URL but the key. */
export interface Platform {
  value: string;
  label: string;
  /** What stands before the key; empty where every account has its own. */
  server: string;
  /** Where the key is found there. */
  hint: string;
}

export const PLATFORMS: Platform[] = [
  {
    value: 'youtube',
    label: 'YouTube',
    server: 'rtmps://a.rtmps.youtube.com/live2',
    hint: 'YouTube Studio, Create, Go live: “Stream key”.',
  },
  {
    value: 'twitch',
    label: 'Twitch',
    server: 'rtmps://ingest.global-contribute.live-video.net/app',
    hint: 'Creator Dashboard, Settings, Stream: “Primary stream key”.',
  },
  {
    value: 'facebook',
    label: 'Facebook',
    server: 'rtmps://live-api-s.facebook.com:443/rtmp',
    hint: 'Live Producer, Streaming software: “Stream key”.',
  },
  {
    value: 'kick',
    label: 'Kick',
    server: 'rtmps://fa723fc1b171.global-contribute.live-video.net/app',
    hint: 'Creator Dashboard, Settings, Stream: “Stream URL” (if it is another one) and “Stream key”.',
  },
  { value: 'custom', label: 'Custom', server: '', hint: 'Any rtmp:// or rtmps:// server.' },
];

/** Server and key as one URL; the key may be absent where the server holds it already. */
export function transferUrl(server: string, key: string): string {
  const base = server.trim().replace(/\/+$/, '');
  return key.trim() === '' ? base : `${base}/${key.trim().replace(/^\/+/, '')}`;
}

/** The platform's name for a URL's host, for people who think in names. */
export function platformOf(url: string): string | null {
  const host = /^rtmps?:\/\/(?:[^@/]*@)?([^:/]+)/i.exec(url)?.[1]?.toLowerCase() ?? '';
  const known: [RegExp, string][] = [
    [/(^|\.)youtube\.com$/, 'YouTube'],
    // Both are at Amazon IVS; Kick has an account of its own there.
    [/^fa723fc1b171\.global-contribute\.live-video\.net$/, 'Kick'],
    [/(^|\.)(twitch\.tv|live-video\.net)$/, 'Twitch'],
    [/(^|\.)facebook\.com$/, 'Facebook'],
    [/(^|\.)kick\.com$/, 'Kick'],
  ];
  return known.find(([pattern]) => pattern.test(host))?.[1] ?? null;
}
