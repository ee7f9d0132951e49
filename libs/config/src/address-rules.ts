import type { Env } from './env.js';

/** What AllowList reads: where callbacks and transfers may go though it is private, and (with a `!`) what is our own though it is public. */
export function addressRules({
  ALLOWED_PRIVATE_HOSTS,
  OWN_ADDRESSES,
  MEDIA_ADDRESSES,
  PUBLIC_URL,
  DATABASE_URL,
  REDIS_URL,
}: Env): string {
  const urls = [PUBLIC_URL, DATABASE_URL, REDIS_URL].flatMap((url) =>
    url === undefined || !URL.canParse(url) ? [] : [new URL(url).hostname.replace(/^\[|\]$/g, '')],
  );
  const own = [...urls, ...OWN_ADDRESSES.split(','), ...MEDIA_ADDRESSES.split(',')]
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  return [ALLOWED_PRIVATE_HOSTS, ...own.map((entry) => `!${entry}`)].join(',');
}
