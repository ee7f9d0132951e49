// The table of what statements cost, for docs/performance.md.
import type { Ran } from '../plans.js';

/** A statement that ran, and for what. */
export interface Line extends Ran {
  name: string;
  what: string;
  most: number;
}

/** For each operation the statement that looked at most pages, and how long the longest took, over all ways to call it. */
export function report(lines: readonly Line[]): string {
  const judged = lines.filter(({ isFirstCall }) => !isFirstCall);
  const named = new Map<string, Line[]>();
  for (const line of judged) {
    const name = line.name === 'by itself' ? `(${line.what})` : line.name;
    named.set(name, [...(named.get(name) ?? []), line]);
  }
  const rows = [...named].map(([name, of]) => {
    const dearest = of.reduce((a, b) => (b.buffers > a.buffers ? b : a));
    const times = of.map(({ ms }) => ms).toSorted((a, b) => a - b);
    const [median = 0, longest = 0] = [times[Math.floor(times.length / 2)], times.at(-1)];
    return `| ${name} | ${dearest.buffers} | ${dearest.most} | ${dearest.ms.toFixed(1)} | ${median.toFixed(2)} / ${longest.toFixed(1)} |`;
  });
  return [
    '| operation | most pages of a statement | bound | its ms | ms of its statements, median / longest |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}
