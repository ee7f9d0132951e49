import { NativeSelect } from '@mantine/core';

const DAY_MS = 86_400_000;
/** How long a ban may hold, by what is chosen. */
const SPANS = { hour: DAY_MS / 24, day: DAY_MS, week: 7 * DAY_MS, month: 30 * DAY_MS, year: 365 * DAY_MS } as const;
export type BanSpan = keyof typeof SPANS;

const CHOICES: { value: BanSpan; label: string }[] = [
  { value: 'hour', label: 'for an hour' },
  { value: 'day', label: 'for a day' },
  { value: 'week', label: 'for 7 days' },
  { value: 'month', label: 'for 30 days' },
  { value: 'year', label: 'for a year' },
];

/** The time at which a ban of this length ends, as the API takes it. */
export const resumeTimeAfter = (span: BanSpan, now: number): string => new Date(now + SPANS[span]).toISOString();

/** Chooses how long a name is banned. */
export function BanTime({ value, onChange }: { value: BanSpan; onChange: (span: BanSpan) => void }) {
  return (
    <NativeSelect
      label="How long"
      data={CHOICES}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value as BanSpan)}
    />
  );
}
