const bytes = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });

/** Bits per second as people say it: "2.4 Mbit/s". */
export function bitrate(bps: number | null | undefined): string {
  if (bps == null) return '–';
  return bps >= 1_000_000 ? `${(bps / 1_000_000).toFixed(1)} Mbit/s` : `${Math.round(bps / 1000)} kbit/s`;
}

export function size(count: number | null | undefined): string {
  if (count == null) return '–';
  const steps = ['B', 'kB', 'MB', 'GB', 'TB'];
  const step = Math.min(steps.length - 1, count < 1 ? 0 : Math.floor(Math.log10(count) / 3));
  return `${bytes.format(count / 1000 ** step)} ${steps[step]}`;
}

/** "1:02:03", or "4:05" below an hour. */
export function duration(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000));
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const two = (value: number): string => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

/** "in 45 s", "3 min ago": the largest unit that fits. */
export function relative(at: string, now: number): string {
  const seconds = Math.round((Date.parse(at) - now) / 1000);
  const format = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });
  const units: [Intl.RelativeTimeFormatUnit, number][] = [
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
  ];
  for (const [unit, length] of units)
    if (Math.abs(seconds) >= length) return format.format(Math.trunc(seconds / length), unit);
  return format.format(seconds, 'second');
}

const monthDay = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

export const clockTime = (at: string): string => clock.format(new Date(at));
/** The time of day; with the day where that is not today's, in the viewer's zone. */
export function momentOf(at: string, now: number): string {
  const [then, today] = [new Date(at), new Date(now)];
  return then.toDateString() === today.toDateString()
    ? clock.format(then)
    : `${monthDay.format(then)}, ${clock.format(then)}`;
}
export const fullTime = (at: string): string => full.format(new Date(at));
export const dayOf = (at: string): string => day.format(new Date(at));

const CODECS: Record<string, string> = { H264: 'H.264', OPUS: 'Opus' };

/** A codec's name as people write it; as in SDP, in capitals or not. */
export const codec = (name: string): string => CODECS[name.toUpperCase()] ?? name.toUpperCase();

/** "1280×720, 30 fps" as far as it is known. */
export function picture(figures: { width?: number | null; height?: number | null; fps?: number } | null): string {
  if (figures === null) return '–';
  const parts = [
    figures.width != null && figures.height != null ? `${figures.width}×${figures.height}` : '',
    figures.fps ? `${Math.round(figures.fps)} fps` : '',
  ];
  return parts.filter(Boolean).join(', ') || '–';
}
