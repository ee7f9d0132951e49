import { Text } from '@mantine/core';
import type { Blame, Reason } from '../api/index.js';

const WHOSE: Record<Blame, string> = {
  platform: 'On the platform’s side',
  customer: 'In the settings or stream key',
  publisher: 'On the publisher’s side',
  operator: 'For the operator of this service',
  service: 'A fault of this service',
  nobody: '',
};

/** Why something is as it is: what happened and the way out, and whose turn it is. */
export function ReasonText({ reason }: { reason: Reason | null }) {
  if (reason === null) return null;
  const whose = WHOSE[reason.blame] ?? '';
  return (
    <div>
      <Text size="sm">{reason.text}</Text>
      <Text size="xs" c="dimmed">
        {[whose, reason.detail].filter(Boolean).join(' · ')}
      </Text>
    </div>
  );
}
