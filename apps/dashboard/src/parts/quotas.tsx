import { Text } from '@mantine/core';
import type { Customer, Quotas } from '../api/index.js';

export const QUOTA_WORDS: Record<keyof Quotas, string> = {
  projects: 'Projects',
  entryPoints: 'Entry points per project',
  streams: 'Concurrent streams',
  transfersPerStream: 'Destinations per stream',
  callbacksPerMinute: 'Callbacks per minute',
};

/** What a customer may have, and has. */
export function QuotaList({ customer: { quotas, usage } }: { customer: Customer }) {
  return (
    <dl style={{ display: 'grid', gridTemplateColumns: 'max-content 1fr', gap: '4px 16px', margin: 0 }}>
      {(Object.keys(QUOTA_WORDS) as (keyof Quotas)[]).map((name) => (
        <div key={name} style={{ display: 'contents' }}>
          <Text component="dt" size="sm" c="dimmed">
            {QUOTA_WORDS[name]}
          </Text>
          <Text component="dd" size="sm" m={0} className="num">
            {name === 'projects' || name === 'streams' ? `${usage[name]} of ${quotas[name]}` : quotas[name]}
          </Text>
        </div>
      ))}
    </dl>
  );
}
