import { dayOf, duration, fullTime, momentOf, relative } from './format.js';
import { useNow } from './now.js';

/** "3 min ago", in full on hover. */
export function Ago({ at }: { at: string }) {
  return (
    <time dateTime={at} title={fullTime(at)}>
      {relative(at, useNow())}
    </time>
  );
}

/** The time of day; the day as well, where it is another one. */
export function Clock({ at }: { at: string }) {
  return (
    <time dateTime={at} title={fullTime(at)}>
      {momentOf(at, useNow())}
    </time>
  );
}

export function Day({ at }: { at: string | null }) {
  if (at === null) return <>never</>;
  return (
    <time dateTime={at} title={fullTime(at)}>
      {dayOf(at)}
    </time>
  );
}

/** How long something has run, counting while it does. */
export function Running({ since, until }: { since: string; until: string | null }) {
  const now = useNow();
  return (
    <span title={`since ${fullTime(since)}`}>
      {duration((until === null ? now : Date.parse(until)) - Date.parse(since))}
    </span>
  );
}

/** "next try in 12 sec.", counting down. */
export function Countdown({ to }: { to: string }) {
  const now = useNow();
  const left = Math.ceil((Date.parse(to) - now) / 1000);
  return <span title={fullTime(to)}>{left > 0 ? `next try in ${left} s` : 'trying now'}</span>;
}
