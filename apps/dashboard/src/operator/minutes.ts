import type { HistoryPoint } from '../api/index.js';

const MINUTE_MS = 60_000;

/** A minute of a chart; without a point where nobody measured: the line has a gap there and is not drawn across it. */
export interface ChartMinute {
  at: string;
  point: HistoryPoint | null;
}

/** Every minute up to the newest point, oldest first. */
export function minuteByMinute(points: HistoryPoint[], minutes: number): ChartMinute[] {
  const newest = points.at(-1);
  if (newest === undefined) return [];
  const byTime = new Map(points.map((point) => [Date.parse(point.at), point]));
  return Array.from({ length: minutes }, (_, index) => {
    const time = Date.parse(newest.at) - (minutes - 1 - index) * MINUTE_MS;
    return { at: new Date(time).toISOString(), point: byTime.get(time) ?? null };
  });
}

/** Whether some minute was measured and neither the one before nor the one after. */
export function hasLoneMinute(points: HistoryPoint[]): boolean {
  const times = new Set(points.map(({ at }) => Date.parse(at)));
  return [...times].some((time) => !times.has(time - MINUTE_MS) && !times.has(time + MINUTE_MS));
}
