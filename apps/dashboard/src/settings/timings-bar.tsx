import { Text } from '@mantine/core';
import type { Timings } from '../api/index.js';

const PHASES: [keyof Timings, string, string][] = [
  ['dnsMs', 'DNS', '#4c8bbf'],
  ['connectMs', 'connect', '#2a9fb4'],
  ['tlsMs', 'TLS', '#7a6fc0'],
  ['waitMs', 'wait', '#d08a2e'],
  ['readMs', 'read', '#5aa36a'],
];

/** Where the time of a request went. */
export function TimingsBar({ timings }: { timings: Timings }) {
  const phases = PHASES.flatMap(([key, word, colour]) =>
    timings[key] === undefined || timings[key] === null ? [] : [{ word, colour, ms: timings[key] }],
  );
  const total = phases.reduce((sum, { ms }) => sum + ms, 0);
  if (phases.length === 0) return null;
  return (
    <div>
      <div
        aria-hidden
        style={{
          display: 'flex',
          height: 6,
          borderRadius: 3,
          overflow: 'hidden',
          margin: '6px 0 4px',
          background: 'var(--calm-soft)',
        }}
      >
        {phases.map(({ word, colour, ms }) => (
          <div key={word} style={{ width: `${(ms / Math.max(total, 1)) * 100}%`, background: colour }} />
        ))}
      </div>
      <Text size="xs" c="dimmed">
        {phases.map(({ word, ms }) => `${word} ${Math.round(ms)} ms`).join(' · ')}
      </Text>
    </div>
  );
}
